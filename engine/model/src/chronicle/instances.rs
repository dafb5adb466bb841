//! Clusters: what becomes of instances.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::words::{self, Word};
use super::{Chronicle, SubjectKind, Told};
use crate::event::{InstanceState, InstanceStep, Placement};
use crate::ids::{HypervisorName, InstanceId, MachineId, RunId};
use crate::plan::ClusterPlan;
use crate::time::{Timestamp, utc};

/// An instance of which something may be left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instance {
    /// `None`: it was started by hand.
    pub(super) run: Option<RunId>,
    pub(super) cluster: Arc<ClusterPlan>,
    pub(super) hypervisor: HypervisorName,
    /// Every slave was in contact once.
    active: bool,
    /// The order to stop it went out.
    stopping: bool,
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
        let Placement { instance, hypervisor, .. } = placement;
        let detail = format!("{instance} on {hypervisor}");
        self.instance_begins(instance, Instance::new(Some(run.clone()), cluster, hypervisor, detail), told);
    }

    pub(super) fn cluster_ordered(
        &mut self,
        id: &InstanceId,
        cluster: &Arc<ClusterPlan>,
        (hypervisor, by): (&HypervisorName, &str),
        told: &mut Told,
    ) {
        let detail = format!("{id} on {hypervisor}, by hand, {by}");
        self.instance_begins(id, Instance::new(None, Arc::clone(cluster), hypervisor, detail), told);
    }

    fn instance_begins(&mut self, id: &InstanceId, instance: Instance, told: &mut Told) {
        let subject = (SubjectKind::Cluster, &instance.cluster.name);
        told.tell(subject, instance.word, instance.detail.as_str(), instance.run.as_ref());
        self.instances.insert(id.clone(), instance);
    }

    /// It stays as it is.
    pub(super) fn instance_kept(&mut self, id: &InstanceId, until: Timestamp, told: &mut Told) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        instance.detail = format!("{id} is kept until {}", utc(until));
        let subject = (SubjectKind::Cluster, &instance.cluster.name);
        told.tell(subject, instance.word, instance.detail.as_str(), instance.run.as_ref());
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
        // What is said after the order to stop and without a step is that it could not be taken away completely.
        let incomplete = instance.stopping && step.is_none() && !detail.is_empty();
        instance.stopping |= state == InstanceState::Stopping;
        let word = match state {
            InstanceState::Stopping if incomplete => words::S_ERROR_STOP,
            _ => word(state, instance.active, step),
        };
        if (instance.word, instance.detail.as_str()) != (word, detail) {
            instance.word = word;
            detail.clone_into(&mut instance.detail);
            let subject = (SubjectKind::Cluster, &instance.cluster.name);
            told.tell(subject, word, detail, instance.run.as_ref());
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
            told.tell((SubjectKind::Slave, name), word, detail, instance.run.as_ref());
        }
    }
}

impl Instance {
    /// One that was just ordered. Nothing is sent for physical machines, their slaves are awaited at once.
    fn new(
        run: Option<RunId>,
        cluster: Arc<ClusterPlan>,
        hypervisor: &HypervisorName,
        detail: String,
    ) -> Self {
        let word = if cluster.external { words::S_WAITING_SLAVES } else { words::S_DEFINITION_SENT };
        let hypervisor = hypervisor.clone();
        Self {
            run,
            cluster,
            hypervisor,
            active: false,
            stopping: false,
            word,
            detail,
            present: BTreeSet::new(),
        }
    }
}

fn word(state: InstanceState, active: bool, step: Option<InstanceStep>) -> Word {
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
        InstanceState::Stopping if step.is_some() => words::S_DESTROYING_CLUSTER,
        InstanceState::Stopping => words::S_STOPCOMMAND_SENT,
        InstanceState::Stopped => words::S_STOPPED,
        InstanceState::Failed if active => words::S_ERROR,
        InstanceState::Failed => words::S_ERROR_START,
    }
}
