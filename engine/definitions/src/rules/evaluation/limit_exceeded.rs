//! ## What it does
//! Reports a definition whose evaluation takes more than a definition may: operations, processor time, memory, depth
//! of calls, sizes of strings, arrays and maps, number of variables and modules.
//!
//! ## Why is this bad?
//! Definitions are read again at every change, in one process with everything else. One that does not end would hold
//! up all others; one that grows without bounds would take the engine down.
//!
//! ## Example
//! ```rhai
//! loop { hosts.push(Host()); }
//! ```
//!
//! ## How to fix
//! Do as the help line says; usually a loop or a recursion does not end. The bounds leave room for thousands of hosts,
//! and a script that is too long for a string can stand in a file of its own. On an engine some bounds are keys of the
//! section `[definitions]` in engine.toml; `xrdtest check` and `run --local` have the defaults.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0006", "limit-exceeded", Severity::Error, include_str!("limit_exceeded.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, problem: &str, help: &str) {
    findings.add_with_help(&RULE, place, format!("evaluation was stopped: {problem}"), help);
}
