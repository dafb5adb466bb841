//! Clusters: what becomes of instances.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::words::{self, Word};
use super::{Chronicle, SubjectKind, Told};
use crate::event::{InstanceState, InstanceStep, Placement};
use crate::ids::{HypervisorName, InstanceId, MachineId, RunId};
use crate::plan::ClusterPlan;

/// An instance of which something may be left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instance {
    pub(super) run: RunId,
    pub(super) cluster: Arc<ClusterPlan>,
    pub(super) hypervisor: HypervisorName,
    /// Every slave was in contact once.
    active: bool,
    pub(super) word: Word,
    pub(super) detail: String,
    /// Hosts whose slaves are in contact.
    pub(super) present: BTreeSet<String>,
}

impl Chronicle {
    pub(super) fn instance_placed(
        &mut self,
        run: &RunId,
        cluster: Arc<ClusterPlan>,
        placement: &Placement,
        told: &mut Told,
    ) {
        // Nothing is sent for physical machines, their slaves are awaited at once.
        let word = if cluster.external { words::S_WAITING_SLAVES } else { words::S_DEFINITION_SENT };
        let detail = format!("{} on {}", placement.instance, placement.hypervisor);
        told.tell((SubjectKind::Cluster, &cluster.name), word, detail.as_str(), Some(run));
        let instance = Instance {
            run: run.clone(),
            cluster,
            hypervisor: placement.hypervisor.clone(),
            active: false,
            word,
            detail,
            present: BTreeSet::new(),
        };
        self.instances.insert(placement.instance.clone(), instance);
    }

    pub(super) fn instance_changed(
        &mut self,
        id: &InstanceId,
        state: InstanceState,
        detail: &str,
        step: Option<InstanceStep>,
        told: &mut Told,
    ) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        instance.active |= state == InstanceState::Active;
        let word = word(state, instance.active, detail, step);
        if (instance.word, instance.detail.as_str()) != (word, detail) {
            instance.word = word;
            detail.clone_into(&mut instance.detail);
            let subject = (SubjectKind::Cluster, &instance.cluster.name);
            told.tell(subject, word, detail, Some(&instance.run));
        }
        if state == InstanceState::Stopped {
            self.instance_stopped(id, told);
        }
    }

    fn instance_stopped(&mut self, id: &InstanceId, told: &mut Told) {
        let Some(instance) = self.instances.remove(id) else { return };
        for host in instance.present {
            let (name, word, detail) = if instance.cluster.external {
                (host, words::S_CONNECTED_IDLE, "")
            } else {
                let machine = MachineId::new(id.clone(), host);
                (machine.to_string(), words::S_NOT_CONNECTED, "its cluster was stopped")
            };
            told.tell((SubjectKind::Slave, name), word, detail, Some(&instance.run));
        }
    }
}

fn word(state: InstanceState, active: bool, detail: &str, step: Option<InstanceStep>) -> Word {
    match state {
        InstanceState::Starting => match step {
            Some(InstanceStep::CreatingNetwork) => words::S_CREATING_NETWORK,
            Some(InstanceStep::CopyingImages) => words::S_COPYING_IMAGES,
            Some(InstanceStep::CreatingSlaves) => words::S_CREATING_SLAVES,
            Some(InstanceStep::AttachingDisks) => words::S_ATTACHING_DISKS,
            Some(InstanceStep::StartingCluster | InstanceStep::DestroyingCluster | InstanceStep::Unknown)
            | None => words::S_STARTING_CLUSTER,
        },
        InstanceState::WaitingSlaves => words::S_WAITING_SLAVES,
        InstanceState::Active => words::S_ACTIVE,
        // What is said without a step is that it could not be taken away completely.
        InstanceState::Stopping => match (step, detail) {
            (Some(_), _) => words::S_DESTROYING_CLUSTER,
            (None, "") => words::S_STOPCOMMAND_SENT,
            (None, _) => words::S_ERROR_STOP,
        },
        InstanceState::Stopped => words::S_STOPPED,
        InstanceState::Failed if active => words::S_ERROR,
        InstanceState::Failed => words::S_ERROR_START,
    }
}
