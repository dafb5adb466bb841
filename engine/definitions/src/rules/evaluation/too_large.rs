//! ## What it does
//! Reports a string, an array or an object map that holds more than its field may.
//!
//! ## Why is this bad?
//! Definitions are copied for every run and shown in full. The bounds are far above what clusters and suites need: 1000
//! hosts, 500 cases, 32 disks of a host, 32 KiB of a script that stands in the definition.
//!
//! ## Example
//! ```rhai
//! ts.initialize = "#!/bin/bash …";       // a hundred thousand characters
//! ```
//!
//! ## How to fix
//! Put a long script into a file of its own and name it by `file://`; split a large suite or cluster.

use xrdtest_model::Severity;

use crate::language::admit::Misfit;
use crate::language::class::Field;
use crate::language::session::Session;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT0013", "too-large", Severity::Error, include_str!("too_large.rs"));

pub(crate) fn report(session: &mut Session, field: &str, place: &Place, misfit: &Misfit) {
    let Misfit { part, expected, found, .. } = misfit;
    let is_script = matches!(field, "initialize" | "run" | "finalize");
    let help =
        is_script.then(|| "put the script into a file of its own, and name it by `file://`".to_owned());
    let message = format!("`{field}{part}` may have {expected}, not {found}");
    session.findings.push(&RULE, place, message, help);
}

pub(crate) fn too_many_hosts(session: &mut Session, field: &Field, place: &Place) {
    let message = format!("`{}` may have at most {} hosts", field.name, field.most);
    session.findings.push(&RULE, place, message, None);
}
