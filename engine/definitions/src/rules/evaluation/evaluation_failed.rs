//! ## What it does
//! Reports where the evaluation of a definition ended with an error: an unknown function, an operation that its
//! values do not have, a `throw`.
//!
//! ## Why is this bad?
//! What the definition says behind that place is not known, so it can't be used.
//!
//! ## Example
//! ```rhai
//! cluster.addHots([ds1]);
//! ```
//!
//! ## How to fix
//! Correct the place named. The help line shows the name that was probably meant, or where a function of another
//! file was called.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0005", "evaluation-failed", Severity::Error, include_str!("evaluation_failed.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, message: String, help: Option<String>) {
    findings.push(&RULE, place, message, help);
}
