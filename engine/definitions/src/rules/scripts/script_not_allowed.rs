//! ## What it does
//! Reports an absolute `file:///` script and an http(s) script that the configuration does not allow.
//!
//! ## Why is this bad?
//! The suite is refused when it is run. Only folders and hosts that the engine's configuration names may be used, so that
//! a repository can't read the engine's own files; `xrdtest run --local` allows none.
//!
//! ## Example
//! ```rhai
//! ts.initialize = "file:///root/setup.sh";
//! ```
//!
//! ## How to fix
//! Copy the script into the repository, or have its folder or host added to the configuration.

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
        "copy it into the repository, or have its folder or host added to the configuration",
    );
}
