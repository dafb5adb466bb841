//! Who is late, back or lost once a run has begun.

use std::time::Duration;

use xrdtest_model::time::human;
use xrdtest_model::{EventBody, MachineId};

use crate::rules::View;
use crate::scope::Scope;
use crate::state::{Machine, Presence, Run};
use crate::words::{limit, limit_ms};
use crate::world::Contact;

impl View<'_> {
    /// News of the contact with the machines of a begun run.
    pub(super) fn decide_contact(self, run: &Run, scope: &Scope) -> Vec<EventBody> {
        let machines = scope.machines(run).filter_map(|id| Some((id, self.state.machine(id)?)));
        machines
            .filter(|(_, machine)| machine.lost.is_none())
            .filter_map(|(id, machine)| self.machine_news(run, id, machine))
            .collect()
    }

    fn machine_news(self, run: &Run, id: &MachineId, machine: &Machine) -> Option<EventBody> {
        if let Some(reason) = self.loss(run, id, machine) {
            return Some(EventBody::MachineLost { machine: id.clone(), reason });
        }
        let presence = match self.contact(id) {
            Contact::In { .. } => Presence::Here,
            Contact::Out { .. } if self.boot_until(run, id).is_some() => machine.presence,
            Contact::Out { orderly: true, .. } => Presence::Away,
            Contact::Out { last, .. } if self.now >= last.after(self.config.late_after) => Presence::Late,
            Contact::Out { .. } => machine.presence,
        };
        let machine = (presence != machine.presence).then(|| id.clone())?;
        Some(match presence {
            Presence::Here => EventBody::MachineBack { machine },
            Presence::Late => EventBody::MachineLate { machine },
            Presence::Away => EventBody::MachineAway { machine },
        })
    }

    /// Why a machine is to be given up, where it is.
    fn loss(self, run: &Run, id: &MachineId, machine: &Machine) -> Option<String> {
        let instance = self.state.instances.get(&id.instance)?;
        if let Some(detail) = &instance.broken {
            return Some(detail.clone());
        }
        // What it was made to be by suite initialize is gone with a boot.
        let boot = self.world.link_in(id).map(|link| &link.boot_id);
        if boot.is_some_and(|boot| machine.boot_id.as_ref() != Some(boot)) {
            return Some("it was booted again".to_owned());
        }
        if let Some(until) = self.boot_until(run, id) {
            return (self.now >= until).then(|| no_boot(run, id));
        }
        let away = self.away_since(id);
        if away.is_some_and(|since| self.now >= since.after(self.config.lost_after)) {
            return Some(format!("no contact for {}", limit(self.config.lost_after)));
        }
        self.silence(run, id)
    }

    /// Whether its agent is there but does not do its duty.
    fn silence(self, run: &Run, id: &MachineId) -> Option<String> {
        let barrier = run.barrier.as_ref()?;
        let attempt = barrier.attempts.get(&id.host)?;
        if attempt.done || attempt.report.is_some() {
            return None;
        }
        let silent = self.now >= self.silent_at(run, barrier, &attempt.id);
        silent.then(|| {
            let title = run.plan.stage_title(barrier.stage);
            let waited: Duration = self.now.since(barrier.started);
            format!("it has not reported the end of {title} after {}", human(waited))
        })
    }
}

fn no_boot(run: &Run, id: &MachineId) -> String {
    let boot = run.attempt_on(&id.host).and_then(|attempt| attempt.boot);
    let within = limit_ms(boot.map_or(0, |boot| boot.within_ms));
    format!("it did not come back within {within} after the boot that a script announced")
}
