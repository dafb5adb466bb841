//! Clusters of physical machines: the engine takes them and gives them back by itself, and remembers nothing of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::{ClusterPlan, InstanceId, MachineId};
use xrdtest_orchestrator::{Effect, Input, InstanceReport};

use crate::agent::Agent;
use crate::common::physical;
use crate::world::{Happening, Peer, World};

/// What the engine says first of all.
pub(crate) fn hello() -> Input {
    Input::HypervisorConnected {
        name: EXTERNAL.into(),
        software: "1.0".to_owned(),
        ability: physical(),
        instances: BTreeSet::new(),
    }
}

impl World {
    pub(crate) fn external_hears(&mut self, effect: Effect) {
        let (instance, report) = match effect {
            Effect::StartInstance { instance, cluster, .. } => {
                self.take_machines(&instance, &cluster);
                (instance, InstanceReport::Made)
            }
            Effect::StopInstance { instance, .. } => {
                self.give_machines_back(&instance);
                (instance, InstanceReport::Stopped)
            }
            _ => unreachable!(),
        };
        let life = self.engine.life();
        self.after(0, Happening::External { life, instance, report });
    }

    pub(crate) fn external_says(&mut self, life: u32, instance: InstanceId, report: InstanceReport) {
        if self.engine.life() == life {
            self.input(Input::InstanceReport { hypervisor: EXTERNAL.into(), instance, report });
        }
    }

    fn take_machines(&mut self, instance: &InstanceId, cluster: &Arc<ClusterPlan>) {
        assert!(cluster.external, "{} is no cluster of physical machines", cluster.name);
        if self.external.contains_key(instance) {
            return;
        }
        let hosts: Vec<String> = cluster.hosts.iter().map(|host| host.name.clone()).collect();
        for (other, theirs) in &self.external {
            let shared = hosts.iter().find(|host| theirs.contains(host));
            assert_eq!(shared, None, "{instance} shares a machine with {other}");
        }
        self.told_to_start.insert(instance.clone());
        for host in &hosts {
            let machine = MachineId::new(instance.clone(), host.clone());
            self.agents.insert(machine.clone(), Agent::new());
            if !self.rng.chance(self.chaos.no_start) {
                let delay = self.rng.span(100, 20_000);
                self.after(delay, Happening::MachineUp { machine });
            }
        }
        self.external.insert(instance.clone(), hosts);
    }

    fn give_machines_back(&mut self, instance: &InstanceId) {
        self.told_to_stop.insert(instance.clone());
        for host in self.external.remove(instance).into_iter().flatten() {
            let machine = MachineId::new(instance.clone(), host);
            self.break_link(&Peer::Machine(machine.clone()), false);
            self.agents.remove(&machine);
        }
    }
}
