//! What the core's task is told.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use xrdtest_model::{AttemptId, Event, HypervisorName, InstanceId, MachineId, RunId, RunPlan, StageReport};
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
    },
    Cancel {
        run: RunId,
        by: String,
        reason: String,
        force: bool,
    },
    Subscribe(mpsc::UnboundedSender<Arc<Event>>),
    Stop(oneshot::Sender<()>),
    SlaveConnected {
        machine: MachineId,
        connected: Connected<EngineToSlave>,
        boot_id: String,
        known: Vec<(AttemptId, StageReport)>,
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
        idle: bool,
    },
    EvidenceStored {
        attempt: AttemptId,
        file: EvidenceFile,
        length: u64,
    },
    HypervisorConnected {
        name: HypervisorName,
        connected: Connected<EngineToHypervisor>,
        abilities: Abilities,
        instances: Vec<(InstanceId, bool)>,
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
