//! Suites, alone and against the clusters: `XT1`.

pub(super) mod bad_alert_policy;
pub(super) mod bad_core_dumps;
pub(super) mod bad_duration;
pub(super) mod bad_email;
pub(super) mod bad_tag;
pub(super) mod host_in_two_clusters;
pub(super) mod machine_not_in_suite;
pub(super) mod missing_field;
pub(super) mod no_tests;
pub(super) mod relative_log;
pub(super) mod repeated_entry;
pub(super) mod unknown_cluster;
pub(super) mod unknown_machine;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Context;
use crate::rules::layout::{malformed_name, name_mismatch};

/// Applies all rules for suites but those for schedules and scripts.
pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    name_mismatch::check(findings, "suite", &suite.file, suite.name.as_ref());
    for case in &suite.tests {
        malformed_name::check(findings, "case", case.name.as_ref());
    }
    missing_field::check(suite, findings);
    no_tests::check(suite, findings);
    unknown_cluster::check(suite, context, findings);
    unknown_machine::check(suite, context, findings);
    bad_alert_policy::check(suite, findings);
    bad_email::check(suite, findings);
    bad_tag::check(suite, findings);
    bad_duration::check(suite, findings);
    repeated_entry::check(suite, findings);
    machine_not_in_suite::check(suite, context, findings);
    relative_log::check(suite, findings);
    host_in_two_clusters::check(suite, context, findings);
    bad_core_dumps::check(suite, findings);
}
