//! ## What it does
//! Reports files that import each other in a circle.
//!
//! ## Why is this bad?
//! A file is evaluated when it is imported; in a circle none of them could be finished.
//!
//! ## Example
//! `lib/hosts.rhai` imports `/lib/disks`, and `lib/disks.rhai` imports `/lib/hosts`.
//!
//! ## How to fix
//! Move what both need into a third file which imports neither.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0008", "import-cycle", Severity::Error, include_str!("import_cycle.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, chain: &[&str]) {
    findings.add_with_help(
        &RULE,
        place,
        format!("files import each other in a circle: {}", chain.join(" → ")),
        "move what they share into a file that imports none of them",
    );
}
