//! ## What it does
//! Reports a case without a folder below the suite's `tc/`.
//!
//! ## Why is this bad?
//! The scripts of a case are the files of its folder; without `run.sh` there is nothing to run.
//!
//! ## Example
//! ```rhai
//! ts.tests = ["copy_too"];               // the folder is tc/copy_to
//! ```
//!
//! ## How to fix
//! Use the name of a folder below `tc/`, or add it. A TestCase object that names all its scripts needs none.

use xrdtest_model::Severity;

use crate::draft::suite::Case;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4002", "missing-case-folder", Severity::Error, include_str!("missing_case_folder.rs"));

pub(crate) fn check(findings: &mut Findings, case: &Case, name: &str, folder: &str, near: Option<&str>) {
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add `{folder}/run.sh`"),
    };
    let message = format!("case `{name}` has no folder `{folder}`");
    let place = case.name.as_ref().map_or(&case.place, |name| &name.place);
    findings.add_with_help(&RULE, place, message, help);
}
