//! Lines of a file that may be long: a window of them, or those that are wanted.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

/// Lines in one window.
pub(super) const WINDOW: u64 = 1000;
/// Bytes of a line that are shown.
const LONGEST: usize = 4096;

/// How much a line must matter. What scripts write has no levels; these are words that people look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// Every line.
    #[default]
    All,
    /// Warnings, errors, and what the shell functions say.
    Important,
    /// Warnings and errors.
    Warnings,
    /// Errors.
    Errors,
}

impl Level {
    /// Each with its word in addresses and its title.
    pub(super) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::All, "all", "all"),
        (Self::Important, "important", "important ones"),
        (Self::Warnings, "warnings", "warnings and errors"),
        (Self::Errors, "errors", "errors"),
    ];

    /// Whether a line, in lower case, is of this level.
    fn takes(self, line: &str) -> bool {
        const ERRORS: [&str; 7] =
            ["error", "fail", "fatal", "panic", "abort", "segmentation", "no such file"];
        const WARNINGS: [&str; 3] = ["warn", "denied", "timed out"];
        let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
        match self {
            Self::All => true,
            Self::Errors => has(&ERRORS),
            Self::Warnings => has(&ERRORS) || has(&WARNINGS),
            // The functions begin their lines with the time of day in brackets.
            Self::Important => has(&ERRORS) || has(&WARNINGS) || line.starts_with('['),
        }
    }
}

/// Whether a line speaks of an error that was not asked for: `assert_fail` says what failed as expected.
pub(super) fn is_error(line: &str) -> bool {
    let line = line.to_lowercase();
    Level::Errors.takes(&line) && !line.contains("as expected")
}

/// Which lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// The first one, counting from 1; `None`: the last window.
    pub(super) from: Option<u64>,
    /// They hold this text, in whatever case; empty: any.
    pub(super) text: String,
    pub(super) level: Level,
}

/// A line with its number, counting from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) text: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Lines of the file.
    pub(super) total: u64,
    /// They are not all that there are between the first and the last.
    pub(super) filtered: bool,
    /// There are more that would be wanted.
    pub(super) cut: bool,
}

/// Reads lines of a file. Blocks.
pub(super) fn read(path: &Path, wanted: &Wanted) -> io::Result<Lines> {
    let text = wanted.text.to_lowercase();
    let filtered = !text.is_empty() || wanted.level != Level::All;
    let from = match wanted.from {
        Some(from) => from.max(1),
        None if filtered => 1,
        None => (count(path)? + 1).saturating_sub(WINDOW).max(1),
    };
    let mut found = Lines { filtered, ..Lines::default() };
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(path)?);
    let mut line = Vec::new();
    while next_line(&mut reader, &mut line)? {
        found.total += 1;
        if found.total < from {
            continue;
        }
        if found.lines.len() as u64 == WINDOW {
            found.cut |= filtered;
            continue;
        }
        let readable = String::from_utf8_lossy(&line);
        let lower = if filtered { readable.to_lowercase() } else { String::new() };
        if !filtered || (lower.contains(&text) && wanted.level.takes(&lower)) {
            found.lines.push(Line { number: found.total, text: readable.into_owned() });
        }
    }
    Ok(found)
}

fn count(path: &Path) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(path)?);
    let (mut lines, mut open) = (0, false);
    loop {
        let bytes = reader.fill_buf()?;
        let Some(last) = bytes.last() else { return Ok(lines + u64::from(open)) };
        open = *last != b'\n';
        lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        let length = bytes.len();
        reader.consume(length);
    }
}

/// The next line without its end, as far as it is shown; whether there was one.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', bytes);
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        line.extend_from_slice(&piece[..piece.len().min(LONGEST.saturating_sub(line.len()))]);
        let length = piece.len() + usize::from(end.is_some());
        reader.consume(length);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(content: &str, wanted: &Wanted) -> (Vec<u64>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        std::fs::write(&path, content).unwrap();
        let read = read(&path, wanted).unwrap();
        (read.lines.iter().map(|line| line.number).collect(), read.total)
    }

    #[test]
    fn windows() {
        let many: String = (1..=2500).map(|number| format!("line {number}\n")).collect();
        let at = |from| Wanted { from, ..Wanted::default() };
        assert_eq!(numbers(&many, &at(None)), ((1501..=2500).collect(), 2500));
        assert_eq!(numbers(&many, &at(Some(1))), ((1..=1000).collect(), 2500));
        assert_eq!(numbers(&many, &at(Some(2499))), (vec![2499, 2500], 2500));
        assert_eq!(numbers(&many, &at(Some(9999))), (vec![], 2500));
        assert_eq!(numbers("", &at(None)), (vec![], 0));
        assert_eq!(numbers("one\ntwo", &at(None)), (vec![1, 2], 2));
    }

    #[test]
    fn what_is_wanted() {
        let content = "[10:00:00] begins\nall well\nWARNING: slow\nxrdcp: ERROR 3011\n";
        let of = |text: &str, level| Wanted { text: text.to_owned(), level, ..Wanted::default() };
        for (wanted, lines) in [
            (of("error", Level::All), vec![4]),
            (of("", Level::Errors), vec![4]),
            (of("", Level::Warnings), vec![3, 4]),
            (of("", Level::Important), vec![1, 3, 4]),
            (of("slow", Level::Errors), vec![]),
        ] {
            assert_eq!(numbers(content, &wanted).0, lines, "{wanted:?}");
        }
    }

    #[test]
    fn errors_that_are_expected_are_none() {
        assert!(is_error("Run: [ERROR] Server responded with an error"));
        assert!(!is_error("[ test -e /x ] failed as expected, with error code 1."));
        assert!(!is_error("all well"));
    }

    #[test]
    fn a_line_without_end_costs_little() {
        let long = "x".repeat(3 << 20);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        std::fs::write(&path, format!("{long}\nnext\n")).unwrap();
        let read = read(&path, &Wanted::default()).unwrap();
        assert_eq!(read.lines.iter().map(|line| line.text.len()).collect::<Vec<_>>(), [LONGEST, 4]);
    }
}
