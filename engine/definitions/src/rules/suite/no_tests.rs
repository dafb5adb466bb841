//! ## What it does
//! Reports a suite whose `tests` is an empty array.
//!
//! ## Why is this bad?
//! A run in which nothing ran must never look like a success, so a suite without cases can't be run.
//!
//! ## Example
//! ```rhai
//! ts.tests = [];
//! ```
//!
//! ## How to fix
//! Name at least one folder below `tc/`.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT1002", "no-tests", Severity::Error, include_str!("no_tests.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    if suite.tests.is_empty() && suite.has("tests") {
        findings.add_with_help(
            &RULE,
            &suite.place_of("tests"),
            "the suite has no cases: `tests` is empty",
            "name at least one case, which is a folder below `tc/`",
        );
    }
}
