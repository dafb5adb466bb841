//! ## What it does
//! Reports a value of `core_dumps` that is none.
//!
//! ## Why is this bad?
//! Nobody could say what becomes of programs that crash.
//!
//! ## Example
//! ```rhai
//! ts.core_dumps = "KEEP";
//! ```
//!
//! ## How to fix
//! Use `"MARK"` (core dumps are kept with their back-traces, and the stage is marked: the default), `"FAIL"` (a stage in
//! which something crashed has failed, too) or `"OFF"` (nobody looks).

use xrdtest_model::Severity;

use crate::draft::suite::{Suite, core_dumps};
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::did_you_mean;

pub(crate) const RULE: Rule =
    Rule::new("XT1013", "bad-core-dumps", Severity::Error, include_str!("bad_core_dumps.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    if let Some(text) = &suite.core_dumps
        && core_dumps(&text.value).is_none()
    {
        let message = format!("`{}` is no value of `core_dumps`", text.value);
        let help = did_you_mean(&text.value, ["MARK", "FAIL", "OFF"], "the values are");
        findings.push(&RULE, &text.place, message, help);
    }
}
