//! Whatever is in the files, loading ends, nothing panics, and every finding has a place in its file.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::fs;

use proptest::prelude::*;
use support::{CLUSTER, Repository, SUITE, fixtures};
use xrdtest_definitions::{Selection, SnapshotOptions, rules, snapshot};

/// What mutations put in: the words of the language, and what makes parsers stumble.
const WORDS: [&str; 32] = [
    "ts",
    "cluster",
    "net",
    ".name",
    ".tests",
    ".hosts",
    ".disks",
    "[",
    "]",
    "#{",
    "}",
    "(",
    ")",
    ";",
    ",",
    "\"",
    "'",
    "`",
    "${",
    "=",
    "+=",
    ".push(",
    "TestCase(",
    "Host(",
    "Disk(",
    "()",
    "-1",
    "1e300",
    "é",
    "\u{0}",
    "import \"./x\" as x;",
    "loop {}",
];

#[derive(Clone, Debug)]
enum Mutation {
    Delete { at: usize, length: usize },
    Insert { at: usize, word: usize },
    Copy { from: usize, length: usize, at: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (0usize..2000, 1usize..40).prop_map(|(at, length)| Mutation::Delete { at, length }),
        (0usize..2000, 0..WORDS.len()).prop_map(|(at, word)| Mutation::Insert { at, word }),
        (0usize..2000, 1usize..80, 0usize..2000).prop_map(|(from, length, at)| Mutation::Copy {
            from,
            length,
            at
        }),
    ]
}

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for mutation in mutations {
        let count = characters.len();
        let clamp = |at: usize| if count == 0 { 0 } else { at % count };
        match *mutation {
            Mutation::Delete { at, length } => {
                let at = clamp(at);
                characters.drain(at..(at + length).min(count));
            }
            Mutation::Insert { at, word } => {
                let at = clamp(at);
                characters.splice(at..at, WORDS[word].chars());
            }
            Mutation::Copy { from, length, at } => {
                let (from, at) = (clamp(from), clamp(at));
                let piece = characters[from..(from + length).min(count)].to_vec();
                characters.splice(at..at, piece);
            }
        }
    }
    characters.into_iter().collect()
}

/// Loads and snapshots, and looks at what is found.
fn check(repository: &Repository) {
    let catalogue = repository.load();
    for finding in &catalogue.diagnostics {
        assert_ne!(finding.code, "XT0009", "{finding:#?}");
        let rule = rules::find(&finding.code).expect("a rule");
        assert_eq!(rule.severity, finding.severity);
        assert!(!finding.message.contains('\n') && !finding.message.is_empty());
        let span = finding.span;
        assert!((span.line, span.column) <= (span.end_line, span.end_column), "{finding:#?}");
        let text = fs::read(repository.path().join(&*finding.file)).unwrap_or_default();
        let lines = String::from_utf8_lossy(&text).split('\n').count();
        assert!(span.line >= 1 && span.column >= 1 && span.end_line as usize <= lines.max(1), "{finding:#?}");
    }
    let _ = snapshot(&catalogue, "ts_base", &Selection::default(), &SnapshotOptions::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let repository = Repository::base();
        repository.write(SUITE, &bytes).write(CLUSTER, &bytes);
        check(&repository);
    }

    #[test]
    fn random_text(text in "\\PC{0,200}") {
        let repository = Repository::base();
        repository.write(SUITE, format!("fn getTestSuite() {{\n{text}\n}}"));
        check(&repository);
    }

    #[test]
    fn random_mutations(
        suite in prop::collection::vec(mutation(), 0..4),
        cluster in prop::collection::vec(mutation(), 0..4),
    ) {
        let repository = Repository::base();
        let base = fixtures().join("base");
        let text = |file: &str| fs::read_to_string(base.join(file)).expect("text");
        repository.write(SUITE, mutate(&text(SUITE), &suite));
        repository.write(CLUSTER, mutate(&text(CLUSTER), &cluster));
        check(&repository);
    }
}
