//! Slaves and hypervisors: who is in contact.

use std::time::Duration;

use super::{Chronicle, SubjectKind, Told, words};
use crate::ids::{AgentName, HypervisorName, MachineId, RunId};
use crate::time::human;

impl Chronicle {
    /// The name that a machine's slave goes by.
    pub(super) fn slave_name(&self, machine: &MachineId) -> String {
        let instance = self.instances.get(&machine.instance);
        let physical = machine.is_physical() || instance.is_some_and(|instance| instance.cluster.external);
        if physical { machine.host.clone() } else { machine.to_string() }
    }

    pub(super) fn is_in_contact(&self, machine: &MachineId) -> bool {
        self.instances.get(&machine.instance).is_some_and(|known| known.present.contains(&machine.host))
    }

    pub(super) fn has_hypervisor(&self) -> bool {
        self.agents.iter().any(|(agent, here)| *here && matches!(agent, AgentName::Hypervisor(_)))
    }

    fn run_of(&self, machine: &MachineId) -> Option<RunId> {
        self.instances.get(&machine.instance)?.run.clone()
    }

    pub(super) fn machine_in(&mut self, machine: &MachineId, detail: &str, told: &mut Told) {
        let subject = (SubjectKind::Slave, self.slave_name(machine));
        let id = self.run_of(machine);
        if let Some(instance) = self.instances.get_mut(&machine.instance) {
            instance.present.insert(machine.host.clone());
        }
        let run = id.as_ref().and_then(|id| self.runs.get(id));
        let (word, busy) =
            run.and_then(|run| run.busy_with(&machine.host)).unwrap_or((words::S_CONNECTED_IDLE, ""));
        let detail =
            [busy, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        told.tell(subject, word, detail, id.as_ref());
    }

    pub(super) fn machine_out(&mut self, machine: &MachineId, detail: String, told: &mut Told) {
        let subject = (SubjectKind::Slave, self.slave_name(machine));
        let run = self.run_of(machine);
        if let Some(instance) = self.instances.get_mut(&machine.instance) {
            instance.present.remove(&machine.host);
        }
        told.tell(subject, words::S_NOT_CONNECTED, detail, run.as_ref());
    }

    pub(super) fn machine_late(&mut self, machine: &MachineId, told: &mut Told) {
        self.machine_out(machine, "out of contact".to_owned(), told);
    }

    pub(super) fn machine_rebooting(&mut self, machine: &MachineId, within_ms: u64, told: &mut Told) {
        let within = human(Duration::from_millis(within_ms));
        self.machine_out(machine, format!("it boots, and is awaited for {within}"), told);
    }

    pub(super) fn agent_connected(
        &mut self,
        agent: &AgentName,
        software: &str,
        detail: &str,
        told: &mut Told,
    ) {
        let had_hypervisor = self.has_hypervisor();
        let before = self.agents.insert(agent.clone(), true);
        let detail = [detail, software].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        told.tell(subject(agent), words::S_CONNECTED_IDLE, detail.join(" "), None);
        let AgentName::Hypervisor(name) = agent else { return };
        if before == Some(false) {
            for instance in self.instances.values().filter(|instance| instance.hypervisor == *name) {
                let subject = (SubjectKind::Cluster, &instance.cluster.name);
                told.tell(subject, instance.word, instance.detail.as_str(), instance.run.as_ref());
            }
        }
        if !had_hypervisor {
            self.tell_waiting(words::S_DEFINED, &format!("{name} is in contact"), told);
        }
    }

    /// Of a machine of an instance the instance tells who is in contact.
    pub(super) fn agent_revoked(&mut self, agent: &AgentName, detail: String, told: &mut Told) {
        match agent.machine() {
            Some(machine) => self.machine_out(&machine, detail, told),
            None => self.agent_gone(agent, detail, told),
        }
    }

    pub(super) fn agent_gone(&mut self, agent: &AgentName, detail: String, told: &mut Told) {
        let had_hypervisor = self.has_hypervisor();
        self.agents.insert(agent.clone(), false);
        told.tell(subject(agent), words::S_NOT_CONNECTED, detail, None);
        let AgentName::Hypervisor(name) = agent else { return };
        self.tell_unknown(name, told);
        if had_hypervisor && !self.has_hypervisor() {
            self.tell_waiting(words::S_UNKNOWN_NOHYPERV, &format!("{name} is out of contact"), told);
        }
    }

    /// Nobody says how the instances of a hypervisor are that is out of contact.
    fn tell_unknown(&self, name: &HypervisorName, told: &mut Told) {
        for instance in self.instances.values().filter(|instance| instance.hypervisor == *name) {
            let subject = (SubjectKind::Cluster, &instance.cluster.name);
            told.tell(subject, words::S_UNKNOWN, format!("{name} is out of contact"), instance.run.as_ref());
        }
    }

    /// The clusters that waiting runs need hypervisors for.
    fn tell_waiting(&self, word: words::Word, detail: &str, told: &mut Told) {
        for (id, run) in self.runs.iter().filter(|(_, run)| run.waiting) {
            for cluster in run.clusters.iter().filter(|cluster| !cluster.external) {
                told.tell((SubjectKind::Cluster, &cluster.name), word, detail, Some(id));
            }
        }
    }
}

fn subject(agent: &AgentName) -> (SubjectKind, &str) {
    match agent {
        AgentName::Hypervisor(name) => (SubjectKind::Hypervisor, name.as_str()),
        AgentName::Slave(host) => (SubjectKind::Slave, host),
    }
}

/// `by alice: sold`.
pub(crate) fn by_whom(by: &str, reason: &str) -> String {
    if reason.is_empty() { format!("by {by}") } else { format!("by {by}: {reason}") }
}
