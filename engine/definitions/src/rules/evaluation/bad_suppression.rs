//! ## What it does
//! Reports a suppression comment that can have no effect: it names no rule, or one that does not exist; or it is for the
//! whole file (`ignore-file`) and does not stand in the comment at the file's beginning.
//!
//! ## Why is this bad?
//! What it was to suppress is reported.
//!
//! ## Example
//! ```rhai
//! ts.clusters = ["c1", "c1"];   // xrdtest: ignore XT10009
//! ```
//!
//! ## How to fix
//! Write codes, beginnings of codes or names of rules, with spaces or commas between them: `// xrdtest: ignore XT1009`.
//! Behind ` -- ` a reason may follow.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;
use crate::rules::filter::UnknownCode;

pub(crate) const RULE: Rule =
    Rule::new("XT0015", "bad-suppression", Severity::Warning, include_str!("bad_suppression.rs"));

pub(crate) fn unknown(findings: &mut Findings, place: &Place, unknown: &UnknownCode) {
    let help = match unknown.near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`xrdtest rule` lists all rules; a reason stands behind ` -- `".to_owned(),
    };
    findings.add_with_help(&RULE, place, format!("there is no rule `{}`", unknown.code), help);
}

pub(crate) fn names_no_rule(findings: &mut Findings, place: &Place) {
    findings.add_with_help(&RULE, place, "this suppression names no rule", "write the codes that it is for");
}

pub(crate) fn not_at_the_beginning(findings: &mut Findings, place: &Place) {
    let help = "move it to the top, or write `ignore` for the next line";
    findings.add_with_help(&RULE, place, "`ignore-file` counts only in a file's first comment lines", help);
}
