//! ## What it does
//! Reports a field that its object does not have, and a key that is no field in the object map of a constructor.
//!
//! ## Why is this bad?
//! What was written has no effect: a misspelt `alert_emial` would mean that nobody hears of a failure.
//!
//! ## Example
//! ```rhai
//! ts.alert_emial = ["ops@example.org"];
//! ```
//!
//! ## How to fix
//! Use the name that the help line suggests, or remove the line. The fields are those of the manual: its names are
//! case-sensitive.

use xrdtest_model::Severity;

use crate::language::class::Class;
use crate::language::session::Session;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0010", "unknown-field", Severity::Error, include_str!("unknown_field.rs"));

pub(crate) fn report(session: &mut Session, class: &Class, name: &str, place: &Place, help: Option<String>) {
    let message = format!("a {} has no field `{name}`", class.name);
    session.findings.push(&RULE, place, message, help);
}
