//! What the core's task is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use xrdtest_model::{
    AgentName, AttemptId, Event, Held, HypervisorName, InstanceId, MachineId, RunId, RunPlan, StageReport,
};
use xrdtest_orchestrator::ClusterOrder;
use xrdtest_protocol::Identity;
use xrdtest_protocol::message::{Abilities, EngineToHypervisor, EngineToSlave, HypervisorToEngine};

use crate::registry::{Connected, Serial};
use crate::uploads::EvidenceFile;

/// One thing to take note of or to do.
#[derive(Debug)]
pub(crate) enum Command {
    Submit {
        run: RunId,
        plan: Box<RunPlan>,
        trigger: String,
        /// Told when the run is in the journal.
        queued: Option<oneshot::Sender<()>>,
    },
    Cancel {
        run: RunId,
        by: String,
        reason: String,
        how: CancelHow,
        /// Told when the cancel is in the journal, or why it can't be.
        noted: Option<oneshot::Sender<Result<(), NotCancelled>>>,
    },
    StartCluster {
        order: Box<ClusterOrder>,
        /// Told when the order is in the journal, or why it has no place now.
        placed: oneshot::Sender<Result<(), String>>,
    },
    StopCluster {
        instance: InstanceId,
        by: String,
        /// Told when that is in the journal, or why it can't be.
        noted: oneshot::Sender<Result<(), NotStopped>>,
    },
    Hold {
        on: Held,
        by: String,
        /// Why; `None` ends the hold.
        reason: Option<String>,
        /// Told when that is in the journal.
        noted: oneshot::Sender<()>,
    },
    /// The certificates of an agent are void: end its connection, if there is one.
    Disconnect {
        agent: AgentName,
        identity: Identity,
        by: String,
        reason: String,
        /// In words for the agent.
        why: String,
        /// Told when that is in the journal.
        noted: oneshot::Sender<()>,
    },
    Subscribe(mpsc::UnboundedSender<Arc<Event>>),
    /// Say that you are there.
    Answer(oneshot::Sender<()>),
    Stop(oneshot::Sender<()>),
    /// Stop, as something can't be recorded any more.
    Fail(String),
    SlaveConnected {
        machine: MachineId,
        connected: Connected<EngineToSlave>,
        hello: SlaveHello,
    },
    SlaveReport {
        machine: MachineId,
        serial: Serial,
        attempt: AttemptId,
        report: StageReport,
    },
    SlaveDisconnected {
        machine: MachineId,
        serial: Serial,
        orderly: bool,
        /// How long nothing had been heard before.
        silence: Duration,
    },
    EvidenceStored {
        attempt: AttemptId,
        file: EvidenceFile,
        length: u64,
    },
    HypervisorConnected {
        name: HypervisorName,
        connected: Connected<EngineToHypervisor>,
        hello: Box<HypervisorHello>,
    },
    HypervisorReport {
        name: HypervisorName,
        serial: Serial,
        message: HypervisorToEngine,
    },
    HypervisorDisconnected {
        name: HypervisorName,
        serial: Serial,
        orderly: bool,
    },
}

/// What a slave agent said when it connected.
#[derive(Clone, Debug)]
pub(crate) struct SlaveHello {
    pub(crate) software: String,
    pub(crate) boot_id: String,
    pub(crate) known: Vec<(AttemptId, StageReport)>,
}

/// What a hypervisor agent said when it connected.
#[derive(Clone, Debug)]
pub(crate) struct HypervisorHello {
    pub(crate) software: String,
    pub(crate) abilities: Abilities,
    pub(crate) instances: Vec<(InstanceId, bool)>,
}

/// Which cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelHow {
    /// Finalize stages run.
    Orderly,
    /// They do not.
    Force,
    /// Only where the run has no place yet.
    IfWaiting,
}

/// Why an instance is not stopped by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotStopped {
    /// Nothing is left of it.
    NotThere,
    /// It belongs to a run.
    OfRun(RunId),
}

/// Why a cancel was not noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCancelled {
    /// No such run is alive.
    NotAlive,
    /// It has a place already.
    Running,
}
