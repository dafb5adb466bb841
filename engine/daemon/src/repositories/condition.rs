//! How it goes with a repository, as it is shown. Pure: the time is an argument.

use std::time::Duration;

use tracing::{info, warn};
use xrdtest_model::Timestamp;
use xrdtest_model::api::{CommitInfo, RepositoryInfo, RepositoryState};

use super::config::{Place, RepositoryConfig};
use super::timing::pause;

/// Why a repository's newest content can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Fault {
    /// What is wrong, in one line.
    pub(super) problem: String,
    /// What to do; may be empty.
    pub(super) help: String,
}

impl Fault {
    pub(super) fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: help.into() }
    }
}

/// What git says about the content of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) branch: Option<String>,
    pub(super) commit: Option<CommitInfo>,
    pub(super) dirty: Option<bool>,
    pub(super) notes: Vec<String>,
}

/// What the last looks at a repository amount to.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    state: RepositoryState,
    fault: Option<Fault>,
    revision: Revision,
    notes: Vec<String>,
    checked: Option<Timestamp>,
    loaded: Option<Timestamp>,
    next: Option<Timestamp>,
    failures: u32,
}

impl Condition {
    /// New content was taken over.
    pub(super) fn loaded(&mut self, now: Timestamp, revision: Revision) {
        self.loaded = Some(now);
        self.revision = revision;
    }

    /// The content is the same, and git's word about it may be another.
    pub(super) fn noted(&mut self, revision: Revision) {
        self.revision = revision;
    }

    /// A look is over, with what is worth knowing; answers how long to wait for the next.
    pub(super) fn looked(
        &mut self,
        now: Timestamp,
        config: &RepositoryConfig,
        result: Result<Vec<String>, Fault>,
    ) -> Duration {
        self.checked = Some(now);
        match result {
            Ok(notes) => {
                if self.fault.take().is_some() {
                    info!(repository = config.name, "the repository can be had again");
                }
                (self.state, self.notes, self.failures) = (RepositoryState::Good, notes, 0);
            }
            Err(fault) => {
                if self.fault.as_ref() != Some(&fault) {
                    warn!(repository = config.name, problem = fault.problem, "the repository can't be had");
                }
                self.state = RepositoryState::Failing;
                self.fault = Some(fault);
                self.failures = self.failures.saturating_add(1);
            }
        }
        let pause = pause(config.interval, self.failures);
        self.next = Some(now.after(pause));
        pause
    }

    /// All that is to be known, but for the counts of what is in it.
    pub(super) fn info(&self, config: &RepositoryConfig) -> RepositoryInfo {
        let branch = match &config.place {
            Place::Remote(remote) => self.revision.branch.clone().or_else(|| remote.branch.clone()),
            Place::Folder(_) => self.revision.branch.clone(),
        };
        let fault = self.fault.clone().unwrap_or_else(|| Fault::new("", ""));
        RepositoryInfo {
            name: config.name.clone(),
            location: config.location(),
            remote: matches!(config.place, Place::Remote(_)),
            state: self.state,
            problem: fault.problem,
            help: fault.help,
            notes: self.notes.iter().chain(&self.revision.notes).cloned().collect(),
            branch,
            commit: self.revision.commit.clone(),
            dirty: self.revision.dirty,
            suites: 0,
            clusters: 0,
            errors: 0,
            first_errors: Vec::new(),
            checked: self.checked,
            loaded: self.loaded,
            next: self.next,
            failures: self.failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_keep_what_is_loaded_and_count() {
        let config = RepositoryConfig::folder("/srv/suites");
        let mut condition = Condition::default();
        let at = Timestamp::from_millis;
        assert_eq!(condition.info(&config).state, RepositoryState::Pending);
        let revision = Revision { branch: Some("main".to_owned()), ..Revision::default() };
        condition.loaded(at(1000), revision);
        assert_eq!(condition.looked(at(1000), &config, Ok(Vec::new())), config.interval);
        for (time, failures, wait) in [(2000, 1, 2), (4000, 2, 4), (8000, 3, 8)] {
            let pause = condition.looked(at(time), &config, Err(Fault::new("it is gone", "bring it back")));
            assert_eq!(pause.as_secs(), wait);
            let info = condition.info(&config);
            assert_eq!((info.state, info.failures), (RepositoryState::Failing, failures));
            assert_eq!((info.problem.as_str(), info.help.as_str()), ("it is gone", "bring it back"));
            assert_eq!((info.loaded, info.branch.as_deref()), (Some(at(1000)), Some("main")));
            assert_eq!(info.next, Some(at(time + wait * 1000)));
        }
        condition.looked(at(9000), &config, Ok(vec!["a note".to_owned()]));
        let info = condition.info(&config);
        assert_eq!((info.state, info.failures, info.problem.as_str()), (RepositoryState::Good, 0, ""));
        assert_eq!(info.notes, ["a note"]);
    }
}
