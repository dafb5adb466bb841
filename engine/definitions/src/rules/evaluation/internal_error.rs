//! ## What it does
//! Reports that the evaluation of a definition ended in a way that is our fault.
//!
//! ## Why is this bad?
//! The definition can't be used, although nothing may be wrong with it. The others are not touched.
//!
//! ## Example
//! There is none: every one that is found is corrected.
//!
//! ## How to fix
//! Please report it, with the definition.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0009", "internal-error", Severity::Error, include_str!("internal_error.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place) {
    findings.add_with_help(
        &RULE,
        place,
        "the evaluation of this definition failed for an internal reason",
        "please report this, with the definition",
    );
}
