//! ## What it does
//! Reports a `timeout` or `stage_timeout` that is no duration, and a `stage_timeout` that is longer than the `timeout`.
//!
//! ## Why is this bad?
//! A run would end too early or hold its machines for too long.
//!
//! ## Example
//! ```rhai
//! ts.stage_timeout = "15";
//! ```
//!
//! ## How to fix
//! Write numbers with units, the greatest first: `"15m"`, `"90s"`, `"1h30m"`. Units are `d`, `h`, `m`, `s` and `ms`.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;
use xrdtest_model::time::parse_duration;

pub(crate) const RULE: Rule =
    Rule::new("XT1008", "bad-duration", Severity::Error, include_str!("bad_duration.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let mut parsed = Vec::new();
    for (field, text) in [("timeout", &suite.timeout), ("stage_timeout", &suite.stage_timeout)] {
        let Some(text) = text else { continue };
        match parse_duration(&text.value) {
            Some(milliseconds) => parsed.push((milliseconds, text)),
            None => findings.add_with_help(
                &RULE,
                &text.place,
                format!("`{}` is no duration for `{field}`", text.value),
                "write for example `\"15m\"`, `\"90s\"` or `\"1h30m\"`: more than zero, at most a year",
            ),
        }
    }
    if let [(whole, _), (stage, text)] = parsed.as_slice()
        && stage > whole
    {
        findings.add_with_help(
            &RULE,
            &text.place,
            "`stage_timeout` is longer than `timeout`, so it has no effect",
            "one stage may take at most as long as the whole run",
        );
    }
}
