//! Mutated fixtures, definitions and scripts: `check` answers, whatever stands there. No panic, no check of more than 2 s
//! of processor time, no memory above 500 MB. Some hundred checks by default; `XRDTEST_FUZZ=600` goes on for so many
//! seconds, `XRDTEST_SEED` begins where another run failed: it names the seed of every single check.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use support::{Repository, fixtures};
use xrdtest_definitions::{CheckOptions, Selection, SnapshotOptions, check, rules, snapshot};

/// Checks by default.
const CHECKS: u64 = 200;
/// Processor time of one check, all threads together.
const MOST_TIME: Duration = Duration::from_secs(2);
const MOST_MEMORY_KIB: u64 = 500_000;

/// What makes parsers stumble, of both languages.
const WORDS: [&str; 64] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "#{",
    "${",
    "$(",
    "`",
    "\"",
    "'",
    "\\",
    ";",
    ",",
    ".",
    "=",
    "+=",
    "==",
    "|",
    "||",
    "&&",
    "<<EOF\n",
    "<(",
    "#",
    "//",
    "/*",
    "*/",
    "\n",
    "\r\n",
    "\u{0}",
    "\u{feff}",
    "é",
    "😀",
    "@",
    "@a@",
    "@slavename@",
    "fn ",
    "fn getTestSuite() {",
    "let ts = TestSuite();",
    "loop {",
    "while true {",
    "if ",
    "then",
    "fi",
    "case x in",
    "esac",
    "do",
    "done",
    "() { ",
    "source ./x\n",
    "/downloadScript/",
    "import \"./x\" as x;",
    "import \"std/hosts\" as h;",
    "ts.tests.push(",
    "Host(",
    "Disk(",
    "Network(",
    "-9223372036854775808",
    "1e309",
    "// xrdtest: ignore XT",
    "# xrdtest: ignore-file XT5\n",
    "|x| ",
    "throw 1;",
];

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below another.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).expect("a small number")
    }
}

/// All texts that mutations begin with: those of the fixtures.
fn texts() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    collect(&fixtures(), &mut |path| found.push(fs::read(path).expect("text")));
    found.sort();
    found
}

/// Regular files below a folder. Links are not followed: fixtures have some that lead out, to files of the machine.
fn collect(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            collect(&entry.path(), visit);
        } else if kind.is_file() {
            visit(&entry.path());
        }
    }
}

/// Writes a file of a repository, and nothing else, whatever links there are.
fn overwrite(repository: &Repository, file: &Path, text: &[u8]) {
    let root = repository.path().canonicalize().expect("a folder");
    let real = file.canonicalize().expect("a file");
    assert!(real.starts_with(&root), "{} leads out of the repository", file.display());
    fs::write(real, text).expect("written");
}

fn mutate(random: &mut Random, text: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=random.below(8) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(60)).min(text.len());
        match random.below(9) {
            0 => drop(text.drain(at..end)),
            1 => {
                let piece = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                text.splice(to..to, piece);
            }
            2 => {
                let piece = text[at..end].to_vec();
                let times = 1 << random.below(11);
                text.splice(at..at, piece.repeat(times));
            }
            3 => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len() + 1);
                let piece = other[from..(from + random.below(400)).min(other.len())].to_vec();
                text.splice(at..at, piece);
            }
            4 if at < text.len() => text[at] ^= 1 << random.below(8),
            5 => text.truncate(at),
            6 => {
                let times = 1 << random.below(13);
                text.splice(at..at, WORDS[random.below(WORDS.len())].repeat(times).into_bytes());
            }
            _ => {
                text.splice(at..at, WORDS[random.below(WORDS.len())].bytes());
            }
        }
        text.truncate(300_000);
    }
}

/// A repository with a mutation: of a fixture that breaks a rule, or of some files of the valid base.
fn mutated(random: &mut Random, rules: &[PathBuf], others: &[Vec<u8>]) -> Repository {
    let repository = Repository::base();
    if random.below(2) == 0 {
        let fixture = fs::read_to_string(&rules[random.below(rules.len())]).expect("a fixture");
        repository.apply(&fixture);
    }
    let mut files = Vec::new();
    collect(repository.path(), &mut |path| files.push(path.to_owned()));
    files.sort();
    for _ in 0..=random.below(3) {
        let file = &files[random.below(files.len())];
        if let Ok(mut text) = fs::read(file) {
            mutate(random, &mut text, others);
            overwrite(&repository, file, &text);
        }
    }
    repository
}

/// A fuzzer that runs as root must not write through the links that fixtures have.
#[test]
fn nothing_is_written_through_links() {
    let outside = tempfile::tempdir().expect("a folder");
    let target = outside.path().join("target");
    fs::write(&target, "kept").expect("written");
    let repository = Repository::base();
    for (link, to) in [("suites/link.rhai", target.as_path()), ("suites/folder", outside.path())] {
        std::os::unix::fs::symlink(to, repository.path().join(link)).expect("a link");
    }
    collect(repository.path(), &mut |path| {
        assert!(!path.ends_with("link.rhai") && !path.ends_with("target"), "{}", path.display());
    });
    let through = std::panic::catch_unwind(|| {
        overwrite(&repository, &repository.path().join("suites/link.rhai"), b"lost");
    });
    assert!(through.is_err());
    assert_eq!(fs::read_to_string(&target).expect("text"), "kept");
}

#[test]
fn whatever_stands_there_is_checked() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seconds = number("XRDTEST_FUZZ").map(Duration::from_secs);
    let first = number("XRDTEST_SEED").unwrap_or(1);
    let mut rules = Vec::new();
    collect(&fixtures().join("rules"), &mut |path| rules.push(path.to_owned()));
    rules.sort();
    let others = texts();
    let (start, mut slowest, mut seed) = (Instant::now(), Duration::ZERO, first);
    let mut peak = 0;
    while seconds.map_or(seed < first + CHECKS, |seconds| start.elapsed() < seconds) {
        let repository = mutated(&mut Random(seed), &rules, &others);
        let took = examine(seed, &repository);
        if took > slowest || peak_memory_kib() > peak + (16 << 10) {
            slowest = slowest.max(took);
            peak = peak_memory_kib();
            println!("seed {seed}: {took:?}, {peak} KiB");
        }
        seed += 1;
    }
    println!("{} checks, the slowest took {slowest:?}, peak {} KiB", seed - first, peak_memory_kib());
}

/// Checks, and looks at what is found; says how much processor time that took.
fn examine(seed: u64, repository: &Repository) -> Duration {
    let start = processor_time();
    let checked = check(&[repository.path().to_owned()], &CheckOptions::default());
    let took = processor_time() - start;
    let checked = checked.unwrap_or_else(|error| panic!("XRDTEST_SEED={seed}: {error}"));
    for finding in &checked[0].diagnostics {
        assert_ne!(finding.code, "XT0009", "XRDTEST_SEED={seed}: {finding:#?}");
        assert!(rules::find(&finding.code).is_some(), "XRDTEST_SEED={seed}: {finding:#?}");
        let span = finding.span;
        let is_sane = span.line >= 1
            && span.column >= 1
            && (span.line, span.column) <= (span.end_line, span.end_column);
        assert!(is_sane, "XRDTEST_SEED={seed}: {finding:#?}");
    }
    assert!(took < MOST_TIME, "XRDTEST_SEED={seed} took {took:?}");
    assert!(peak_memory_kib() < MOST_MEMORY_KIB, "XRDTEST_SEED={seed}: {} KiB", peak_memory_kib());
    let _ = snapshot(&repository.load(), "ts_base", &Selection::default(), &SnapshotOptions::default());
    took
}

/// Of this process.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("a clock").into()
}

/// The most memory that this process ever had.
fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    let number = line.split_whitespace().nth(1).expect("a number");
    number.parse().expect("a number")
}
