//! ## What it does
//! Reports an `import` of something that does not exist, that can't be compiled, or that may not be imported; and the
//! `import` by which a file with errors comes into a definition.
//!
//! ## Why is this bad?
//! Definitions can read the standard library (`std/…`), files beside them (`./…`) and files in the repository's `lib`
//! folder (`/lib/…`), and nothing else on the machine. A definition can't be run while something that it imports has
//! errors.
//!
//! ## Example
//! ```rhai
//! import "/etc/passwd" as secrets;
//! ```
//!
//! ## How to fix
//! Move the file into `lib/` or into the folder of the definition, and import it by one of these three forms. The
//! ending `.rhai` may be left out. Where the imported file has errors, correct them there.

use xrdtest_model::{Diagnostic, Severity};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0007", "import-failed", Severity::Error, include_str!("import_failed.rs"));

pub(crate) fn report(
    findings: &mut Findings,
    place: &Place,
    path: &str,
    problem: &str,
    help: Option<String>,
) {
    findings.push(&RULE, place, format!("`{path}` can't be imported: {problem}"), help);
}

/// For the definition that imports a file with an error, directly or through others.
pub(crate) fn broken_helper(findings: &mut Findings, place: &Place, path: &str, error: &Diagnostic) {
    let Diagnostic { file, span, message, .. } = error;
    let message = format!("`{path}` brings in an error in {file}, line {}: {message}", span.line);
    findings.push(&RULE, place, message, error.help.clone());
}
