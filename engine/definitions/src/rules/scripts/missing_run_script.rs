//! ## What it does
//! Reports a case whose folder has no `run.sh`.
//!
//! ## Why is this bad?
//! `run.sh` is what the case tests; `init.sh` and `finalize.sh` may be left out.
//!
//! ## Example
//! `tc/copy_to/` with `init.sh` and `Run.sh`.
//!
//! ## How to fix
//! Add `run.sh`, or set `run` of a TestCase object.

use xrdtest_model::Severity;

use crate::draft::suite::Case;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4003", "missing-run-script", Severity::Error, include_str!("missing_run_script.rs"));

pub(crate) fn check(findings: &mut Findings, case: &Case, name: &str, path: &str) {
    let place = case.name.as_ref().map_or(&case.place, |name| &name.place);
    let message = format!("case `{name}` has no run script: there is no `{path}`");
    findings.add_with_help(&RULE, place, message, format!("add `{path}`"));
}
