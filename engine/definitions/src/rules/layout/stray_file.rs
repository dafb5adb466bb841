//! ## What it does
//! Reports a `.rhai` file that nothing can use: it lies in the root of the repository, or below `suites/` or
//! `clusters/` but not in the folder of a definition.
//!
//! ## Why is this bad?
//! The file looks like a definition or a helper and is neither: nothing in it is ever evaluated.
//!
//! ## Example
//! `suites/old/copies/ts_001.rhai`, where `suites/old/old.rhai` does not exist.
//!
//! ## How to fix
//! Move a definition to `suites/NAME/NAME.rhai` or `suites/NAME.rhai`, and a helper to `lib/` or into the folder of
//! the definition that imports it.

use std::sync::Arc;

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0101", "stray-file", Severity::Error, include_str!("stray_file.rs"));

pub(crate) fn report(findings: &mut Findings, file: &str) {
    findings.add_with_help(
        &RULE,
        &Place::start_of(&Arc::from(file)),
        "this file is neither a definition nor in the folder of one",
        "move it to `NAME/NAME.rhai` below `suites/` or `clusters/`, or helpers to `lib/`",
    );
}
