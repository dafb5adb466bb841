//! Lines of a file that may be long: a window of them, or those that are wanted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use serde::Deserialize;

use super::index::Index;

/// Lines in one window.
pub(super) const WINDOW: u64 = 1000;
/// Bytes of a line that are shown.
pub(super) const LONGEST: usize = 4096;
/// So long somebody waits for what a search finds.
const PATIENCE: Duration = Duration::from_millis(700);

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
    fn takes(self, line: &[u8]) -> bool {
        static ERRORS: LazyLock<Vec<Finder<'static>>> = LazyLock::new(|| {
            finders(&["error", "fail", "fatal", "panic", "abort", "segmentation", "no such file"])
        });
        static WARNINGS: LazyLock<Vec<Finder<'static>>> =
            LazyLock::new(|| finders(&["warn", "denied", "timed out"]));
        let has = |words: &[Finder<'_>]| words.iter().any(|word| word.find(line).is_some());
        match self {
            Self::All => true,
            Self::Errors => has(&ERRORS),
            Self::Warnings => has(&ERRORS) || has(&WARNINGS),
            // The functions begin their lines with the time of day in brackets.
            Self::Important => line.first() == Some(&b'[') || has(&ERRORS) || has(&WARNINGS),
        }
    }
}

/// Whether a line speaks of an error that was not asked for: `assert_fail` says what failed as expected.
pub(super) fn is_error(line: &str) -> bool {
    let line = line.to_lowercase();
    Level::Errors.takes(line.as_bytes()) && !line.contains("as expected")
}

fn finders(words: &[&'static str]) -> Vec<Finder<'static>> {
    words.iter().map(|word| Finder::new(word.as_bytes())).collect()
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
    /// Those before this one were looked at; the search was given up there, because there may be more than are shown
    /// at once, or because it took long.
    pub(super) looked_up_to: Option<u64>,
    /// Where the last line that has an end ends, and the number of the next one: where those go on who follow.
    pub(super) end: (u64, u64),
}

/// Reads lines of a file. Blocks, but not for long: who searches is told how far that came.
pub(super) fn read(path: &Path, wanted: &Wanted) -> io::Result<Lines> {
    let filter = Filter::of(wanted);
    let index = Index::of(path)?;
    let total = index.lines();
    let from = match wanted.from {
        Some(from) => from.max(1),
        None if filter.is_some() => 1,
        None => (total + 1).saturating_sub(WINDOW).max(1),
    };
    let end = (index.whole_end, index.whole + 1);
    let mut found = Lines { filtered: filter.is_some(), total, end, ..Lines::default() };
    let (place, mut number) = index.before(from);
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(place))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (begin, mut line) = (Instant::now(), Vec::new());
    while number <= total && next_line(&mut reader, &mut line)? {
        let tired = number.is_multiple_of(4096) && begin.elapsed() > PATIENCE;
        if found.lines.len() as u64 == WINDOW || (filter.is_some() && tired) {
            found.looked_up_to = filter.is_some().then_some(number);
            break;
        }
        if number >= from && filter.as_ref().is_none_or(|filter| filter.takes(&line)) {
            found.lines.push(Line { number, text: String::from_utf8_lossy(&line).into_owned() });
        }
        number += 1;
    }
    Ok(found)
}

/// What lines must hold. Case matters only beyond ASCII, where text is compared in lower case at a higher price.
struct Filter {
    text: Option<Finder<'static>>,
    ascii: bool,
    level: Level,
}

impl Filter {
    /// `None`: every line is wanted.
    fn of(wanted: &Wanted) -> Option<Self> {
        let text = wanted.text.to_lowercase();
        let any = text.is_empty();
        let filter = Self {
            ascii: text.is_ascii(),
            text: (!any).then(|| Finder::new(text.as_bytes()).into_owned()),
            level: wanted.level,
        };
        (!any || wanted.level != Level::All).then_some(filter)
    }

    fn takes(&self, line: &[u8]) -> bool {
        let lower = match self.ascii {
            true => line.to_ascii_lowercase(),
            false => String::from_utf8_lossy(line).to_lowercase().into_bytes(),
        };
        self.text.as_ref().is_none_or(|text| text.find(&lower).is_some()) && self.level.takes(&lower)
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
        let content = "[10:00:00] begins\nall well\nWARNING: slow\nxrdcp: ERROR 3011\nschläft\n";
        let of = |text: &str, level| Wanted { text: text.to_owned(), level, ..Wanted::default() };
        for (wanted, lines) in [
            (of("error", Level::All), vec![4]),
            (of("", Level::Errors), vec![4]),
            (of("", Level::Warnings), vec![3, 4]),
            (of("", Level::Important), vec![1, 3, 4]),
            (of("slow", Level::Errors), vec![]),
            (of("xrdCP: e", Level::All), vec![4]),
            (of("Ä", Level::All), vec![5]),
        ] {
            assert_eq!(numbers(content, &wanted).0, lines, "{wanted:?}");
        }
    }

    #[test]
    fn a_search_goes_on_where_it_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        std::fs::write(&path, "error\nfine\n".repeat(1500)).unwrap();
        let mut wanted = Wanted { level: Level::Errors, ..Wanted::default() };
        let first = read(&path, &wanted).unwrap();
        assert_eq!((first.lines.len(), first.total, first.looked_up_to), (1000, 3000, Some(2000)));
        wanted.from = first.looked_up_to;
        let second = read(&path, &wanted).unwrap();
        assert_eq!((second.lines.len(), second.looked_up_to), (500, None));
        assert_eq!((second.lines[0].number, second.end), (2001, (16_500, 3001)));
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
