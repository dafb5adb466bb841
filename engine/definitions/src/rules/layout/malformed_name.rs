//! ## What it does
//! Reports names of suites, cases, clusters, networks and disks with characters that names must not have.
//!
//! ## Why is this bad?
//! The names become names of files, folders and virtual networks. They consist of letters, digits, `_`, `-` and `.`, begin
//! with a letter or a digit, and have at most 64 characters.
//!
//! ## Example
//! ```rhai
//! ts.tests = ["copy to"];
//! ```
//!
//! ## How to fix
//! Use `_` where a space was meant, and rename the folder too: `copy_to`.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0106", "malformed-name", Severity::Error, include_str!("malformed_name.rs"));

/// Looks at one name; `what` says whose it is.
pub(crate) fn check(findings: &mut Findings, what: &str, name: Option<&Located<String>>) {
    let Some(name) = name.filter(|name| !is_name(&name.value)) else {
        return;
    };
    findings.add_with_help(
        &RULE,
        &name.place,
        format!("`{}` can't be the name of a {what}", name.value),
        "names have letters, digits, `_`, `-` and `.`, begin with a letter or digit, and have at most 64 characters",
    );
}

/// Whether a text has the form of a name.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}
