//! What the world tells the core.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use xrdtest_model::{
    AgentName, AttemptId, ClusterPlan, Held, HypervisorName, InstanceId, MachineId, RunId, RunPlan,
    StageReport, Timestamp,
    event::{ImageUsed, InstanceStep},
    room::Room,
};

/// One thing that happened outside. Inputs may come late, doubled and in any order between different senders; those
/// of one connection come in the order in which they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A run is asked for.
    Submit {
        /// Its id, never used before. An id that is alive is ignored, so that a submit may be repeated.
        run: RunId,
        /// Everything it uses.
        plan: Box<RunPlan>,
        /// Who or what asks.
        trigger: String,
    },
    /// A run is to be given up, whether it waits or runs. A second cancel with `force` overtakes the first.
    Cancel {
        /// The run.
        run: RunId,
        /// Who asks.
        by: String,
        /// Why; may be empty.
        reason: String,
        /// Without finalize stages.
        force: bool,
    },
    /// A cluster is to be started by hand, at once: answered by an event, or by [`crate::Effect::ClusterRefused`].
    StartCluster(Box<ClusterOrder>),
    /// An instance that belongs to no run is not wanted any more. Those of living runs are left alone.
    StopCluster {
        /// The instance.
        instance: InstanceId,
        /// Who asks.
        by: String,
    },
    /// The queue or a hypervisor is to get nothing new to do. What goes on goes on.
    Hold {
        /// What.
        on: Held,
        /// Who asks.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// The queue or a hypervisor is to be used again.
    Release {
        /// What.
        on: Held,
        /// Who asks.
        by: String,
    },
    /// The certificates of an agent are void from now on. That its connection is over is said beside that.
    Revoke {
        /// The agent.
        agent: AgentName,
        /// Who asks.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// A hypervisor agent is in contact. Its reports of an earlier connection are not delivered any more.
    HypervisorConnected {
        /// Its name. [`xrdtest_model::ids::EXTERNAL`] stands for the engine itself, which takes physical machines into
        /// its service: it is no agent, and never without what it has.
        name: HypervisorName,
        /// Version of its software.
        software: String,
        /// What it can do.
        ability: Ability,
        /// Every instance of which it has anything, made, half-made or broken.
        instances: BTreeSet<InstanceId>,
    },
    /// A hypervisor agent is out of contact. Its machines are judged by their own contact.
    HypervisorDisconnected {
        /// Its name.
        name: HypervisorName,
        /// It said goodbye.
        orderly: bool,
    },
    /// A hypervisor agent says anew what it has for instances.
    HypervisorRoom {
        /// The agent.
        name: HypervisorName,
        /// As in [`Ability::room`].
        room: Room,
    },
    /// A hypervisor agent says something about one instance.
    InstanceReport {
        /// The agent.
        hypervisor: HypervisorName,
        /// The instance.
        instance: InstanceId,
        /// What it says.
        report: InstanceReport,
    },
    /// The slave agent of a physical machine is in contact, whether it works for an instance or not. Where it does,
    /// [`Self::SlaveConnected`] says so as well, in the instance's words; what it knows of attempts of other instances
    /// is said by [`Self::StageReport`], and answered to [`MachineId::physical`].
    PhysicalConnected {
        /// The machine's host name.
        host: String,
        /// Version of its software.
        software: String,
    },
    /// The slave agent of a physical machine is out of contact.
    PhysicalDisconnected {
        /// The machine's host name.
        host: String,
        /// It said goodbye.
        orderly: bool,
    },
    /// A slave agent is in contact. Reports and orders of an earlier connection are not delivered any more.
    SlaveConnected {
        /// The machine.
        machine: MachineId,
        /// Changes with every boot of the machine.
        boot_id: String,
        /// Every attempt of which it has a record. What is missing here, it never accepted.
        known: Vec<(AttemptId, StageReport)>,
    },
    /// A slave agent is out of contact.
    SlaveDisconnected {
        /// The machine.
        machine: MachineId,
        /// It said goodbye: an agent that is being restarted, not a machine that is gone.
        orderly: bool,
        /// When the engine last heard of it.
        last_contact: Timestamp,
    },
    /// A slave agent reports on an attempt of its own machine.
    StageReport {
        /// The attempt.
        attempt: AttemptId,
        /// What it says.
        report: StageReport,
    },
    /// Evidence of an attempt, its output and the log files collected after it, has become durable. Said at the end
    /// of each file, and in between where that is cheap (it proves progress); said again for attempts that are not
    /// forgotten after a restart of the engine.
    EvidenceArrived {
        /// The attempt.
        attempt: AttemptId,
        /// Durable bytes of all its files together.
        length: u64,
    },
    /// Time has passed; see [`crate::Orchestrator::next_wakeup`].
    Tick,
}

/// A cluster that is to be started by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOrder {
    /// The id of the instance, never used before. An id that is alive is ignored, so that an order may be repeated.
    pub instance: InstanceId,
    /// What to make.
    pub cluster: Arc<ClusterPlan>,
    /// Absolute path of the repository that it is defined in.
    pub repository: String,
    /// Who asks.
    pub by: String,
    /// Limit in milliseconds of its start.
    pub start_ms: u64,
    /// For how long it is wanted; `None`: [`crate::Config::kept_for`].
    pub keep: Option<Duration>,
}

/// What a hypervisor agent can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ability {
    /// The provider's name: `libvirt`, `sandbox`.
    pub provider: String,
    /// What all instances together may take, the reserve for the host already left out.
    pub room: Room,
    /// What definitions may ask for by name.
    pub labels: BTreeSet<String>,
    /// At a time only one instance of a cluster definition and one of a subnet (libvirt), or any number (sandbox).
    pub exclusive: bool,
}

/// What a hypervisor agent says about one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceReport {
    /// Something is being done about it; shown, nothing more.
    Progress {
        /// What, where the agent says so.
        step: Option<InstanceStep>,
        /// In words.
        detail: String,
    },
    /// All its machines are made; their slaves will connect.
    Made,
    /// It could not be made, or broke as a whole.
    Failed {
        /// Why, in the provider's own words.
        detail: String,
    },
    /// What its machines start from.
    Images(Vec<ImageUsed>),
    /// One of its machines is gone.
    MachineGone {
        /// The host's name.
        host: String,
        /// Why, in the provider's own words.
        detail: String,
    },
    /// Nothing of it is left. Also the answer to a stop order for an instance that the agent does not know.
    Stopped,
}
