//! How long the agent waits for a supervisor to state an outcome that is due. Scripts are root: they can stop their
//! supervisor, or keep it from running.

use std::time::Duration;

use tokio::time::Instant;
use xrdtest_model::limits::KILL_GRACE;

use crate::process::tree::{self, Process};
use crate::supervisor::course::KILL_LIMIT;

/// A supervisor that is well has noticed by itself for this long that the stage's limit is over.
const NOTICED: Duration = Duration::from_secs(2);
/// A supervisor that is well states an outcome within this time, also where processes can't be killed.
const ANSWER: Duration = KILL_GRACE.saturating_add(KILL_LIMIT).saturating_add(Duration::from_secs(3));

/// Patience with one supervisor.
#[derive(Debug)]
pub(super) struct Patience {
    supervisor: Option<Process>,
    limit: Option<Instant>,
    over: Option<Instant>,
}

impl Patience {
    /// With this supervisor, for a stage that may take this long from now on.
    pub(super) fn new(supervisor: Option<Process>, limit: Duration) -> Self {
        Self { supervisor, limit: Instant::now().checked_add(limit.saturating_add(NOTICED)), over: None }
    }

    /// From now on the outcome is due. A supervisor that was stopped goes on.
    pub(super) fn outcome_is_due(&mut self) {
        if let Some(supervisor) = &self.supervisor {
            tree::wake(supervisor);
        }
        self.over.get_or_insert(Instant::now() + ANSWER);
    }

    /// Waits until the patience is over; may be dropped and called again.
    pub(super) async fn over(&mut self) {
        if self.over.is_none() {
            match self.limit {
                Some(limit) => tokio::time::sleep_until(limit).await,
                None => std::future::pending().await,
            }
            self.outcome_is_due();
        }
        if let Some(over) = self.over {
            tokio::time::sleep_until(over).await;
        }
    }

    /// Ends the supervisor and everything below it.
    pub(super) async fn end_supervisor(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            // Where that breaks off there is nothing else to be done.
            let _ = tokio::task::spawn_blocking(move || tree::kill_with(&supervisor)).await;
        }
    }
}
