//! When what is due. Each time is computed from durable times where there are any, so that a restart changes nothing
//! but to give agents the time to come back.

use std::time::Duration;

use xrdtest_model::{AgentName, AttemptId, MachineId, StageKind, Timestamp};

use crate::rules::View;
use crate::scope::Scope;
use crate::state::{Attempt, Barrier, Presence, Run};
use crate::world::{Contact, Seen};

impl<'a> View<'a> {
    /// When a waiting run is given up.
    pub(super) fn queue_until(self, run: &Run) -> Timestamp {
        run.queued.after(ms(run.plan.limits.queue_wait_ms))
    }

    /// When the start of a run's clusters is given up.
    pub(super) fn start_until(self, run: &Run) -> Timestamp {
        let placed = run.placed.unwrap_or(run.queued);
        let limit = placed.after(ms(run.plan.limits.cluster_start_ms));
        limit.max(self.world.awake.after(self.config.lost_after))
    }

    /// When a run hits its own limit.
    pub(super) fn run_until(self, run: &Run) -> Option<Timestamp> {
        Some(run.began?.after(ms(run.plan.limits.run_ms)))
    }

    /// How it is with a machine. One that was never heard of since the core is awake counts as out since then.
    pub(super) fn contact(self, machine: &MachineId) -> Contact {
        if let Some(link) = self.world.links.get(machine) {
            return link.contact;
        }
        let known = self.state.machine(machine);
        let orderly = known.is_some_and(|known| known.presence == Presence::Away);
        Contact::Out { last: self.world.awake, orderly }
    }

    /// Since when a machine is out of contact without goodbye.
    pub(super) fn away_since(self, machine: &MachineId) -> Option<Timestamp> {
        match self.contact(machine) {
            Contact::Out { last, orderly: false } => Some(last),
            Contact::Out { .. } | Contact::In { .. } => None,
        }
    }

    /// The agents with names of their own that are recorded as in contact and are not, with the time when that is to be
    /// recorded. Those of an earlier life of the engine are given the time to come back.
    pub(crate) fn absent_agents(self) -> impl Iterator<Item = (&'a AgentName, Timestamp)> {
        self.state.agents.keys().filter_map(move |agent| match self.world.agents.get(agent) {
            Some(Seen::In) => None,
            Some(Seen::Out { since }) => Some((agent, since.after(self.config.late_after))),
            None => Some((agent, self.world.awake.after(self.config.lost_after))),
        })
    }

    /// Until when the absence of a machine is that of an announced boot. `None` where none is awaited, and where the
    /// machine went away only after it was to be back: then that is an absence like any other.
    pub(super) fn boot_until(self, run: &Run, machine: &MachineId) -> Option<Timestamp> {
        let boot = run.attempt_on(&machine.host)?.awaited_boot()?;
        let until = boot.announced.after(ms(boot.within_ms));
        let until = until.max(self.world.awake.after(self.config.lost_after));
        let relevant = match self.contact(machine) {
            Contact::In { .. } => self.now < until,
            Contact::Out { last, .. } => last < until,
        };
        relevant.then_some(until)
    }

    /// When the machine's own supervisor must have ended the stage by its limit. From the last order, as an order that
    /// never arrived is repeated; but repeats do not put it off for ever. After a restart nobody knows when the order
    /// went out, so it counts as having gone out then.
    fn limit_at(self, run: &Run, barrier: &Barrier, id: &AttemptId) -> Timestamp {
        let limit = ms(run.plan.limits.stage_ms);
        let ordered = self.world.ordered.get(id).copied().unwrap_or(self.world.awake);
        let ordered = ordered.clamp(barrier.started, barrier.started.after(limit));
        ordered.after(limit)
    }

    /// When the core orders the end of a stage that is over its limit.
    pub(super) fn end_at(self, run: &Run, barrier: &Barrier, id: &AttemptId) -> Timestamp {
        self.limit_at(run, barrier, id).after(self.config.kill_grace)
    }

    /// When a machine that should have reported long ago is given up, in contact or not.
    pub(super) fn silent_at(self, run: &Run, barrier: &Barrier, id: &AttemptId) -> Timestamp {
        let limit = self.limit_at(run, barrier, id);
        let cut = self.cut_off(run, barrier.stage.kind).map(|cut| cut.at);
        let expected = cut.map_or(limit, |cut| cut.min(limit)).max(self.world.awake);
        let silent = expected.after(self.config.kill_grace).after(self.config.lost_after);
        self.boot_until(run, &id.machine).map_or(silent, |boot| boot.max(silent))
    }

    /// When the output of a reported attempt is not waited for any longer; `None` where the machine's contact decides
    /// that.
    pub(super) fn output_until(self, run: &Run, barrier: &Barrier, attempt: &Attempt) -> Option<Timestamp> {
        let (reported, _) = attempt.report.as_ref()?;
        let until = match self.contact(&attempt.id.machine) {
            Contact::In { since } => {
                let progress = self.world.arrived(&attempt.id).at;
                let from = (*reported).max(since).max(progress);
                from.after(self.config.output_grace)
            }
            Contact::Out { orderly: true, .. } => self.silent_at(run, barrier, &attempt.id),
            Contact::Out { .. } => return None,
        };
        let at_most = (*reported).max(self.world.awake).after(self.config.output_at_most);
        Some(until.min(at_most))
    }

    /// When the next decision about a run and the machines in the scope is due by time alone.
    pub(crate) fn wakeup(self, run: &Run, scope: &Scope) -> Option<Timestamp> {
        if run.placed.is_none() {
            return Some(self.queue_until(run));
        }
        if run.began.is_none() {
            return Some(self.start_until(run));
        }
        let contacts = scope.machines(run).filter_map(|machine| self.contact_wakeup(run, machine));
        let attempts = run.open_barrier().into_iter().flat_map(|barrier| {
            let open = scope.open(barrier);
            open.filter_map(move |attempt| self.attempt_wakeup(run, barrier, attempt))
        });
        let limit = self.run_until(run).filter(|_| self.limit_counts(run));
        contacts.chain(attempts).chain(limit).min()
    }

    fn contact_wakeup(self, run: &Run, machine: &MachineId) -> Option<Timestamp> {
        let known = self.state.machine(machine).filter(|known| known.lost.is_none())?;
        if let Some(until) = self.boot_until(run, machine) {
            return Some(until);
        }
        let since = self.away_since(machine)?;
        Some(match known.presence {
            Presence::Late => since.after(self.config.lost_after),
            Presence::Here | Presence::Away => since.after(self.config.late_after),
        })
    }

    fn attempt_wakeup(self, run: &Run, barrier: &Barrier, attempt: &Attempt) -> Option<Timestamp> {
        if attempt.report.is_some() {
            return self.output_until(run, barrier, attempt);
        }
        let silent = self.silent_at(run, barrier, &attempt.id);
        // Once due, the end goes out at once or, to a machine out of contact, when that is back. After a cut-off the
        // machine may be given up long before its stage's limit.
        let end = Some(self.end_at(run, barrier, &attempt.id)).filter(|end| *end > self.now);
        Some(end.map_or(silent, |end| end.min(silent)))
    }

    /// Whether the run's own limit still matters.
    pub(super) fn limit_counts(self, run: &Run) -> bool {
        run.cancel.is_none() && run.timed_out.is_none()
    }

    /// Whether a stage is cut off by a cancel or the run's limit. Finalize stages are not: they clean up.
    pub(super) fn is_cut_off(kind: StageKind) -> bool {
        kind != StageKind::Finalize
    }
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
