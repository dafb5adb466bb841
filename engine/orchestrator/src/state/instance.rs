//! One instance and its machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::event::{InstanceOwner, InstanceState};
use xrdtest_model::{ClusterPlan, HypervisorName, RunId, Timestamp};

/// One instance, from its placement until nothing is left of it. It may outlive its run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    pub(crate) owner: Owner,
    /// When it was ordered.
    pub(crate) since: Timestamp,
    pub(crate) hypervisor: HypervisorName,
    pub(crate) cluster: Arc<ClusterPlan>,
    pub(crate) state: InstanceState,
    /// What the hypervisor said when it failed.
    pub(crate) broken: Option<String>,
    /// By the host's name.
    pub(crate) machines: BTreeMap<String, Machine>,
}

/// Whose an instance is, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A run's. It is over or will be, and `keep` says once it is whether its instance is to be kept.
    Run { run: RunId, keep: bool },
    /// Somebody's who started it by hand; `start_ms` is the limit of its start.
    Hand { by: String, start_ms: u64, until: Timestamp },
    /// Nobody's: it is left of a run that did not pass.
    Kept { run: RunId, until: Timestamp },
}

/// One machine of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Machine {
    /// That of the last contact before the run began, or after an announced boot; orders name it. Of an instance that
    /// belongs to no run: that of the last contact.
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

impl Owner {
    /// As others are told.
    pub(crate) fn told(&self) -> InstanceOwner {
        match self {
            Self::Run { run, .. } => InstanceOwner::Run { run: run.clone() },
            Self::Hand { by, .. } => InstanceOwner::Hand { by: by.clone() },
            Self::Kept { run, .. } => InstanceOwner::Kept { run: run.clone() },
        }
    }
}

impl Machine {
    /// It is in contact, whatever was said before.
    pub(crate) fn set_here(&mut self) {
        self.presence = Presence::Here;
        self.lost = None;
    }
}

impl Instance {
    pub(crate) fn new(
        owner: Owner,
        since: Timestamp,
        hypervisor: HypervisorName,
        cluster: Arc<ClusterPlan>,
    ) -> Self {
        let machines = cluster.hosts.iter().map(|host| (host.name.clone(), Machine::default())).collect();
        Self { owner, since, hypervisor, cluster, state: InstanceState::Starting, broken: None, machines }
    }

    /// The run that it was made for.
    pub(crate) fn run(&self) -> Option<&RunId> {
        match &self.owner {
            Owner::Run { run, .. } | Owner::Kept { run, .. } => Some(run),
            Owner::Hand { .. } => None,
        }
    }

    /// Until when it is kept without a run; `None` for one that is its run's.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self.owner {
            Owner::Run { .. } => None,
            Owner::Hand { until, .. } | Owner::Kept { until, .. } => Some(until),
        }
    }

    /// Its machines are there, whether their slaves are in contact or not.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self.state, InstanceState::WaitingSlaves | InstanceState::Active)
    }
}
