//! Physical machines: the provider that makes nothing.
//!
//! To the core, clusters of physical machines are instances like all others, made by a hypervisor agent called
//! [`EXTERNAL`], and their machines are `INSTANCE/HOST`. The slave agent on such a machine has one identity for good,
//! `external/HOST`, and works for one instance after the other. Here one is translated into the other.

use std::collections::BTreeMap;

use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::room::Room;
use xrdtest_model::{ClusterPlan, HypervisorName, InstanceId, MachineId};
use xrdtest_orchestrator::{Ability, Input};

use crate::engine::Engine;

/// The physical machines in contact, whether they work for an instance or not: their boot ids by host name.
#[derive(Debug, Default)]
pub(crate) struct External {
    present: BTreeMap<String, String>,
}

/// What the core is told at the start, before anything else.
pub(crate) fn connected(instances: impl IntoIterator<Item = InstanceId>) -> Input {
    let everything = Room { memory_kib: u64::MAX, cores: u32::MAX, disk_bytes: u64::MAX };
    Input::HypervisorConnected {
        name: HypervisorName::new(EXTERNAL),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        ability: Ability {
            provider: EXTERNAL.to_owned(),
            room: everything,
            labels: Default::default(),
            exclusive: false,
        },
        instances: instances.into_iter().collect(),
    }
}

impl External {
    /// The slave of a physical machine is in contact.
    pub(crate) fn arrived(&mut self, host: &str, boot_id: &str) {
        self.present.insert(host.to_owned(), boot_id.to_owned());
    }

    /// It is not any more.
    pub(crate) fn left(&mut self, host: &str) {
        self.present.remove(host);
    }

    /// What a cluster's machines that are in contact say when an instance takes them: nothing that concerns it.
    pub(crate) fn take(&self, instance: &InstanceId, cluster: &ClusterPlan) -> Vec<Input> {
        let hosts = cluster.hosts.iter().map(|host| &host.name);
        let present = hosts.filter_map(|host| Some((host, self.present.get(host)?)));
        present
            .map(|(host, boot_id)| Input::SlaveConnected {
                machine: MachineId::new(instance.clone(), host.clone()),
                boot_id: boot_id.clone(),
                known: Vec::new(),
            })
            .collect()
    }
}

impl Engine {
    /// The agent that a machine's messages go to.
    pub(crate) fn agent_of(&self, machine: &MachineId) -> MachineId {
        match self.core.physical(&machine.host) {
            Some(role) if role == *machine => MachineId::physical(machine.host.clone()),
            _ => machine.clone(),
        }
    }
}
