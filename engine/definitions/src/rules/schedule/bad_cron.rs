//! ## What it does
//! Reports a string in `ts.schedule` that is no five-field cron expression.
//!
//! ## Why is this bad?
//! There is no telling when the suite should run.
//!
//! ## Example
//! ```rhai
//! ts.schedule = "30 8 * * 1 *";          // six fields
//! ts.schedule = "0 25 * * *";            // there is no 25th hour
//! ```
//!
//! ## How to fix
//! Write minute, hour, day of month, month and day of week with blanks between them: `"8 2 * * 1-5"` is 02:08 from Monday
//! to Friday. In the last field 1 is Monday, and 0 and 7 are Sunday.

use xrdtest_model::Severity;

use crate::draft::suite::{RawSchedule, Suite};
use crate::findings::Findings;
use crate::rules::Rule;
use xrdtest_schedule::check_cron;

pub(crate) const RULE: Rule = Rule::new("XT3003", "bad-cron", Severity::Error, include_str!("bad_cron.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let Some(RawSchedule::Cron(cron)) = &suite.schedule else {
        return;
    };
    if let Err(problem) = check_cron(&cron.value) {
        findings.add_with_help(
            &RULE,
            &cron.place,
            format!("`{}` is no cron expression: {problem}", cron.value),
            "write minute, hour, day of month, month, day of week: `\"8 2 * * 1-5\"`",
        );
    }
}
