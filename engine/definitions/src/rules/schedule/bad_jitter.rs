//! ## What it does
//! Reports a `jitter` that is no duration, or longer than a day.
//!
//! ## Why is this bad?
//! There is no telling by how much starts should be put off.
//!
//! ## Example
//! ```rhai
//! ts.jitter = "5";
//! ```
//!
//! ## How to fix
//! Write numbers with units: `"5m"`, `"90s"`. A start is put off by a random time up to that, so that suites of the same
//! schedule do not all start at once; it never comes later than the next one.

use xrdtest_model::Severity;
use xrdtest_model::time::parse_duration;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT3006", "bad-jitter", Severity::Error, include_str!("bad_jitter.rs"));

const DAY: u64 = 24 * 3_600_000;

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let Some(text) = &suite.jitter else { return };
    if parse_duration(&text.value).is_none_or(|milliseconds| milliseconds > DAY) {
        findings.add_with_help(
            &RULE,
            &text.place,
            format!("`{}` is no duration for `jitter`", text.value),
            "write for example `\"5m\"` or `\"90s\"`: more than zero, at most a day",
        );
    }
}
