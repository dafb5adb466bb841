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
//! braces, and a dictionary is written `#{ key: value }`. The help line says so at words of Python.

use rhai::{LexError, ParseErrorType};
use xrdtest_model::Severity;

use super::python;
use crate::evaluate::bounds::EXPRESSION_DEPTH;
use crate::findings::Findings;
use crate::language::register::DISABLED;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0001", "syntax-error", Severity::Error, include_str!("syntax_error.rs"));

/// `at`: the text from the place on.
pub(crate) fn report(findings: &mut Findings, place: &Place, problem: &ParseErrorType, at: &str) {
    findings.push(&RULE, place, message(problem), help(problem, at));
}

/// What is wrong, in our words where Rhai's explain nothing.
fn message(problem: &ParseErrorType) -> String {
    match problem {
        ParseErrorType::ExprTooDeep => {
            format!("expressions are nested more than {EXPRESSION_DEPTH} deep")
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(name, _)) if DISABLED.contains(&name.as_str()) => {
            format!("`{name}` is not available in definitions")
        }
        other => other.to_string(),
    }
}

/// What to do about it.
fn help(problem: &ParseErrorType, at: &str) -> Option<String> {
    let text = match problem {
        ParseErrorType::MissingToken(token, _) if token == ";" && at.starts_with(':') => {
            "an object map is written `#{ key: value }`"
        }
        ParseErrorType::MissingToken(..) | ParseErrorType::BadInput(LexError::ImproperSymbol(..))
            if python::instead(at).is_some() =>
        {
            python::instead(at)?
        }
        ParseErrorType::Reserved(_) => python::instead(at)?,
        ParseErrorType::BadInput(LexError::MalformedChar(_)) => {
            "strings are written with double quotes; single quotes hold one character"
        }
        ParseErrorType::MissingToken(token, _) if token == ";" => "a statement ends with `;`",
        ParseErrorType::ExprTooDeep => "build the value in several steps, with variables in between",
        ParseErrorType::LiteralTooLarge(what, _) if what.contains("string") => {
            "a long script can be a file, named by `file://` (an engine's bound is set by its key definitions.string)"
        }
        ParseErrorType::LiteralTooLarge(..) => {
            "build the value in several steps (an engine's bound is set by its key definitions.elements)"
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(name, _)) => match name.as_str() {
            "eval" => "write the code itself, or a function for what varies",
            "curry" => "write a closure that calls the other: `|x| f.call(1, x)`",
            _ => return None,
        },
        _ => return None,
    };
    Some(text.to_owned())
}
