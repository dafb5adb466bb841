//! Schedules: `XT3`. What a schedule means is not looked at here, only whether it means something.

pub(super) mod bad_cron;
pub(super) mod bad_schedule_value;
pub(super) mod unknown_schedule_field;

use crate::draft::suite::Suite;
use crate::findings::Findings;

/// Applies all rules for schedules.
pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    unknown_schedule_field::check(suite, findings);
    bad_schedule_value::check(suite, findings);
    bad_cron::check(suite, findings);
}
