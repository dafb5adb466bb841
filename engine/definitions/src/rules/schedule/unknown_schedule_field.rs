//! ## What it does
//! Reports a key of `ts.schedule` that is no field of a schedule.
//!
//! ## Why is this bad?
//! It has no effect, so the suite would run at other times than meant.
//!
//! ## Example
//! ```rhai
//! ts.schedule = #{ minutes: "8", hour: "*" };
//! ```
//!
//! ## How to fix
//! The fields are `year`, `month`, `day`, `week`, `day_of_week`, `hour`, `minute` and `second`.

use xrdtest_model::Severity;

use crate::draft::suite::{RawSchedule, Suite};
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::did_you_mean;
use xrdtest_schedule::{FIELDS, field};

pub(crate) const RULE: Rule =
    Rule::new("XT3001", "unknown-schedule-field", Severity::Error, include_str!("unknown_schedule_field.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let Some(RawSchedule::Fields(fields)) = &suite.schedule else {
        return;
    };
    for (name, _) in fields {
        if field(&name.value).is_none() {
            let known = FIELDS.iter().map(|field| field.name);
            let help = did_you_mean(&name.value, known, "the fields of a schedule are");
            let message = format!("a schedule has no field `{}`", name.value);
            findings.push(&RULE, &name.place, message, help);
        }
    }
}
