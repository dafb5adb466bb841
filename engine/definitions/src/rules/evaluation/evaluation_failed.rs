//! ## What it does
//! Reports where the evaluation of a definition ended with an error: an unknown variable, module or function, an
//! operation that its values do not have, a `throw`.
//!
//! ## Why is this bad?
//! What the definition says behind that place is not known, so it can't be used.
//!
//! ## Example
//! ```rhai
//! cluster.addHots([ds1]);
//! ```
//!
//! ## How to fix
//! Correct the place named. The help line shows the name that was probably meant, or where a function of another
//! file was called.

use rhai::ParseErrorType;
use xrdtest_model::Severity;

use super::python;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0005", "evaluation-failed", Severity::Error, include_str!("evaluation_failed.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, message: String, help: Option<String>) {
    findings.push(&RULE, place, message, help);
}

/// A name that stands for nothing. Rhai finds most of them before it evaluates anything.
pub(crate) enum Undefined<'a> {
    Variable(&'a str),
    Module(&'a str),
}

impl<'a> Undefined<'a> {
    pub(crate) fn of(problem: &'a ParseErrorType) -> Option<Self> {
        match problem {
            ParseErrorType::VariableUndefined(name) => Some(Self::Variable(name)),
            ParseErrorType::ModuleUndefined(name) => Some(Self::Module(name)),
            _ => None,
        }
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn explain(&self) -> (String, Option<String>) {
        match *self {
            Self::Variable(name) => {
                let help = python::instead(name).unwrap_or(
                    "a function sees its own variables only; constants of the file are `global::NAME`",
                );
                (format!("there is no variable `{name}`"), Some(help.to_owned()))
            }
            Self::Module(name) => (
                format!("there is no module `{name}`"),
                Some(format!("bring it in with `import \"…\" as {name};`")),
            ),
        }
    }
}

/// `at`: the text from the place on.
pub(crate) fn undefined(findings: &mut Findings, place: &Place, undefined: &Undefined<'_>, at: &str) {
    let (message, help) = undefined.explain();
    report(findings, place, message, python::instead(at).map(str::to_owned).or(help));
}
