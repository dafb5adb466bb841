//! What a script notes beside its output: files that are kept with the run (`artifact`), numbers (`metric`).
//!
//! The script asks its supervisor through this program ([`keep`] and [`measure`], hidden commands). A file is copied by
//! the process that asks, so that the supervisor goes on draining the output; the supervisor alone writes the record.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xrdtest_model::Metric;
use xrdtest_model::event::CollectedLog;
use xrdtest_model::metric::{MOST_METRICS, MetricError};
use xrdtest_model::size::human_bytes;

use super::reboot::RECORD_VARIABLE;
use crate::logs;
use crate::stage::wire::{Command, News};
use crate::stage::{Noted, StageFolder};

/// Files that one stage keeps on one machine, at most.
const MOST_ARTIFACTS: usize = 100;
/// Bytes of a path, at most.
const LONGEST_PATH: usize = 1024;
/// How long a supervisor may take to answer: its disk may be slow.
const ANSWER: Duration = Duration::from_secs(60);

/// What the script has noted so far.
#[derive(Debug, Default)]
pub struct Notes {
    /// Files, in the order in which they were first kept.
    pub artifacts: Vec<CollectedLog>,
    /// Numbers, in order.
    pub metrics: Vec<Metric>,
}

impl Notes {
    /// What is on record.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn of(folder: &StageFolder) -> io::Result<Self> {
        let mut notes = Self::default();
        for noted in folder.noted()? {
            match noted {
                Noted::Artifact { path, length } => notes.add_artifact(path, length),
                Noted::Metric { metric } => notes.metrics.push(metric),
            }
        }
        Ok(notes)
    }

    fn position(&self, path: &str) -> usize {
        let known = self.artifacts.iter().position(|artifact| artifact.path == path);
        known.unwrap_or(self.artifacts.len())
    }

    fn add_artifact(&mut self, path: String, length: u64) {
        let position = self.position(&path);
        let artifact = CollectedLog { path, length, note: String::new(), artifact: true };
        match self.artifacts.get_mut(position) {
            Some(earlier) => *earlier = artifact,
            None => self.artifacts.push(artifact),
        }
    }

    /// Puts a file on record whose copy `by` has made.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn keep(
        &mut self,
        folder: &StageFolder,
        by: u32,
        path: String,
        length: u64,
    ) -> Result<(), String> {
        let position = self.position(&path);
        if position >= MOST_ARTIFACTS {
            return Err(format!(
                "a stage keeps at most {MOST_ARTIFACTS} files of a machine; pack them into one: tar -czf"
            ));
        }
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        fs::rename(folder.draft(by), folder.log(index))
            .and_then(|()| folder.note(&Noted::Artifact { path: path.clone(), length }))
            .map_err(|error| format!("{path} could not be kept: {error}"))?;
        self.add_artifact(path, length);
        Ok(())
    }

    /// Puts a number on record.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn measure(&mut self, folder: &StageFolder, metric: Metric) -> Result<(), String> {
        if self.metrics.len() >= MOST_METRICS {
            return Err(format!("a stage may state at most {MOST_METRICS} numbers on a machine"));
        }
        folder
            .note(&Noted::Metric { metric: metric.clone() })
            .map_err(|error| format!("the record of the stage can't be written: {error}"))?;
        self.metrics.push(metric);
        Ok(())
    }
}

/// Why a script's word was not noted.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// Not called by a script of a stage.
    #[error("only a script that xrdtest runs can do that: {RECORD_VARIABLE} is not set")]
    NoStage,
    /// There is no supervisor.
    #[error("the stage is over, or its supervisor is gone")]
    NoSupervisor,
    /// The supervisor said no.
    #[error("{0}")]
    Refused(String),
    /// Not a metric.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The file can't be used.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The connection broke, or no answer came in time.
    #[error("no answer from the stage's supervisor: {0}")]
    NoAnswer(#[from] io::Error),
}

/// Keeps files with the run on behalf of the script that runs this. Each is copied at once.
///
/// # Errors
/// [`NoteError`]; the files before the one that it names are kept.
pub fn keep(paths: &[PathBuf]) -> Result<(), NoteError> {
    let folder = stage()?;
    let limit = folder.assignment()?.ok_or(NoteError::NoStage)?.order.log_limit;
    let by = std::process::id();
    for path in paths {
        let refused = |why: String| NoteError::File { path: path.clone(), why };
        let name = name_of(path).map_err(refused)?;
        let draft = folder.draft(by);
        let kept = copy(path, &draft, limit)
            .map_err(refused)
            .and_then(|length| ask(&folder, by, &Command::Keep { by, path: name, length }));
        // Where it was noted it is not there any more.
        let _ = fs::remove_file(draft);
        kept?;
    }
    Ok(())
}

/// States a number on behalf of the script that runs this.
///
/// # Errors
/// [`NoteError`].
pub fn measure(name: &str, value: &str, unit: &str) -> Result<(), NoteError> {
    let metric = Metric::parse(name, value, unit)?;
    let by = std::process::id();
    ask(&stage()?, by, &Command::Measure { by, metric })
}

fn stage() -> Result<StageFolder, NoteError> {
    std::env::var_os(RECORD_VARIABLE).map(StageFolder::at).ok_or(NoteError::NoStage)
}

/// The path by which a file is known from now on: absolute, and without `..`, which no place in a run's folder may have.
fn name_of(path: &Path) -> Result<String, String> {
    let mut absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    if absolute.components().any(|part| part == std::path::Component::ParentDir) {
        absolute = fs::canonicalize(&absolute).map_err(|error| error.to_string())?;
    }
    let name = absolute.to_str().ok_or("its name is not UTF-8")?;
    if name.len() > LONGEST_PATH {
        return Err(format!("its path has more than {LONGEST_PATH} bytes"));
    }
    Ok(name.to_owned())
}

/// Copies a file; answers its length.
fn copy(path: &Path, draft: &Path, limit: u64) -> Result<u64, String> {
    let words = |error: io::Error| error.to_string();
    if path.is_dir() {
        return Err("is a folder; pack it into one file: tar -czf".to_owned());
    }
    let source = logs::open(path).map_err(words)?;
    let too_large = |length: u64| {
        let (length, limit) = (human_bytes(length), human_bytes(limit));
        format!("has {length}, more than the limit of {limit} for one file (key limits.log of the engine)")
    };
    let length = source.metadata().map_err(words)?.len();
    if length > limit {
        return Err(too_large(length));
    }
    if let Some(folder) = draft.parent() {
        fs::create_dir_all(folder).map_err(words)?;
    }
    let mut options = OpenOptions::new();
    let mut target =
        options.write(true).create(true).truncate(true).mode(0o600).open(draft).map_err(words)?;
    // It may grow meanwhile.
    let copied = io::copy(&mut source.take(limit.saturating_add(1)), &mut target).map_err(words)?;
    if copied > limit { Err(too_large(copied)) } else { Ok(copied) }
}

fn ask(folder: &StageFolder, own: u32, command: &Command) -> Result<(), NoteError> {
    let mut stream: UnixStream = folder.connect()?.ok_or(NoteError::NoSupervisor)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let mut line = serde_json::to_vec(command).map_err(io::Error::from)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    for line in BufReader::new(&stream).lines() {
        match serde_json::from_str(&line?).map_err(io::Error::from)? {
            News::Noted { by, refusal } if by == own => {
                return refusal.map_or(Ok(()), |reason| Err(NoteError::Refused(reason)));
            }
            News::Over { .. } => return Err(NoteError::NoSupervisor),
            _ => {}
        }
    }
    Err(NoteError::NoSupervisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, StageFolder) {
        let base = tempfile::tempdir().unwrap();
        let folder = StageFolder::at(base.path().join("stages/one"));
        fs::create_dir_all(folder.path()).unwrap();
        fs::create_dir_all(folder.logs()).unwrap();
        (base, folder)
    }

    fn keep(notes: &mut Notes, folder: &StageFolder, path: &str, content: &str) -> Result<(), String> {
        fs::write(folder.draft(7), content).unwrap();
        notes.keep(folder, 7, path.to_owned(), content.len() as u64)
    }

    #[test]
    fn what_is_noted_is_on_record() {
        let (_base, folder) = folder();
        let mut notes = Notes::default();
        keep(&mut notes, &folder, "/a", "one").unwrap();
        keep(&mut notes, &folder, "/b", "two").unwrap();
        keep(&mut notes, &folder, "/a", "anew").unwrap();
        notes.measure(&folder, Metric::parse("rate", "1", "").unwrap()).unwrap();
        let told: Vec<_> = notes.artifacts.iter().map(|file| (file.path.as_str(), file.length)).collect();
        assert_eq!(told, [("/a", 4), ("/b", 3)]);
        assert_eq!(fs::read_to_string(folder.log(0)).unwrap(), "anew");
        let read = Notes::of(&folder).unwrap();
        assert_eq!((read.artifacts, read.metrics), (notes.artifacts, notes.metrics));
        // The machine broke down in the middle of a line.
        let path = folder.path().join("noted.jsonl");
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 9]).unwrap();
        assert_eq!(Notes::of(&folder).unwrap().metrics, []);
    }

    #[test]
    fn there_are_limits() {
        let (_base, folder) = folder();
        let mut notes = Notes::default();
        for number in 0..MOST_ARTIFACTS {
            keep(&mut notes, &folder, &format!("/{number}"), "").unwrap();
        }
        let refusal = keep(&mut notes, &folder, "/more", "").unwrap_err();
        assert!(refusal.contains("at most 100 files") && refusal.contains("tar"), "{refusal}");
        keep(&mut notes, &folder, "/99", "anew").unwrap();
        let metric = || Metric::parse("rate", "1", "").unwrap();
        for _ in 0..MOST_METRICS {
            notes.measure(&folder, metric()).unwrap();
        }
        let refusal = notes.measure(&folder, metric()).unwrap_err();
        assert!(refusal.contains("at most 1000 numbers"), "{refusal}");
        assert_eq!(Notes::of(&folder).unwrap().metrics.len(), MOST_METRICS);
    }

    #[test]
    fn what_can_not_be_written_is_not_noted() {
        let (_base, folder) = folder();
        fs::create_dir(folder.path().join("noted.jsonl")).unwrap();
        let mut notes = Notes::default();
        let refusal = notes.measure(&folder, Metric::parse("rate", "1", "").unwrap()).unwrap_err();
        assert!(refusal.contains("can't be written"), "{refusal}");
        assert_eq!(notes.metrics, []);
    }
}
