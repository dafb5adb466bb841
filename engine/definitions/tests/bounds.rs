//! Bounds of evaluation that an engine's configuration may change: each bites with its value and its key.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use support::Repository;
use xrdtest_definitions::{Bounds, LoadOptions, load};
use xrdtest_model::Diagnostic;

/// The finding about a suite with these statements.
fn finding(statements: &str, bounds: Bounds) -> Option<Diagnostic> {
    let repository = Repository::empty();
    let suite = format!("fn getTestSuite() {{\n{statements}\n    TestSuite(\"ts_bound\")\n}}\n");
    repository.write("suites/ts_bound.rhai", &suite);
    let loaded = load(repository.path(), &LoadOptions { bounds, ..LoadOptions::default() });
    let is_bound = |finding: &Diagnostic| ["XT0001", "XT0002", "XT0006"].contains(&&*finding.code);
    loaded.diagnostics.into_iter().find(is_bound)
}

#[test]
fn each_bound_bites_with_its_value_and_its_key() {
    let wide = Bounds { operations: 1_000_000, time: Duration::from_secs(10), ..Bounds::default() };
    let comment = format!("/* {} */", "x".repeat(5000));
    for (statements, bounds, problem, key) in [
        (
            "for i in 0..2000 { }",
            Bounds { operations: 1234, ..wide },
            "more than 1234 operations",
            "operations",
        ),
        (
            "loop { }",
            Bounds { operations: 4_000_000, time: Duration::from_millis(20), ..wide },
            "more than 20 ms of processor time",
            "time",
        ),
        (
            "let a = []; loop { let s = \"x\"; while s.len() < 100000 { s += s; } a.push(|| s); }",
            Bounds { memory: 16 << 20, ..wide },
            "more than 16 MiB of memory",
            "memory",
        ),
        (
            "let s = \"\"; s.pad(5000, \"x\");",
            Bounds { string: 4 << 10, ..wide },
            "a string of more than 4 KiB is too large",
            "string",
        ),
        (
            "let a = []; for i in 0..200 { a.push(i); }",
            Bounds { elements: 100, ..wide },
            "an array of more than 100 elements is too large",
            "elements",
        ),
        (
            "let m = #{}; for i in 0..200 { let n = #{}; n[`k${i}`] = i; m += n; }",
            Bounds { elements: 100, ..wide },
            "an object map of more than 100 entries is too large",
            "elements",
        ),
        (
            &format!("let a = [{}];", "1, ".repeat(200)),
            Bounds { elements: 100, ..wide },
            "exceeds the maximum limit (100)",
            "elements",
        ),
        (
            &format!("let s = \"{}\";", "x".repeat(5000)),
            Bounds { string: 4 << 10, ..wide },
            "exceeds the maximum limit (4096)",
            "string",
        ),
        (&comment, Bounds { file: 4 << 10, ..wide }, "it is larger than 4 KiB", "file"),
    ] {
        let found = finding(statements, bounds).unwrap_or_else(|| panic!("{key}: nothing bites"));
        assert!(found.message.contains(problem), "{key}: {}", found.message);
        let help = found.help.unwrap_or_default();
        assert!(
            help.contains(&format!("(an engine's bound is set by its key definitions.{key})")),
            "{key}: {help}"
        );
    }
}

#[test]
fn what_is_stopped_by_default_passes_where_more_is_allowed() {
    let statements = "for i in 0..600000 { }";
    assert!(finding(statements, Bounds::default()).is_some());
    assert_eq!(finding(statements, Bounds::MOST), None);
}

#[test]
fn the_widest_bounds_hold_against_the_deepest_values() {
    let bounds = Bounds { time: Duration::from_secs(2), ..Bounds::MOST };
    for statements in ["let a = []; loop { a = [a]; }", "let f = || 1; loop { let g = f; f = || g; }"] {
        assert!(finding(statements, bounds).is_some(), "{statements}");
    }
}
