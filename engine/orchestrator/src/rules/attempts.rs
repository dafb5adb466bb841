//! When the result of a stage on a machine is final.

use std::time::Duration;

use xrdtest_model::event::StageResult;
use xrdtest_model::time::millis;
use xrdtest_model::{AttemptId, EventBody, Outcome, Timestamp};

use crate::rules::View;
use crate::scope::Scope;
use crate::state::{Attempt, Barrier, Run};

impl View<'_> {
    /// The results that are final now.
    pub(super) fn decide_attempts(self, run: &Run, scope: &Scope) -> Vec<EventBody> {
        let Some(barrier) = run.open_barrier() else {
            return Vec::new();
        };
        let results = scope.open(barrier).filter_map(|attempt| {
            let result = match &attempt.report {
                Some((_, reported)) => self.reported(run, barrier, attempt, reported),
                None => self.unreported(run, barrier, attempt),
            };
            Some(EventBody::StageFinished { run: run.id.clone(), result: Box::new(result?) })
        });
        results.collect()
    }

    /// The final result of an attempt whose end is known: when its output is there, or not waited for.
    fn reported(
        self,
        run: &Run,
        barrier: &Barrier,
        attempt: &Attempt,
        reported: &StageResult,
    ) -> Option<StageResult> {
        let complete = self.world.arrived(&attempt.id).length >= reported.evidence_length();
        let given_up = run.is_forced()
            || !self.state.takes_part(&attempt.id.machine)
            || self.output_until(run, barrier, attempt).is_some_and(|until| self.now >= until);
        let whole = complete && reported.output_lost == 0;
        (complete || given_up).then(|| StageResult { output_complete: whole, ..reported.clone() })
    }

    /// The final result of an attempt of which no end was reported, where none will be.
    fn unreported(self, run: &Run, barrier: &Barrier, attempt: &Attempt) -> Option<StageResult> {
        let lost = self.state.machine(&attempt.id.machine).and_then(|known| known.lost.clone());
        if let Some(reason) = lost {
            return Some(self.without_report(barrier, &attempt.id, Outcome::Lost, reason));
        }
        if let Some(cancel) = run.cancel.as_ref().filter(|cancel| cancel.force) {
            return Some(self.without_report(barrier, &attempt.id, Outcome::Cancelled, cancel.words()));
        }
        // The agent has said what it has, and this is not among it: it will not get it any more.
        let link = self.world.link_in(&attempt.id.machine)?;
        if link.has.contains_key(&attempt.id) {
            return None;
        }
        // Never again, whatever the machine has forgotten: its script did run.
        if attempt.boot.is_some() {
            let reason =
                "after the boot that its script announced, the machine has no record of it".to_owned();
            return Some(self.without_report(barrier, &attempt.id, Outcome::Lost, reason));
        }
        let cut = self.unwanted(run, barrier, &attempt.id)?;
        let reason = format!("{}, before the order reached the machine", cut.reason);
        Some(StageResult {
            output_complete: true,
            ..self.without_report(barrier, &attempt.id, cut.cause.outcome(), reason)
        })
    }

    fn without_report(
        self,
        barrier: &Barrier,
        id: &AttemptId,
        outcome: Outcome,
        reason: String,
    ) -> StageResult {
        StageResult {
            outcome,
            reason,
            duration_ms: millis(self.now.since(barrier.started)),
            output_length: self.world.arrived(id).length,
            output_lost: 0,
            ..blank(id, barrier.started)
        }
    }
}

/// A result that says nothing yet.
pub(crate) fn blank(id: &AttemptId, started: Timestamp) -> StageResult {
    StageResult {
        stage: id.stage,
        machine: id.machine.clone(),
        attempt: id.number,
        outcome: Outcome::Lost,
        exit_code: None,
        signal: None,
        reason: String::new(),
        started,
        duration_ms: millis(Duration::ZERO),
        output_length: 0,
        output_lost: 0,
        output_complete: false,
        leftovers: Vec::new(),
        logs: Vec::new(),
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }
}
