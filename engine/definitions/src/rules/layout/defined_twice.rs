//! ## What it does
//! Reports a suite or a cluster that has both `NAME.rhai` and `NAME/NAME.rhai`.
//!
//! ## Why is this bad?
//! Only one of them can be meant. The one in the folder is used; changes of the other would have no effect.
//!
//! ## Example
//! `suites/ts_001_mm.rhai` and `suites/ts_001_mm/ts_001_mm.rhai`.
//!
//! ## How to fix
//! Remove one of the two files.

use std::sync::Arc;

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0104", "defined-twice", Severity::Error, include_str!("defined_twice.rs"));

pub(crate) fn report(findings: &mut Findings, flat: &str, in_folder: &str) {
    findings.add_with_help(
        &RULE,
        &Place::start_of(&Arc::from(flat)),
        format!("this is defined in `{in_folder}` as well; this file is not used"),
        "remove one of the two files",
    );
}
