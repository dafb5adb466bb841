//! How long runs stay: what is to be removed, decided from the records. Evidence (outputs and logs) goes before
//! records, the oldest first. Runs that are not over and pinned runs stay, whatever the limits say, but count.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xrdtest_model::api::RunSummary;
use xrdtest_model::{RunId, Timestamp};

/// Limits. A limit of 0 is none; one that is absent has its default, which is mostly none. A run that is beyond any of the others goes. Age counts from the
/// verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionPolicy {
    /// Key `evidence_days`: for how many days outputs and logs are kept. 90.
    pub evidence_days: Option<u64>,
    /// Key `evidence_bytes`: how many bytes of outputs and logs are kept, of all runs together. None.
    pub evidence_bytes: Option<u64>,
    /// Key `evidence_runs`: of how many runs outputs and logs are kept. None.
    pub evidence_runs: Option<u64>,
    /// Key `record_days`: for how many days records are kept: events, verdicts, states. None.
    pub record_days: Option<u64>,
    /// Key `record_runs`: of how many runs records are kept. None.
    pub record_runs: Option<u64>,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        Self {
            evidence_days: Some(90),
            evidence_bytes: None,
            evidence_runs: None,
            record_days: None,
            record_runs: None,
        }
    }
}

/// One thing to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetentionAction {
    /// The outputs and logs of a run; its record stays.
    RemoveEvidence(RunId),
    /// The whole run. If it had evidence, [`Self::RemoveEvidence`] comes before.
    RemoveRun(RunId),
}

/// What is to be removed now, in this order, given all runs in any order.
pub fn decide(policy: &RetentionPolicy, runs: &[RunSummary], now: Timestamp) -> Vec<RetentionAction> {
    let records = beyond(runs.iter(), limit(policy.record_days), limit(policy.record_runs), None, now);
    let with_evidence = runs.iter().filter(|run| has_evidence(run));
    let (days, count) = (limit(policy.evidence_days), limit(policy.evidence_runs));
    let mut evidence: Vec<&RunSummary> =
        beyond(with_evidence, days, count, limit(policy.evidence_bytes), now);
    let chosen: BTreeSet<&RunId> = evidence.iter().map(|run| &run.run).collect();
    evidence.extend(records.iter().filter(|run| has_evidence(run) && !chosen.contains(&run.run)));
    evidence.sort_by_key(|run| age_key(run));
    let evidence = evidence.into_iter().map(|run| RetentionAction::RemoveEvidence(run.run.clone()));
    let records = records.into_iter().map(|run| RetentionAction::RemoveRun(run.run.clone()));
    evidence.chain(records).collect()
}

/// The runs that have to go so that the rest keeps the limits, the oldest first.
fn beyond<'a>(
    runs: impl Iterator<Item = &'a RunSummary>,
    days: Option<u64>,
    count: Option<u64>,
    bytes: Option<u64>,
    now: Timestamp,
) -> Vec<&'a RunSummary> {
    let mut runs: Vec<&RunSummary> = runs.collect();
    runs.sort_by_key(|run| age_key(run));
    let mut left = u64::try_from(runs.len()).unwrap_or(u64::MAX);
    let mut bytes_left = runs.iter().map(|run| run.evidence_bytes).fold(0, u64::saturating_add);
    let age_limit = days.map(|days| Duration::from_secs(days.saturating_mul(24 * 60 * 60)));
    runs.retain(|run| {
        let Some(finished) = run.finished.filter(|_| !run.pinned) else { return false };
        let too_old = age_limit.is_some_and(|limit| now.since(finished) > limit);
        let too_many = count.is_some_and(|count| left > count);
        let too_much = bytes.is_some_and(|bytes| bytes_left > bytes);
        let goes = too_old || too_many || (too_much && run.evidence_bytes > 0);
        if goes {
            left -= 1;
            bytes_left = bytes_left.saturating_sub(run.evidence_bytes);
        }
        goes
    });
    runs
}

/// Whether there may be files of a run. A lost stage has left bytes that nobody counted.
fn has_evidence(run: &RunSummary) -> bool {
    run.evidence_removed.is_none() && (run.started.is_some() || run.evidence_bytes > 0)
}

/// The oldest verdict first; of the same time by id, so that the decision is always the same.
fn age_key(run: &RunSummary) -> (Timestamp, RunId) {
    (run.finished.unwrap_or(run.queued), run.run.clone())
}

fn limit(value: Option<u64>) -> Option<u64> {
    value.filter(|value| *value > 0)
}
