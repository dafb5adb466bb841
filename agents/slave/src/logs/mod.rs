//! Log files of the software under test: after each stage what is new in them is put aside for the engine.
//!
//! Where a machine was made for a run, the first collection brings a file whole. Where a machine has carried runs
//! before, what was written between the runs belongs to none of them: each run starts at the files' ends.

pub mod position;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use xrdtest_model::event::CollectedLog;
use xrdtest_model::size::human_bytes;

use self::position::{Position, Relation, Seen, relation};
use crate::crash::Ledger;

/// Files that one pattern may bring.
const FILES_PER_PATTERN: usize = 100;

/// How far each log file has been collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Counts collections, so that one that was begun before the agent died is recognised.
    pub sequence: u64,
    positions: BTreeMap<PathBuf, Position>,
    /// How far crashes have been collected.
    #[serde(default)]
    pub crashes: Ledger,
}

/// What one collection adds to the book. It is written with the stage's report, so the two can't disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    sequence: u64,
    positions: BTreeMap<PathBuf, Position>,
}

/// A part of a file.
#[derive(Debug)]
struct Piece {
    file: File,
    start: u64,
    length: u64,
}

impl Book {
    /// Takes a collection over; one that is in the book already changes nothing.
    pub fn apply(&mut self, update: &Update) {
        if update.sequence > self.sequence {
            self.sequence = update.sequence;
            self.positions.extend(update.positions.clone());
        }
    }

    /// A run begins: what the files hold now is not its own. Files that are gone are forgotten.
    pub fn begin_run(&mut self) {
        self.sequence += 1;
        self.positions.retain(|path, position| match open(path).and_then(|file| Seen::of(&file)) {
            Ok(seen) => {
                *position = seen.end();
                true
            }
            Err(_) => false,
        });
    }

    /// Puts what is new in each file into `folder`, as `0`, `1` … in the order of the answer; or from another number
    /// on, `first`. At most `limit` bytes of each are kept: the last ones. What can't be read is a note, not an error.
    ///
    /// # Errors
    /// Where `folder` can't be written.
    pub fn collect(
        &self,
        patterns: &[String],
        limit: u64,
        folder: &Path,
        first: usize,
    ) -> io::Result<(Vec<CollectedLog>, Update)> {
        let mut update = Update { sequence: self.sequence + 1, positions: BTreeMap::new() };
        let mut logs: Vec<CollectedLog> = Vec::new();
        for path in patterns.iter().flat_map(|pattern| expand(pattern)) {
            if logs.iter().any(|log| Path::new(&log.path) == path) {
                continue;
            }
            if logs.is_empty() {
                fs::create_dir_all(folder)?;
            }
            let (pieces, notes, position) = self.look(&path);
            let target = folder.join((first + logs.len()).to_string());
            let (length, note) = keep(pieces, notes, limit, &target)?;
            if let Some(position) = position {
                update.positions.insert(path.clone(), position);
            }
            let path = path.to_string_lossy().into_owned();
            logs.push(CollectedLog { path, length, note, artifact: false });
        }
        Ok((logs, update))
    }

    /// What of a file is new, what is worth knowing, and how far it is collected then.
    fn look(&self, path: &Path) -> (Vec<Piece>, Vec<String>, Option<Position>) {
        let known = self.positions.get(path);
        let (file, seen) = match open(path).and_then(|file| Seen::of(&file).map(|seen| (file, seen))) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(path, known),
            Err(error) => return (Vec::new(), vec![error.to_string()], None),
        };
        let mut pieces = Vec::new();
        let mut notes = Vec::new();
        let start = match known.map(|known| relation(known, &seen, &file)) {
            None => 0,
            Some(Relation::Grown { from }) => from,
            Some(Relation::Truncated) => {
                notes.push("truncated".to_owned());
                0
            }
            Some(Relation::Another { continues }) => {
                match (known.and_then(|known| rest_of_rotated(path, known)), continues) {
                    (Some((rest, _)), _) => {
                        notes.push("rotated".to_owned());
                        pieces.push(rest);
                        0
                    }
                    (None, Some(from)) => from,
                    (None, None) => {
                        notes.push("rotated, the old file is gone".to_owned());
                        0
                    }
                }
            }
        };
        pieces.push(Piece { file, start, length: seen.size - start });
        (pieces, notes, Some(seen.end()))
    }
}

/// The file is not there. If it was rotated and not yet begun anew, the rest of the old one is still found.
fn missing(path: &Path, known: Option<&Position>) -> (Vec<Piece>, Vec<String>, Option<Position>) {
    let note = vec!["missing".to_owned()];
    match known.and_then(|known| rest_of_rotated(path, known)) {
        Some((piece, position)) => (vec![piece], note, Some(position)),
        None => (Vec::new(), note, None),
    }
}

/// What was written to a file before it was renamed, as rotation does: `xrootd.log.1` beside `xrootd.log`.
fn rest_of_rotated(path: &Path, known: &Position) -> Option<(Piece, Position)> {
    let name = path.file_name()?.to_str()?;
    let siblings = fs::read_dir(path.parent()?).ok()?.flatten();
    siblings
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|other| other.starts_with(name) && other != name)
        })
        .find_map(|entry| {
            let file = open(&entry.path()).ok()?;
            let seen = Seen::of(&file).ok()?;
            match relation(known, &seen, &file) {
                Relation::Grown { from } => {
                    let length = seen.size - from;
                    Some((Piece { file, start: from, length }, seen.end()))
                }
                _ => None,
            }
        })
}

/// Opens a regular file. A pipe would hold the open call, and a device has no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// The files that a path or a pattern means.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let itself = || vec![PathBuf::from(pattern)];
    if !pattern.contains(['*', '?', '[']) {
        return itself();
    }
    match glob::glob(pattern) {
        Ok(paths) => {
            let found: Vec<PathBuf> =
                paths.flatten().filter(|path| path.is_file()).take(FILES_PER_PATTERN).collect();
            if found.is_empty() { itself() } else { found }
        }
        Err(_) => itself(),
    }
}

/// Copies the last `limit` bytes of the pieces, and says what is worth knowing.
fn keep(pieces: Vec<Piece>, notes: Vec<String>, limit: u64, target: &Path) -> io::Result<(u64, String)> {
    let mut notes = notes;
    let total: u64 = pieces.iter().map(|piece| piece.length).sum();
    let mut skip = total.saturating_sub(limit);
    if skip > 0 {
        notes.push(format!("tail only, {} left out", human_bytes(skip)));
    }
    let mut kept = 0;
    if total > 0 {
        let mut output =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(target)?;
        for mut piece in pieces {
            let skipped = skip.min(piece.length);
            skip -= skipped;
            piece.file.seek(SeekFrom::Start(piece.start + skipped))?;
            kept += io::copy(&mut piece.file.take(piece.length - skipped), &mut output)?;
        }
    }
    Ok((kept, notes.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        folder: tempfile::TempDir,
        book: Book,
        limit: u64,
    }

    impl Machine {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), book: Book::default(), limit: 1000 }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).unwrap();
        }

        fn append(&self, name: &str, text: &str) {
            use std::io::Write;
            OpenOptions::new()
                .append(true)
                .open(self.path(name))
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        }

        /// Collects and compares content and note of each file.
        fn check(&mut self, pattern: &str, expected: &[(&str, &str)]) {
            let target = tempfile::tempdir().unwrap();
            let pattern = self.path(pattern).to_str().unwrap().to_owned();
            let (logs, update) = self.book.collect(&[pattern], self.limit, target.path(), 0).unwrap();
            let found: Vec<(String, &str)> = logs
                .iter()
                .enumerate()
                .map(|(index, log)| {
                    let content =
                        fs::read_to_string(target.path().join(index.to_string())).unwrap_or_default();
                    assert_eq!(content.len() as u64, log.length);
                    (content, log.note.as_str())
                })
                .collect();
            let found: Vec<(&str, &str)> =
                found.iter().map(|(content, note)| (content.as_str(), *note)).collect();
            assert_eq!(found, expected);
            self.book.apply(&update);
            let once = self.book.clone();
            self.book.apply(&update);
            assert_eq!(self.book, once);
        }
    }

    #[test]
    fn what_is_new() {
        let mut machine = Machine::new();
        machine.check("a.log", &[("", "missing")]);
        machine.write("a.log", "one\n");
        machine.check("a.log", &[("one\n", "")]);
        machine.check("a.log", &[("", "")]);
        machine.append("a.log", "two\n");
        machine.check("a.log", &[("two\n", "")]);
    }

    #[test]
    fn truncation_and_rotation() {
        let mut machine = Machine::new();
        machine.write("a.log", "one two three\n");
        machine.check("a.log", &[("one two three\n", "")]);
        machine.write("a.log", "new\n");
        machine.check("a.log", &[("new\n", "truncated")]);
        // Rewritten and longer than before: only the first bytes tell.
        machine.write("a.log", "quite another text\n");
        machine.check("a.log", &[("quite another text\n", "truncated")]);

        machine.append("a.log", "last words\n");
        fs::rename(machine.path("a.log"), machine.path("a.log.1")).unwrap();
        machine.write("a.log", "fresh\n");
        machine.check("a.log", &[("last words\nfresh\n", "rotated")]);

        fs::rename(machine.path("a.log"), machine.path("a.log.2")).unwrap();
        machine.append("a.log.2", "late\n");
        machine.check("a.log", &[("late\n", "missing")]);
        machine.write("a.log", "again\n");
        machine.check("a.log", &[("again\n", "rotated")]);

        // A copy took its place, as an overlay file system does at the first write.
        fs::write(machine.path("b"), "again\nand more\n").unwrap();
        fs::rename(machine.path("b"), machine.path("a.log")).unwrap();
        machine.check("a.log", &[("and more\n", "")]);

        fs::write(machine.path("b"), "replaced\n").unwrap();
        fs::rename(machine.path("b"), machine.path("a.log")).unwrap();
        machine.check("a.log", &[("replaced\n", "rotated, the old file is gone")]);
    }

    #[test]
    fn the_tail_is_kept() {
        let mut machine = Machine::new();
        machine.limit = 4;
        machine.write("a.log", "0123456789");
        machine.check("a.log", &[("6789", "tail only, 6 B left out")]);
        machine.append("a.log", "ab");
        machine.check("a.log", &[("ab", "")]);
    }

    #[test]
    fn patterns_and_what_is_no_file() {
        let mut machine = Machine::new();
        machine.check("*.log", &[("", "missing")]);
        machine.write("a.log", "a");
        machine.write("b.log", "b");
        machine.check("*.log", &[("a", ""), ("b", "")]);
        fs::create_dir(machine.path("folder")).unwrap();
        machine.check("folder", &[("", "not a regular file")]);
        machine.check("a.log/x", &[("", "Not a directory (os error 20)")]);
    }

    #[test]
    fn a_run_starts_at_the_end_of_what_earlier_runs_knew() {
        let mut machine = Machine::new();
        machine.write("a.log", "first run\n");
        machine.check("a.log", &[("first run\n", "")]);
        machine.append("a.log", "between\n");
        machine.book.begin_run();
        machine.append("a.log", "second run\n");
        machine.check("a.log", &[("second run\n", "")]);
    }
}
