//! Schedules: `XT3`. What a schedule means is not looked at here, only whether it means something.

pub(super) mod bad_cron;
pub(super) mod bad_jitter;
pub(super) mod bad_schedule_policy;
pub(super) mod bad_schedule_value;
pub(super) mod bad_timezone;
pub(super) mod never_starts;
pub(super) mod timing_without_schedule;
pub(super) mod unknown_schedule_field;

use crate::draft::suite::Suite;
use crate::findings::Findings;

/// Applies all rules for schedules.
pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    unknown_schedule_field::check(suite, findings);
    bad_schedule_value::check(suite, findings);
    bad_cron::check(suite, findings);
    bad_timezone::check(suite, findings);
    bad_schedule_policy::check(suite, findings);
    bad_jitter::check(suite, findings);
    never_starts::check(suite, findings);
    timing_without_schedule::check(suite, findings);
}
