//! What hypervisor agents say.

use std::collections::BTreeSet;
use std::sync::Arc;

use xrdtest_model::event::{InstanceState, InstanceStep};
use xrdtest_model::room::Room;
use xrdtest_model::{AgentName, EventBody, HypervisorName, InstanceId, MachineId};

use crate::state::{AgentNote, Instance};
use crate::words::is_external;
use crate::world::{Contact, Hypervisor};
use crate::{Ability, Effect, InstanceReport, Orchestrator};

impl Orchestrator {
    pub(super) fn hypervisor_connected(
        &mut self,
        name: &HypervisorName,
        software: String,
        ability: Ability,
        has: &BTreeSet<InstanceId>,
    ) {
        if !is_external(name) {
            let note = AgentNote { software, detail: ability.provider.clone() };
            self.agent_connected(AgentName::Hypervisor(name.clone()), note);
        }
        let ours = |id: &InstanceId| self.state.instances.get(id).is_some_and(|i| i.hypervisor == *name);
        let strays: BTreeSet<InstanceId> = has.iter().filter(|id| !ours(id)).cloned().collect();
        let hypervisor = Hypervisor { connected: true, orderly: false, ability, strays: strays.clone() };
        self.world.hypervisors.insert(name.clone(), hypervisor);
        for stray in strays {
            self.send_stop(name.clone(), stray);
        }
        let of_it = self.state.instances.iter();
        let of_it: Vec<InstanceId> =
            of_it.filter(|(_, instance)| instance.hypervisor == *name).map(|(id, _)| id.clone()).collect();
        for id in of_it {
            // Physical machines do not vanish because the engine forgot what it did with them.
            self.reconcile(&id, is_external(name) || has.contains(&id));
        }
        self.placement_due = true;
    }

    /// Brings together what the journal says of an instance and whether its hypervisor has anything of it.
    fn reconcile(&mut self, id: &InstanceId, there: bool) {
        let Some(instance) = self.state.instances.get(id) else {
            return;
        };
        match (instance.state, there) {
            // The order may not have arrived, or the answer: it is answered again. Nothing has run there yet.
            (InstanceState::Starting, _) => {
                let start = start(id, instance);
                self.effects.push(start);
            }
            (InstanceState::WaitingSlaves | InstanceState::Active, false) => {
                let detail = format!("{} has nothing of it any more", instance.hypervisor);
                self.change(id, InstanceState::Failed, detail);
            }
            (InstanceState::Stopping, true) => {
                let hypervisor = instance.hypervisor.clone();
                self.send_stop(hypervisor, id.clone());
            }
            (InstanceState::Stopping, false) => self.change(id, InstanceState::Stopped, String::new()),
            (InstanceState::WaitingSlaves | InstanceState::Active, true)
            | (InstanceState::Failed | InstanceState::Stopped, _) => {}
        }
    }

    pub(super) fn hypervisor_disconnected(&mut self, name: &HypervisorName, orderly: bool) {
        self.agent_disconnected(&AgentName::Hypervisor(name.clone()), orderly);
        if let Some(hypervisor) = self.world.hypervisors.get_mut(name) {
            hypervisor.connected = false;
            hypervisor.orderly = orderly;
            hypervisor.strays.clear();
            self.placement_due = true;
        }
    }

    pub(super) fn hypervisor_room(&mut self, name: &HypervisorName, room: &Room) {
        let Some(known) = self.world.hypervisors.get_mut(name).filter(|known| known.connected) else {
            return;
        };
        let settled = known.ability.room.settled(room);
        self.placement_due |= settled != known.ability.room;
        known.ability.room = settled;
    }

    pub(super) fn instance_report(
        &mut self,
        hypervisor: HypervisorName,
        id: InstanceId,
        report: InstanceReport,
    ) {
        match self.state.instances.get(&id) {
            Some(instance) if instance.hypervisor == hypervisor => {
                let state = instance.state;
                self.own_instance_report(&id, state, report);
            }
            Some(_) | None => self.stray_report(hypervisor, id, &report),
        }
    }

    fn own_instance_report(&mut self, id: &InstanceId, state: InstanceState, report: InstanceReport) {
        use InstanceState::{Failed, Starting, Stopped, Stopping, WaitingSlaves};
        match (report, state) {
            (InstanceReport::Progress { step, detail }, _) if state != Failed => {
                self.step(id, state, detail, step);
            }
            (InstanceReport::Images(images), Starting) => {
                self.record(EventBody::ImagesUsed { instance: id.clone(), images });
            }
            (InstanceReport::Made, Starting) => self.change(id, WaitingSlaves, String::new()),
            // It could not be taken away completely: said, and tried again when the agent connects.
            (InstanceReport::Failed { detail }, Stopping) => self.change(id, Stopping, detail),
            (InstanceReport::Failed { detail }, _) if state != Failed => self.change(id, Failed, detail),
            (InstanceReport::MachineGone { host, detail }, _) if state != Stopping => {
                self.machine_gone(MachineId::new(id.clone(), host), detail);
            }
            (InstanceReport::Stopped, Stopping) => self.change(id, Stopped, String::new()),
            (InstanceReport::Stopped, _) if state != Failed => {
                self.change(id, Failed, "it was stopped on the hypervisor".to_owned());
            }
            _ => {}
        }
    }

    fn change(&mut self, id: &InstanceId, state: InstanceState, detail: String) {
        self.step(id, state, detail, None);
    }

    fn step(&mut self, id: &InstanceId, state: InstanceState, detail: String, step: Option<InstanceStep>) {
        self.touch_owner(id);
        self.record(EventBody::InstanceChanged { instance: id.clone(), state, detail, step });
    }

    fn touch_owner(&mut self, id: &InstanceId) {
        match self.state.run_of(id) {
            Some(run) => self.touched.run(&run.id),
            None => drop(self.touched_instances.insert(id.clone())),
        }
    }

    fn machine_gone(&mut self, machine: MachineId, reason: String) {
        let of_run = self.state.run_of(&machine.instance).is_some();
        if (of_run || self.state.stands(&machine.instance)) && self.state.takes_part(&machine) {
            self.touch_owner(&machine.instance);
            // Its connection may not be seen as broken yet; one without a run is back with the next one only.
            if let Some(link) = self.world.links.get_mut(&machine).filter(|_| !of_run) {
                link.contact = Contact::Out { last: self.world.now, orderly: false };
            }
            self.record(EventBody::MachineLost { machine, reason });
        }
    }

    /// An instance that the journal does not know, or knows elsewhere, is stopped.
    fn stray_report(&mut self, name: HypervisorName, id: InstanceId, report: &InstanceReport) {
        let Some(hypervisor) = self.world.hypervisors.get_mut(&name) else {
            return;
        };
        if *report == InstanceReport::Stopped {
            self.placement_due |= hypervisor.strays.remove(&id);
        } else if hypervisor.strays.insert(id.clone()) {
            self.send_stop(name, id);
        }
    }
}

fn start(id: &InstanceId, instance: &Instance) -> Effect {
    Effect::StartInstance {
        hypervisor: instance.hypervisor.clone(),
        instance: id.clone(),
        cluster: Arc::clone(&instance.cluster),
    }
}
