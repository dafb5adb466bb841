//! One instance and its machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::event::InstanceState;
use xrdtest_model::{ClusterPlan, HypervisorName, RunId};

/// One instance, from its placement until nothing is left of it. It may outlive its run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    pub(crate) run: RunId,
    pub(crate) hypervisor: HypervisorName,
    pub(crate) cluster: Arc<ClusterPlan>,
    pub(crate) state: InstanceState,
    /// What the hypervisor said when it failed.
    pub(crate) broken: Option<String>,
    /// By the host's name.
    pub(crate) machines: BTreeMap<String, Machine>,
}

/// One machine of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Machine {
    /// That of the last contact before the run began, or after an announced boot; orders name it.
    pub(crate) boot_id: Option<String>,
    /// As last recorded since the run began.
    pub(crate) presence: Presence,
    /// Why it was given up.
    pub(crate) lost: Option<String>,
}

/// Whether a machine is in contact, as far as that is worth a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    #[default]
    Here,
    Late,
    /// It said goodbye.
    Away,
}

impl Instance {
    pub(crate) fn new(run: RunId, hypervisor: HypervisorName, cluster: Arc<ClusterPlan>) -> Self {
        let machines = cluster.hosts.iter().map(|host| (host.name.clone(), Machine::default())).collect();
        Self { run, hypervisor, cluster, state: InstanceState::Starting, broken: None, machines }
    }
}
