//! ## What it does
//! Reports a value of a type that its field can't hold.
//!
//! ## Why is this bad?
//! The value can't be used; the field counts as not set.
//!
//! ## Example
//! ```rhai
//! ts.clusters = "cluster_001_mm";   // an array is needed
//! host.cacheBootImage = "yes";      // true or false
//! ```
//!
//! ## How to fix
//! Write a value of the type named: `["cluster_001_mm"]`, `true`.

use xrdtest_model::Severity;

use crate::language::admit::Misfit;
use crate::language::session::Session;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0011", "wrong-type", Severity::Error, include_str!("wrong_type.rs"));

pub(crate) fn report(session: &mut Session, field: &str, place: &Place, misfit: &Misfit) {
    let Misfit { part, expected, found, .. } = misfit;
    let help = (expected.starts_with("an array of") && found == "a string")
        .then(|| "put it in brackets: `[\"…\"]`".to_owned());
    let message = format!("`{field}{part}` must be {expected}, not {found}");
    session.findings.push(&RULE, place, message, help);
}
