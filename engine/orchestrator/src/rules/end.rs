//! How a run, or a part of it, comes to an early end.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{
    AttemptId, EndCause, EventBody, InstanceId, RunId, StageId, StageKind, Timestamp, Verdict,
};

use crate::rules::View;
use crate::scope::Scope;
use crate::state::{Barrier, Owner, Run};
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
        let instances =
            self.state.instances_of(run).filter(|(_, known)| known.state != InstanceState::Stopping);
        let ends =
            instances.map(|(id, known)| self.leave(id, run.is_left_as_it_is(verdict) && known.is_made()));
        std::iter::once(over).chain(ends).collect()
    }

    /// The instances that no live run owns, that stand for nobody, and that nobody has told to stop: a journal may end
    /// between the end of a run and theirs.
    pub(crate) fn orphans(self) -> Vec<EventBody> {
        let instances = self.state.instances.iter();
        let orphans = instances.filter(|(_, known)| known.state != InstanceState::Stopping);
        orphans
            .filter_map(|(id, known)| match &known.owner {
                Owner::Run { run, keep } if !self.state.runs.contains_key(run) => Some(self.leave(id, *keep)),
                Owner::Run { .. } | Owner::Hand { .. } | Owner::Kept { .. } => None,
            })
            .collect()
    }

    /// The end of an instance with its run, or its life after it.
    fn leave(self, instance: &InstanceId, keep: bool) -> EventBody {
        match keep {
            true => EventBody::InstanceKept {
                instance: instance.clone(),
                until: self.now.after(self.config.kept_for),
            },
            false => stopping(instance, String::new()),
        }
    }
}

fn finished(run: RunId, verdict: Verdict, reason: String) -> EventBody {
    EventBody::RunFinished { run, verdict, reason }
}

/// The order to take an instance away; `detail`: why, where that is not the end of its run.
pub(crate) fn stopping(instance: &InstanceId, detail: String) -> EventBody {
    EventBody::InstanceChanged {
        instance: instance.clone(),
        state: InstanceState::Stopping,
        detail,
        step: None,
    }
}

fn limit_words(run: &Run) -> String {
    format!("run limit of {}", limit_ms(run.plan.limits.run_ms))
}
