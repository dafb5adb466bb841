//! Instances that belong to no run: started by hand, or kept after a run that did not pass.
//!
//! Nobody's verdict depends on them, so contact with their machines is told and changes nothing; and a machine that was
//! given up may come back.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{EventBody, InstanceId, MachineId, Timestamp};

use super::clock::ms;
use super::end::stopping;
use super::starting::{active, unmade};
use crate::rules::View;
use crate::state::{Instance, Machine, Owner, Presence};
use crate::words::{limit, limit_ms, list};
use crate::world::Contact;

impl<'a> View<'a> {
    /// What follows for an instance. Asked again after these events are applied, until nothing follows any more.
    pub(crate) fn decide_standing(self, id: &InstanceId) -> Vec<EventBody> {
        let Some((instance, until)) = self.standing(id) else {
            return Vec::new();
        };
        if instance.state == InstanceState::Failed {
            return vec![stopping(id, String::new())];
        }
        if self.now >= until {
            return vec![stopping(id, "its time is over".to_owned())];
        }
        if let Some(detail) = self.hand_failure(id, instance) {
            return vec![failed(id, detail)];
        }
        let machines = instance.machines.iter();
        let news =
            machines.filter_map(|(host, machine)| self.standing_news(instance, &of(id, host), machine));
        let news: Vec<EventBody> = news.collect();
        let complete = instance.state == InstanceState::WaitingSlaves && self.absent(id, instance).is_empty();
        match news.is_empty() && complete {
            true => vec![active(id)],
            false => news,
        }
    }

    /// When the next decision about it is due by time alone.
    pub(crate) fn standing_wakeup(self, id: &InstanceId) -> Option<Timestamp> {
        let (instance, until) = self.standing(id)?;
        let start = self.hand_until(instance);
        let watched = instance.machines.iter().filter(|_| start.is_none());
        let contacts = watched.filter_map(|(host, machine)| self.standing_due(&of(id, host), machine));
        contacts.chain(start).chain([until]).min()
    }

    /// The instance, where it belongs to no run and nobody has told it to stop, and until when it is kept.
    fn standing(self, id: &InstanceId) -> Option<(&'a Instance, Timestamp)> {
        let instance = self.state.instances.get(id).filter(|_| self.state.stands(id))?;
        Some((instance, instance.until()?))
    }

    /// When the start of an instance is given up that was ordered by hand; `None` once it is up.
    fn hand_until(self, instance: &Instance) -> Option<Timestamp> {
        let Owner::Hand { start_ms, .. } = instance.owner else {
            return None;
        };
        let limit = instance.since.after(ms(start_ms)).max(self.world.awake.after(self.config.lost_after));
        (instance.state != InstanceState::Active).then_some(limit)
    }

    /// Why an instance that was ordered by hand does not come up, where it does not.
    fn hand_failure(self, id: &InstanceId, instance: &Instance) -> Option<String> {
        let until = self.hand_until(instance)?;
        let cluster = &instance.cluster.name;
        let mut lost =
            instance.machines.iter().filter_map(|(host, machine)| Some((host, machine.lost.as_ref()?)));
        if let Some((host, why)) = lost.next() {
            return Some(format!("cluster {cluster} did not come up: {host} was lost: {why}"));
        }
        let Owner::Hand { start_ms, .. } = instance.owner else {
            return None;
        };
        let absent = self.absent(id, instance);
        let why = match instance.state {
            InstanceState::Starting => unmade(instance),
            _ if absent.is_empty() => return None,
            _ => format!("no contact with {}", list(&absent)),
        };
        let limit = limit_ms(start_ms);
        (self.now >= until).then(|| format!("cluster {cluster} did not come up within {limit}: {why}"))
    }

    /// The hosts whose slaves are not in contact.
    fn absent<'b>(self, id: &InstanceId, instance: &'b Instance) -> Vec<&'b str> {
        let hosts = instance.machines.keys().filter(|host| !self.world.is_in(&of(id, host)));
        hosts.map(String::as_str).collect()
    }

    /// News of the contact with a machine. While its cluster comes up only that it is there: a boot is nobody's loss.
    fn standing_news(self, instance: &Instance, id: &MachineId, machine: &Machine) -> Option<EventBody> {
        let of_it = id.clone();
        if let Some(link) = self.world.link_in(id) {
            if machine.boot_id.as_ref() != Some(&link.boot_id) {
                let boot_id = link.boot_id.clone();
                return Some(EventBody::MachineConnected { machine: of_it, boot_id });
            }
            let missed = machine.lost.is_some() || machine.presence != Presence::Here;
            return missed.then_some(EventBody::MachineBack { machine: of_it });
        }
        // Who never was there is not missed.
        if self.hand_until(instance).is_some() || machine.boot_id.is_none() || machine.lost.is_some() {
            return None;
        }
        let overdue = |last: Timestamp, patience| self.now >= last.after(patience);
        let presence = match self.contact(id) {
            Contact::Out { orderly: false, last } if overdue(last, self.config.lost_after) => {
                let reason = format!("no contact for {}", limit(self.config.lost_after));
                return Some(EventBody::MachineLost { machine: of_it, reason });
            }
            Contact::Out { orderly: true, .. } => Presence::Away,
            Contact::Out { last, .. } if overdue(last, self.config.late_after) => Presence::Late,
            Contact::Out { .. } | Contact::In { .. } => machine.presence,
        };
        let machine = (presence != machine.presence).then_some(of_it)?;
        match presence {
            Presence::Late => Some(EventBody::MachineLate { machine }),
            Presence::Away => Some(EventBody::MachineAway { machine }),
            Presence::Here => None,
        }
    }

    /// When more is to be said about a machine that stays away.
    fn standing_due(self, id: &MachineId, machine: &Machine) -> Option<Timestamp> {
        if machine.lost.is_some() || machine.boot_id.is_none() {
            return None;
        }
        let since = self.away_since(id)?;
        Some(match machine.presence {
            Presence::Late => since.after(self.config.lost_after),
            Presence::Here | Presence::Away => since.after(self.config.late_after),
        })
    }
}

fn of(instance: &InstanceId, host: &str) -> MachineId {
    MachineId::new(instance.clone(), host)
}

fn failed(instance: &InstanceId, detail: String) -> EventBody {
    EventBody::InstanceChanged {
        instance: instance.clone(),
        state: InstanceState::Failed,
        detail,
        step: None,
    }
}
