//! How a run, or a part of it, comes to an early end.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{
    AttemptId, EndCause, EventBody, InstanceId, RunId, StageId, StageKind, Timestamp, Verdict,
};

use crate::rules::View;
use crate::scope::Scope;
use crate::state::{Barrier, Run, State};
use crate::verdict::{RunFacts, Stop, of_run};
use crate::words::limit_ms;

/// Why and since when a script is not to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CutOff {
    pub(crate) at: Timestamp,
    pub(crate) cause: EndCause,
    pub(crate) reason: String,
}

impl View<'_> {
    /// Why the run begins nothing new, where it does not.
    pub(crate) fn stop(self, run: &Run) -> Option<Stop> {
        if let Some(cancel) = &run.cancel {
            return Some(Stop::Cancelled(cancel.words()));
        }
        if let Some(words) = self.lost_words(run) {
            return Some(Stop::Lost(words));
        }
        run.timed_out.map(|_| Stop::TimedOut(limit_words(run)))
    }

    /// Why the stages of a kind are not to go on, where they are not.
    pub(super) fn cut_off(self, run: &Run, kind: StageKind) -> Option<CutOff> {
        if !Self::is_cut_off(kind) {
            return None;
        }
        let cancelled = run.cancel.as_ref().map(|cancel| CutOff {
            at: cancel.at,
            cause: EndCause::Cancelled,
            reason: cancel.words(),
        });
        let timed_out =
            run.timed_out.map(|at| CutOff { at, cause: EndCause::TimedOut, reason: limit_words(run) });
        // The first in time was told to the machines, so it gives the reason.
        [cancelled, timed_out].into_iter().flatten().min_by_key(|cut| cut.at)
    }

    /// Why an attempt is not to go on, where it is not: a cut-off of the run, or its own limit, which the machine
    /// should have enforced.
    pub(crate) fn unwanted(self, run: &Run, barrier: &Barrier, id: &AttemptId) -> Option<CutOff> {
        self.cut_off(run, barrier.stage.kind).or_else(|| {
            let at = self.end_at(run, barrier, id);
            (self.now >= at).then(|| CutOff {
                at,
                cause: EndCause::TimedOut,
                reason: format!("stage limit of {}", limit_ms(run.plan.limits.stage_ms)),
            })
        })
    }

    fn lost_words(self, run: &Run) -> Option<String> {
        let lost = self.state.lost_machines(run);
        let told: Vec<String> = lost.map(|(host, why)| format!("{host} was lost: {why}")).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// A waiting run, once it is placed or given up.
    pub(super) fn decide_waiting(self, run: &Run) -> Vec<EventBody> {
        if run.cancel.is_some() {
            return self.finish(run, None);
        }
        if self.now < self.queue_until(run) {
            return Vec::new();
        }
        let limit = limit_ms(run.plan.limits.queue_wait_ms);
        let words = match &run.waiting {
            Some(reason) => format!("waited {limit} in the queue: {reason}"),
            None => format!("waited {limit} in the queue"),
        };
        self.finish(run, Some(words))
    }

    /// The run's own limit.
    pub(super) fn decide_limit(self, run: &Run, _: &Scope) -> Vec<EventBody> {
        let due = self.run_until(run).is_some_and(|until| self.now >= until);
        if due && self.limit_counts(run) {
            return vec![EventBody::RunTimedOut { run: run.id.clone() }];
        }
        Vec::new()
    }

    /// The verdict of the run, and the end of its instances. `not_up`: why its clusters did not come up.
    pub(super) fn finish(self, run: &Run, not_up: Option<String>) -> Vec<EventBody> {
        let cases = run.plan.cases.iter().zip(&run.cases);
        let facts = RunFacts {
            cancelled: run.cancel.as_ref().map(crate::state::Cancel::words),
            not_up,
            lost: self.lost_words(run),
            timed_out: run.timed_out.map(|_| limit_words(run)),
            initialize: run.results.get(&StageId::SUITE_INITIALIZE),
            finalize: run.results.get(&StageId::SUITE_FINALIZE),
            cases: cases.map(|(plan, end)| (plan.name.as_str(), end)).collect(),
            planned: run.plan.cases.len(),
        };
        let (verdict, reason) = of_run(&facts);
        let over = finished(run.id.clone(), verdict, reason);
        std::iter::once(over)
            .chain(
                self.state
                    .instances_of(run)
                    .filter(|(_, instance)| instance.state != InstanceState::Stopping)
                    .map(|(id, _)| stopping(id)),
            )
            .collect()
    }
}

/// The instances that no live run owns and that nobody has told to stop: a journal may end between the two.
pub(crate) fn orphans(state: &State) -> Vec<EventBody> {
    let instances = state.instances.iter();
    instances
        .filter(|(_, instance)| {
            instance.state != InstanceState::Stopping && !state.runs.contains_key(&instance.run)
        })
        .map(|(id, _)| stopping(id))
        .collect()
}

fn finished(run: RunId, verdict: Verdict, reason: String) -> EventBody {
    EventBody::RunFinished { run, verdict, reason }
}

fn stopping(instance: &InstanceId) -> EventBody {
    EventBody::InstanceChanged {
        instance: instance.clone(),
        state: InstanceState::Stopping,
        detail: String::new(),
        step: None,
    }
}

fn limit_words(run: &Run) -> String {
    format!("run limit of {}", limit_ms(run.plan.limits.run_ms))
}
