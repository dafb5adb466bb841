//! ## What it does
//! Reports a value of `missed` or `overlap` that is no policy.
//!
//! ## Why is this bad?
//! Runs would be started, or not be started, otherwise than meant.
//!
//! ## Example
//! ```rhai
//! ts.missed = "always";
//! ```
//!
//! ## How to fix
//! `missed` is `"skip"` (a start at which the engine was down is left out; the default) or `"once"` (one run makes up for
//! all of them). `overlap` is `"queue"` (a start while an earlier one's run is not over waits; the default) or `"skip"`
//! (it is left out).

use xrdtest_model::Severity;

use crate::draft::suite::{Suite, missed, overlap};
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::did_you_mean;

pub(crate) const RULE: Rule =
    Rule::new("XT3005", "bad-schedule-policy", Severity::Error, include_str!("bad_schedule_policy.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let of_missed = suite.missed.as_ref().map(|text| ("missed", text, missed(&text.value).is_some()));
    let of_overlap = suite.overlap.as_ref().map(|text| ("overlap", text, overlap(&text.value).is_some()));
    for (field, text, known) in [of_missed, of_overlap].into_iter().flatten() {
        if !known {
            let message = format!("`{}` is no policy for `{field}`", text.value);
            let policies = if field == "missed" { ["skip", "once"] } else { ["queue", "skip"] };
            let help = did_you_mean(&text.value, policies, "the policies are");
            findings.push(&RULE, &text.place, message, help);
        }
    }
}
