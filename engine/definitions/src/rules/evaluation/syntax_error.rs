//! ## What it does
//! Reports the first place where a file is not valid Rhai.
//!
//! ## Why is this bad?
//! Nothing of the file can be read, so nothing else about it is reported.
//!
//! ## Example
//! ```rhai
//! fn getTestSuite() {
//!     let ts = TestSuite('ts_001_mm');   // single quotes are for one character
//! ```
//!
//! ## How to fix
//! Correct the place named. Coming from Python: strings have double quotes, statements end with `;`, blocks stand in
//! braces, and a dictionary is written `#{ key: value }`.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0001", "syntax-error", Severity::Error, include_str!("syntax_error.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, problem: &rhai::ParseErrorType) {
    let text = problem.to_string();
    let lower = text.to_lowercase();
    let help = if lower.contains("character") || lower.contains("'") && lower.contains("string") {
        Some("strings are written with double quotes; single quotes hold one character")
    } else if lower.contains("';'") || lower.contains("terminate this statement") {
        Some("a statement ends with `;`")
    } else if lower.contains("expression exceeds maximum complexity") {
        Some("build the value in several steps: one expression nests this deep at most")
    } else {
        None
    };
    findings.push(&RULE, place, text, help.map(str::to_owned));
}
