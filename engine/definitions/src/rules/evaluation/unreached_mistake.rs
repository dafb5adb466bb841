//! ## What it does
//! Reports mistakes in code that is not reached when the definition is evaluated: fields that an object does not have,
//! too many arguments of a constructor, functions that do not exist.
//!
//! ## Why is this bad?
//! Nothing is wrong today. The day the code is used, the definition breaks.
//!
//! ## Example
//! ```rhai
//! fn small(name) {
//!     let host = Host(name);
//!     host.ramsize = "512M";
//!     host
//! }
//! ```
//!
//! ## How to fix
//! Do as the help line says, or remove the code.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::language::class::Class;
use crate::place::Place;
use crate::rules::Rule;
use crate::suggest::did_you_mean;

pub(crate) const RULE: Rule =
    Rule::new("XT0016", "unreached-mistake", Severity::Warning, include_str!("unreached_mistake.rs"));

pub(crate) fn unknown_field(findings: &mut Findings, place: &Place, class: &Class, name: &str) {
    let help = did_you_mean(name, class.field_names(), &format!("the fields of a {} are", class.name));
    findings.push(&RULE, place, format!("a {} has no field `{name}`", class.name), help);
}

pub(crate) fn too_many(findings: &mut Findings, place: &Place, class: &Class, count: usize) {
    let most = class.parameters.len();
    let message = format!("`{}` takes at most {most} arguments, not {count}", class.name);
    findings.add_with_help(&RULE, place, message, format!("the signature is `{}`", class.signature()));
}

pub(crate) fn unknown_function(findings: &mut Findings, place: &Place, name: &str, near: Option<&str>) {
    let help = near.map(|near| format!("did you mean `{near}`?"));
    findings.push(&RULE, place, format!("there is no function `{name}`"), help);
}
