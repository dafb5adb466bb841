//! ## What it does
//! Reports an absolute `file:///` script and an http(s) script that the configuration does not allow.
//!
//! ## Why is this bad?
//! The suite is refused when it is run. Only folders and hosts that are allowed by name may be used, so that a repository
//! can't read the engine's own files; for `xrdtest run --local` that is `--script-root DIR` and `--script-host HOST`.
//!
//! ## Example
//! ```rhai
//! ts.initialize = "file:///root/setup.sh";
//! ```
//!
//! ## How to fix
//! Copy the script into the repository, or allow its folder or host where the suite is run.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Rule;
use crate::script::ScriptProblem;

pub(crate) const RULE: Rule =
    Rule::new("XT4006", "script-not-allowed", Severity::Warning, include_str!("script_not_allowed.rs"));

pub(crate) fn check(findings: &mut Findings, script: &Located<String>, problem: &ScriptProblem) {
    findings.add_with_help(
        &RULE,
        &script.place,
        format!("the script `{}` will be refused: {problem}", script.value),
        "copy it into the repository, or allow its folder or host where the suite is run",
    );
}
