//! ## What it does
//! Reports a script that does not exist, or that can't be read as text: a folder, a file that is not UTF-8, a file of more
//! than 1 MiB.
//!
//! ## Why is this bad?
//! The suite can't be run: a run takes a copy of all its scripts before it starts.
//!
//! ## Example
//! ```rhai
//! ts.initialize = "file://suite_inti.sh";
//! ```
//!
//! ## How to fix
//! Correct the path, which is relative to the suite's folder, or add the file.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4001", "missing-script", Severity::Error, include_str!("missing_script.rs"));

pub(crate) fn check(findings: &mut Findings, place: &Place, path: &str, problem: &str, help: Option<String>) {
    findings.push(&RULE, place, format!("the script `{path}` can't be used: {problem}"), help);
}
