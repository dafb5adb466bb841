//! Suites with a schedule, and times.

use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::Timestamp;
use xrdtest_model::definition::{AlertPolicy, Schedule, Source, SuiteDefinition, Timing};

pub(crate) const HOUR: u64 = 3_600_000;
/// 2026-11-27.
const BEGIN: u64 = 1_795_737_600_000;

pub(crate) type Suites = BTreeMap<String, Arc<SuiteDefinition>>;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(BEGIN + millis)
}

pub(crate) fn suite(name: &str, cron: &str, timing: Timing) -> (String, Arc<SuiteDefinition>) {
    let definition = SuiteDefinition {
        name: name.to_owned(),
        desc_name: None,
        clusters: Vec::new(),
        machines: Vec::new(),
        schedule: Some(Schedule::Cron(cron.to_owned())),
        timing,
        tests: Vec::new(),
        initialize: None,
        finalize: None,
        logs: Vec::new(),
        alert_emails: Vec::new(),
        alert_success: AlertPolicy::None,
        alert_failure: AlertPolicy::None,
        core_dumps: Default::default(),
        timeout_ms: None,
        stage_timeout_ms: None,
        tags: BTreeMap::new(),
        source: Source::default(),
    };
    (name.to_owned(), Arc::new(definition))
}
