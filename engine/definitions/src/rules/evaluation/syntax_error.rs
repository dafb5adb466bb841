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

use rhai::{LexError, ParseErrorType};
use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0001", "syntax-error", Severity::Error, include_str!("syntax_error.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, problem: &ParseErrorType) {
    findings.push(&RULE, place, problem.to_string(), help(problem));
}

/// What to do about it. Many come from Python, in which the manual's definitions are written.
fn help(problem: &ParseErrorType) -> Option<String> {
    let text = match problem {
        ParseErrorType::VariableUndefined(name) => match name.as_str() {
            "True" => "write `true`",
            "False" => "write `false`",
            "None" => "write `()`",
            _ => "a function sees its own variables only; constants of the file are `global::NAME`",
        },
        ParseErrorType::BadInput(LexError::MalformedChar(_)) => {
            "strings are written with double quotes; single quotes hold one character"
        }
        ParseErrorType::MissingToken(token, _) if token == ";" => "a statement ends with `;`",
        ParseErrorType::ExprTooDeep => {
            "build the value in several steps: expressions nest to a bounded depth"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
