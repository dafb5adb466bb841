//! ## What it does
//! Reports a folder of the repository that can't be listed, or not wholly.
//!
//! ## Why is this bad?
//! Definitions in it may be missing from the catalogue.
//!
//! ## Example
//! A folder without read permission for the user that the engine runs as; a file name that is not UTF-8.
//!
//! ## How to fix
//! Correct permissions or names as the message says.

use std::sync::Arc;

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0105", "unreadable-folder", Severity::Error, include_str!("unreadable_folder.rs"));

pub(crate) fn report(findings: &mut Findings, folder: &str, problem: &str) {
    let message = format!("this folder can't be read: {problem}");
    findings.add(&RULE, &Place::start_of(&Arc::from(folder)), message);
}
