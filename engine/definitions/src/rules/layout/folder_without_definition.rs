//! ## What it does
//! Reports a folder in `suites/` or `clusters/` that holds no definition of its name.
//!
//! ## Why is this bad?
//! The suite or cluster that the folder seems to be does not exist: it can't be run, and nobody notices.
//!
//! ## Example
//! `suites/ts_001_mm/` with `ts_001.rhai` in it.
//!
//! ## How to fix
//! Give folder and file the same name, `suites/ts_001_mm/ts_001_mm.rhai`; or remove the folder.

use std::collections::BTreeSet;
use std::sync::Arc;

use xrdtest_model::Severity;

use crate::evaluate::Subject;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new(
    "XT0102",
    "folder-without-definition",
    Severity::Error,
    include_str!("folder_without_definition.rs"),
);

pub(crate) fn report(
    findings: &mut Findings,
    path: &str,
    folder: &str,
    strays: &BTreeSet<String>,
    subject: Subject,
) {
    let what = match subject {
        Subject::Suite => "suite",
        Subject::Cluster => "cluster",
    };
    let help = match strays.first() {
        Some(stray) if strays.len() == 1 => {
            format!("rename `{stray}.rhai` to `{folder}.rhai`, or the folder")
        }
        _ => format!("add `{path}/{folder}.rhai`, or move the folder out of `{what}s/`"),
    };
    findings.add_with_help(
        &RULE,
        &Place::start_of(&Arc::from(path)),
        format!("this folder defines no {what}: it has no `{folder}.rhai`"),
        help,
    );
}
