//! Hypervisor agents, and what they make.

use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::room::Room;
use xrdtest_model::{ClusterPlan, HypervisorName, InstanceId, MachineId};
use xrdtest_orchestrator::{Ability, Effect, Input, InstanceReport};

use crate::agent::Agent;
use crate::world::{Happening, Peer, World};

pub(crate) struct Hypervisor {
    pub(crate) ability: Ability,
    pub(crate) link: Option<u64>,
    pub(crate) instances: BTreeMap<InstanceId, Made>,
}

pub(crate) struct Made {
    cluster: Arc<ClusterPlan>,
    state: MadeState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum MadeState {
    Making,
    Made,
    Failed(String),
    Stopping,
}

impl World {
    pub(crate) fn introduction(&self, name: &HypervisorName) -> Input {
        let known = &self.hypervisors[name];
        Input::HypervisorConnected {
            name: name.clone(),
            software: "1.0".to_owned(),
            ability: known.ability.clone(),
            instances: known.instances.keys().cloned().collect(),
        }
    }

    pub(crate) fn hypervisor_hears(&mut self, name: &HypervisorName, effect: Effect) {
        match effect {
            Effect::StartInstance { instance, cluster, .. } => self.start(name, instance, cluster),
            Effect::StopInstance { instance, .. } => self.stop(name, instance),
            _ => unreachable!(),
        }
    }

    fn report_instance(&mut self, name: &HypervisorName, instance: &InstanceId, report: InstanceReport) {
        let input = Input::InstanceReport { hypervisor: name.clone(), instance: instance.clone(), report };
        self.send_to_engine(&Peer::Hypervisor(name.clone()), input);
    }

    fn start(&mut self, name: &HypervisorName, id: InstanceId, cluster: Arc<ClusterPlan>) {
        if let Some(known) = self.hypervisors[name].instances.get(&id) {
            match known.state.clone() {
                MadeState::Made => self.report_instance(name, &id, InstanceReport::Made),
                MadeState::Failed(detail) => {
                    self.report_instance(name, &id, InstanceReport::Failed { detail });
                }
                MadeState::Making | MadeState::Stopping => {}
            }
            return;
        }
        assert!(!cluster.external, "{} is made of physical machines", cluster.name);
        self.check_room(name, &cluster);
        self.told_to_start.insert(id.clone());
        let hosts: Vec<String> = cluster.hosts.iter().map(|host| host.name.clone()).collect();
        let made = Made { cluster, state: MadeState::Making };
        self.hypervisors.get_mut(name).unwrap().instances.insert(id.clone(), made);
        let report = match self.rng.below(1000) {
            fate if fate < self.chaos.no_start => {
                InstanceReport::Failed { detail: "no such image".to_owned() }
            }
            fate if fate < 2 * self.chaos.no_start => return,
            _ => InstanceReport::Made,
        };
        let delay = self.rng.span(4000, 60_000);
        self.after(delay, Happening::Instance { hypervisor: name.clone(), instance: id.clone(), report });
        for host in hosts {
            let machine = MachineId::new(id.clone(), host);
            self.agents.insert(machine.clone(), Agent::new());
            if !self.rng.chance(self.chaos.no_start) {
                let delay = 500 + self.rng.span(4000, 20_000);
                self.after(delay, Happening::MachineUp { machine });
            }
        }
    }

    pub(crate) fn machine_up(&mut self, machine: &MachineId) {
        let peer = Peer::Machine(machine.clone());
        self.after(0, Happening::PeerConnects { peer });
    }

    pub(crate) fn tell_instance(&mut self, name: &HypervisorName, id: &InstanceId, report: InstanceReport) {
        let known = self.hypervisors.get_mut(name).unwrap().instances.get_mut(id);
        let Some(known) = known.filter(|known| known.state == MadeState::Making) else {
            return;
        };
        known.state = match &report {
            InstanceReport::Failed { detail } => MadeState::Failed(detail.clone()),
            _ => MadeState::Made,
        };
        if self.rng.chance(300) {
            let detail = "almost there".to_owned();
            self.report_instance(name, id, InstanceReport::Progress { step: None, detail });
        }
        self.report_instance(name, id, report);
    }

    fn stop(&mut self, name: &HypervisorName, id: InstanceId) {
        self.told_to_stop.insert(id.clone());
        match self.hypervisors.get_mut(name).unwrap().instances.get_mut(&id) {
            None => self.report_instance(name, &id, InstanceReport::Stopped),
            Some(known) if known.state == MadeState::Stopping => {}
            Some(known) => {
                known.state = MadeState::Stopping;
                let delay = self.rng.span(2000, 20_000);
                self.after(delay, Happening::InstanceRemoved { hypervisor: name.clone(), instance: id });
            }
        }
    }

    pub(crate) fn removed(&mut self, name: &HypervisorName, id: &InstanceId) {
        self.vanish(name, id);
        self.report_instance(name, id, InstanceReport::Stopped);
    }

    /// Nothing of an instance is left.
    pub(crate) fn vanish(&mut self, name: &HypervisorName, id: &InstanceId) {
        self.hypervisors.get_mut(name).unwrap().instances.remove(id);
        let machines: Vec<MachineId> = self.agents.keys().filter(|m| m.instance == *id).cloned().collect();
        for machine in machines {
            self.break_link(&Peer::Machine(machine.clone()), false);
            self.agents.remove(&machine);
        }
    }

    pub(crate) fn machine_gone(&mut self, machine: &MachineId) {
        let owner =
            self.hypervisors.iter().find(|(_, known)| known.instances.contains_key(&machine.instance));
        if let Some(name) = owner.map(|(name, _)| name.clone()) {
            self.die(machine);
            let report = InstanceReport::MachineGone {
                host: machine.host.clone(),
                detail: "the guest panicked".to_owned(),
            };
            self.report_instance(&name, &machine.instance, report);
        }
    }

    /// Placement must never promise what a hypervisor does not have.
    fn check_room(&self, name: &HypervisorName, cluster: &ClusterPlan) {
        let known = &self.hypervisors[name];
        let here = || known.instances.values().map(|made| made.cluster.as_ref());
        let used = here().fold(Room::default(), |sum, tenant| sum.plus(&tenant.room()));
        assert!(known.ability.room.holds(&used.plus(&cluster.room())), "{name} is overfull");
        if known.ability.exclusive {
            let clash =
                here().any(|tenant| tenant.name == cluster.name || tenant.network.ip == cluster.network.ip);
            assert!(!clash, "{name} can have only one {}", cluster.name);
        }
    }
}
