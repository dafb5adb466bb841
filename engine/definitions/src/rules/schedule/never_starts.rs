//! ## What it does
//! Reports a schedule whose fields are all good, but which no time of any year fulfils.
//!
//! ## Why is this bad?
//! The suite is never started.
//!
//! ## Example
//! ```rhai
//! ts.schedule = #{ day: "30", month: "feb" };
//! ```
//!
//! ## How to fix
//! Ask for a day that exists: `last` is the last day of each month. In a map all fields have to hold, also `day` and
//! `day_of_week`; in a cron expression one of these two is enough.

use xrdtest_model::{Severity, Timestamp};
use xrdtest_schedule::{Timetable, Zone};

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT3007", "never-starts", Severity::Warning, include_str!("never_starts.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let Some(schedule) = &suite.schedule else { return };
    let Ok(timetable) = Timetable::new(&schedule.to_model()) else { return };
    if timetable.next_after(Timestamp::default(), &Zone::utc()).is_none() {
        let when = timetable.words();
        let message = format!("the suite never starts: there is no such time ({when})");
        findings.add_with_help(
            &RULE,
            &suite.place_of("schedule"),
            message,
            "leave out what excludes the rest",
        );
    }
}
