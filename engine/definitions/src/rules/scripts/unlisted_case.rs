//! ## What it does
//! Reports a folder below `tc/` that has a `run.sh` and is no case of `ts.tests`.
//!
//! ## Why is this bad?
//! It looks like a test and is never run: mostly it was forgotten in the list.
//!
//! ## Example
//! `tc/copy_from/run.sh` in a suite with `ts.tests = ["copy_to"];`.
//!
//! ## How to fix
//! Add the folder's name to `ts.tests`, or remove the folder.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4008", "unlisted-case", Severity::Warning, include_str!("unlisted_case.rs"));

pub(crate) fn check(findings: &mut Findings, place: &Place, folder: &str, name: &str) {
    let help = format!("add `\"{name}\"`, or remove the folder");
    findings.add_with_help(&RULE, place, format!("the folder `{folder}` is no case of this suite"), help);
}
