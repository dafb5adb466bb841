//! ## What it does
//! Reports a `getTestSuite()`, `getCluster()` or `getTestCases()` that does not return what its name says.
//!
//! ## Why is this bad?
//! What is returned is the definition. A forgotten last line is the usual reason.
//!
//! ## Example
//! ```rhai
//! fn getCluster() {
//!     let cluster = Cluster("cluster_001_mm");
//! }
//! ```
//!
//! ## How to fix
//! End the function with the object itself, without a semicolon, or with `return cluster;`.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0004", "wrong-return", Severity::Error, include_str!("wrong_return.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, function: &str, expected: &str, found: &str) {
    findings.add_with_help(
        &RULE,
        place,
        format!("`{function}()` must return {expected}, not {found}"),
        "end the function with the object itself, without a semicolon behind it",
    );
}
