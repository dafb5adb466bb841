//! The spellings of JSON as they stand in columns.

use xrdtest_model::Verdict;
use xrdtest_model::chronicle::SubjectKind;
use xrdtest_model::event::InstanceState;

pub(super) fn instance_state(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Starting => "starting",
        InstanceState::WaitingSlaves => "waiting_slaves",
        InstanceState::Active => "active",
        InstanceState::Stopping => "stopping",
        InstanceState::Stopped => "stopped",
        InstanceState::Failed => "failed",
    }
}

pub(super) fn subject_kind(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Suite => "suite",
        SubjectKind::Cluster => "cluster",
        SubjectKind::Hypervisor => "hypervisor",
        SubjectKind::Slave => "slave",
        SubjectKind::Job => "job",
    }
}

/// A verdict as [`Verdict::as_str`] spells it.
pub(super) fn verdict(text: &str) -> Option<Verdict> {
    let all = [Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::Error, Verdict::Cancelled];
    all.into_iter().find(|verdict| verdict.as_str() == text)
}

/// Stands before an artifact's path in the column `outputs.log`; a log's path is absolute and begins with a slash.
const ARTIFACT: &str = "artifact:";

/// An artifact in the column `outputs.log`.
pub(super) fn artifact(path: &str) -> String {
    format!("{ARTIFACT}{path}")
}

/// What the column `outputs.log` says: the path of a collected log, or that of an artifact; neither for an output.
pub(super) fn collected(name: String) -> (Option<String>, Option<String>) {
    match name.strip_prefix(ARTIFACT) {
        Some(path) => (None, Some(path.to_owned())),
        None => (Some(name).filter(|log| !log.is_empty()), None),
    }
}
