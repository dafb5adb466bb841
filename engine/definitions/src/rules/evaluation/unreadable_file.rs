//! ## What it does
//! Reports a definition or a helper file that can't be read as text.
//!
//! ## Why is this bad?
//! A definition is a regular file of UTF-8 text, inside the repository and not larger than 256 KiB. Nothing else is
//! opened, so that a stray binary file, a device or a link to somewhere else can't stop the others from loading.
//!
//! ## Example
//! `suites/ts_001/ts_001.rhai` is a core dump, or a symbolic link to `/etc/passwd`.
//!
//! ## How to fix
//! Replace the file by the text that was meant, or move it out of `suites/`, `clusters/` and `lib/`.

use std::sync::Arc;

use xrdtest_model::Severity;

use crate::evaluate::files::FileProblem;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0002", "unreadable-file", Severity::Error, include_str!("unreadable_file.rs"));

pub(crate) fn report(findings: &mut Findings, file: &Arc<str>, problem: &FileProblem) {
    let message = format!("this file can't be read: {problem}");
    findings.push(&RULE, &Place::start_of(file), message, problem.help());
}
