//! ## What it does
//! Reports a relative script that lies outside the repository, by `..` or by a symbolic link.
//!
//! ## Why is this bad?
//! A repository must mean the same on every machine, and must not reach for the files of the machine it is on.
//!
//! ## Example
//! ```rhai
//! ts.initialize = "file://../../../setup.sh";
//! ```
//!
//! ## How to fix
//! Copy the script into the repository; `lib/` is the place for what several suites share. An absolute `file:///` path can
//! be allowed where the suite is run (`--script-root`).

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4005", "script-outside-repository", Severity::Error, include_str!("script_outside.rs"));

pub(crate) fn check(findings: &mut Findings, script: &Located<String>) {
    findings.add_with_help(
        &RULE,
        &script.place,
        format!("the script `{}` lies outside the repository", script.value),
        "copy it into the repository",
    );
}
