//! ## What it does
//! Reports a value of a field of `ts.schedule` that the field can't have, and a schedule without any field.
//!
//! ## Why is this bad?
//! There is no such time: the suite would never run, or at times that were not meant.
//!
//! ## Example
//! ```rhai
//! ts.schedule = #{ hour: "24", minute: "0" };
//! ```
//!
//! ## How to fix
//! A value is `*`, `*/5`, a number, a range `8-18` or `8-18/2`, or several of these with commas between them. `month` and
//! `day_of_week` also take names (`jan`, `mon`); `day` also takes `last`, `2nd fri` and `last fri`. In `day_of_week` 0 is
//! Monday.

use xrdtest_model::Severity;

use crate::draft::suite::{RawSchedule, Suite};
use crate::findings::Findings;
use crate::rules::Rule;
use xrdtest_schedule::field;

pub(crate) const RULE: Rule =
    Rule::new("XT3002", "bad-schedule-value", Severity::Error, include_str!("bad_schedule_value.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let Some(RawSchedule::Fields(fields)) = &suite.schedule else {
        return;
    };
    if fields.is_empty() {
        findings.add_with_help(
            &RULE,
            &suite.place_of("schedule"),
            "the schedule has no field",
            "name at least one, or leave `schedule` out: the suite is then run by hand only",
        );
    }
    for (name, value) in fields {
        if let Some(field) = field(&name.value)
            && let Err(problem) = field.check(&value.value)
        {
            let message = format!("`{}` is no value for `{}`: {problem}", value.value, field.name);
            findings.add_with_help(&RULE, &value.place, message, field.help());
        }
    }
}
