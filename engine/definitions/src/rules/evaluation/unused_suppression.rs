//! ## What it does
//! Reports a suppression comment that suppresses nothing: there is no finding of that code at its place.
//!
//! ## Why is this bad?
//! What it was written for is gone. It stays behind, and one day hides a mistake that is new.
//!
//! ## Example
//! ```rhai
//! ts.clusters = ["c1"];   // xrdtest: ignore XT1009
//! ```
//!
//! ## How to fix
//! Remove the comment, or the code from it. A comment counts for its own line and, where it stands alone, for the next
//! one; `ignore-file` counts for the whole file.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0014", "unused-suppression", Severity::Warning, include_str!("unused_suppression.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, code: &str) {
    let message = format!("`{code}` is suppressed here, but there is no such finding");
    findings.add_with_help(&RULE, place, message, "remove it");
}
