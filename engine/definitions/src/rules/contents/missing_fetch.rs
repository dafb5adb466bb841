//! ## What it does
//! Reports a path that a script gives to `fetch`, of `functions.sh`, where the repository has no such file.
//!
//! ## Why is this bad?
//! `fetch` fails, and with it the script.
//!
//! ## Example
//! ```bash
//! fetch clusters/cluster_copy/xrootd.cgf /etc/xrootd/
//! ```
//!
//! ## How to fix
//! Correct the path, which is relative to the root of the repository, or add the file. Paths with variables or tags in
//! them are not looked at, nor those of a `fetch` of which the failure is asked for: `if fetch …`, `fetch … || …`.

use xrdtest_model::Severity;

use super::missing_download::near;
use crate::evaluate::files::{Files, downward};
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT5008", "missing-fetch", Severity::Warning, include_str!("missing_fetch.rs"));

pub(crate) fn check(findings: &mut Findings, place: &Place, path: &str, files: &Files) {
    let Some(below) = downward(path) else {
        let help = "write the path from the root of the repository, such as `lib/common.sh`";
        findings.add_with_help(&RULE, place, format!("`{path}` leads out of the repository"), help);
        return;
    };
    if files.exists(&below) {
        return;
    }
    let help = near(&below, files).map(|near| format!("did you mean `{near}`?"));
    findings.push(&RULE, place, format!("the repository has no file `{path}`"), help);
}
