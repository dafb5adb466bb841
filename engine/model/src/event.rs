//! What happened: one enum, the journal's content. Store, page, terminal, mail and reports are its consumers.
//!
//! Written to disk as JSON, so variants and fields are only ever added, with a default. The golden file is
//! `tests/golden/events-1.jsonl`.

mod owner;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::crash::Crash;
use crate::hold::Held;
use crate::ids::{AgentName, HypervisorName, InstanceId, MachineId, RunId};
use crate::metric::Metric;
use crate::order::{is_false, is_zero};
use crate::outcome::{Outcome, Verdict};
use crate::plan::{ClusterPlan, RunPlan};
use crate::stage::StageId;
use crate::time::Timestamp;

pub use owner::InstanceOwner;

/// What the fields of [`Event`] are called, where events are given away as JSON lines.
pub const SCHEMA: &str = "xrdtest.event/1";

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Counts from 1 without gaps over the life of a journal; the id of server-sent events.
    pub number: u64,
    /// When the engine decided or learned it.
    pub at: Timestamp,
    /// What happened.
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventBody {
    /// A run was asked for.
    RunQueued {
        /// The new run.
        run: RunId,
        /// Everything it uses.
        plan: Box<RunPlan>,
        /// Who or what asked.
        trigger: String,
    },
    /// Why a run does not start yet; again whenever the reason changes.
    RunWaiting {
        /// The run.
        run: RunId,
        /// In words.
        reason: String,
    },
    /// A run got its hypervisors; its instances are being started ([`InstanceState::Starting`], without an event of its
    /// own).
    RunPlaced {
        /// The run.
        run: RunId,
        /// One per cluster of the plan, in that order.
        instances: Vec<Placement>,
    },
    /// An instance changed its state.
    InstanceChanged {
        /// The instance.
        instance: InstanceId,
        /// The new state.
        state: InstanceState,
        /// What the hypervisor agent says about it; empty where there is nothing to say.
        detail: String,
        /// What is being done about it, where the hypervisor agent says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<InstanceStep>,
    },
    /// What the machines of an instance start from.
    ImagesUsed {
        /// The instance.
        instance: InstanceId,
        /// Each once.
        images: Vec<ImageUsed>,
    },
    /// A stage begins on all its machines. A stage without a script has neither this nor results.
    StageStarted {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageId,
        /// The machines, with the number of the attempt on each.
        machines: Vec<(MachineId, u32)>,
    },
    /// A machine reported how a stage ended, and its output is still on its way. Left out where the output was there
    /// first: then [`Self::StageFinished`] follows at once.
    StageReported {
        /// The run.
        run: RunId,
        /// The result of that machine.
        result: Box<StageResult>,
    },
    /// A stage is over on a machine: its result is final. For a stage that was not run (`not_run`, attempt 0) there is
    /// no [`Self::StageStarted`].
    StageFinished {
        /// The run.
        run: RunId,
        /// The result of that machine.
        result: Box<StageResult>,
    },
    /// The slave of a machine is in contact for the first time, or after a boot. Of a run's machines: of one that the run
    /// waits for.
    MachineConnected {
        /// The machine.
        machine: MachineId,
        /// Changes with every boot; orders name it.
        boot_id: String,
    },
    /// A machine is out of contact for longer than the engine waits in silence (5 s by default).
    MachineLate {
        /// The machine.
        machine: MachineId,
    },
    /// The slave of a machine said goodbye, as one does that is being restarted: neither late nor lost.
    MachineAway {
        /// The machine.
        machine: MachineId,
    },
    /// A machine that was late or away is in contact again.
    MachineBack {
        /// The machine.
        machine: MachineId,
    },
    /// A machine is given up.
    MachineLost {
        /// The machine.
        machine: MachineId,
        /// Why.
        reason: String,
    },
    /// A script announced a boot of its machine (`expect_reboot`): its absence is no loss for that long.
    MachineRebooting {
        /// The machine.
        machine: MachineId,
        /// Limit in milliseconds.
        within_ms: u64,
    },
    /// An agent that has a name of its own is in contact: a hypervisor agent, or the slave of a physical machine.
    AgentConnected {
        /// The agent.
        agent: AgentName,
        /// Version of its software.
        software: String,
        /// What is worth knowing, for people: a hypervisor agent's provider.
        detail: String,
    },
    /// An agent that has a name of its own is out of contact.
    AgentGone {
        /// The agent.
        agent: AgentName,
        /// It said goodbye.
        orderly: bool,
    },
    /// Somebody made the certificates of an agent void: it is out of contact, and refused until it joins anew.
    AgentRevoked {
        /// The agent: also of a machine that was made for an instance, as `slave/INSTANCE/HOST`.
        agent: AgentName,
        /// Who.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Somebody cancelled a run.
    CancelRequested {
        /// The run.
        run: RunId,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Without finalize stages.
        force: bool,
    },
    /// A run hit its own limit.
    RunTimedOut {
        /// The run.
        run: RunId,
    },
    /// All stages of a case are over, or the case was given up.
    CaseFinished {
        /// The run.
        run: RunId,
        /// The case's position.
        case: u32,
        /// What it amounts to.
        verdict: Verdict,
        /// Why, where the verdict is not `passed`; else empty.
        reason: String,
    },
    /// A run is over. Its instances may still be stopping.
    RunFinished {
        /// The run.
        run: RunId,
        /// What it amounts to.
        verdict: Verdict,
        /// Why, where the verdict is not `passed`; else empty.
        reason: String,
    },
    /// Somebody starts a cluster by hand: an instance that belongs to no run. It is being started
    /// ([`InstanceState::Starting`], without an event of its own).
    ClusterOrdered {
        /// The new instance.
        instance: InstanceId,
        /// What is made.
        plan: Arc<ClusterPlan>,
        /// Absolute path of the repository whose files `/downloadScript` serves to its machines.
        repository: String,
        /// Who makes it.
        hypervisor: HypervisorName,
        /// Who asked.
        by: String,
        /// Limit in milliseconds of its start, from this event to the last machine's contact.
        start_ms: u64,
        /// It is stopped then, if nobody stops it before.
        until: Timestamp,
    },
    /// An instance of a run that is over is left as it is, for people to look into: the run asked for that in case it
    /// should not pass. Follows [`Self::RunFinished`], in place of [`InstanceState::Stopping`].
    InstanceKept {
        /// The instance.
        instance: InstanceId,
        /// It is stopped then, if nobody stops it before.
        until: Timestamp,
    },
    /// Somebody holds the queue or a hypervisor back: nothing gets a place there until the hold is ended. Said again
    /// where somebody else does, or for another reason.
    HoldBegan {
        /// What.
        on: Held,
        /// Who.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Somebody ended a hold.
    HoldEnded {
        /// Of what.
        on: Held,
        /// Who.
        by: String,
    },
}

/// Where one instance of a run is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Placement {
    /// The new instance.
    pub instance: InstanceId,
    /// The cluster's name in the plan.
    pub cluster: String,
    /// Who makes it.
    pub hypervisor: HypervisorName,
}

/// The life of an instance. The manual's cluster states (chapter 9.1.3, `S_*`) are shown from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// The order went to the hypervisor agent (S_DEFINITION_SENT, S_STARTING_CLUSTER).
    Starting,
    /// All machines are made; the slaves are awaited (S_WAITING_SLAVES).
    WaitingSlaves,
    /// Every slave is in contact (S_ACTIVE).
    Active,
    /// The order to stop went out (S_STOPCOMMAND_SENT, S_DESTROYING_CLUSTER).
    Stopping,
    /// Nothing of it is left (S_STOPPED).
    Stopped,
    /// It could not be started, or broke (S_ERROR_START, S_ERROR).
    Failed,
}

/// What a hypervisor agent is doing about an instance; the manual's cluster states of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InstanceStep {
    /// S_STARTING_CLUSTER.
    StartingCluster,
    /// S_CREATING_NETWORK.
    CreatingNetwork,
    /// S_COPYING_IMAGES.
    CopyingImages,
    /// S_CREATING_SLAVES.
    CreatingSlaves,
    /// S_ATTACHING_DISKS.
    AttachingDisks,
    /// S_DESTROYING_CLUSTER.
    DestroyingCluster,
    /// A step that this build does not know.
    #[serde(other)]
    Unknown,
}

/// A boot image that machines start from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImageUsed {
    /// As the definition names it.
    pub name: String,
    /// SHA-256 of the image's file, in hexadecimal.
    pub digest: String,
}

/// How one stage ended on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageResult {
    /// The stage.
    pub stage: StageId,
    /// The machine.
    pub machine: MachineId,
    /// The attempt's number; 0 where none was made (`not_run`).
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Exit code, where the script exited.
    pub exit_code: Option<i32>,
    /// Number of the signal that ended the script, where one did.
    pub signal: Option<i32>,
    /// Why, where the outcome alone does not say it; else empty.
    pub reason: String,
    /// When the script was started, by the engine's clock as far as known.
    pub started: Timestamp,
    /// How long it took on the machine.
    pub duration_ms: u64,
    /// Bytes of output that the machine has kept for this stage.
    pub output_length: u64,
    /// Bytes that it could not keep: its disk was full, or a script deleted them. `reason` says why.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_lost: u64,
    /// Whether all that the script wrote, and all of the collected logs, are in the engine.
    pub output_complete: bool,
    /// Processes that the script left running and that kept its output open: `xrootd (pid 12)`.
    pub leftovers: Vec<String>,
    /// Log files collected after the stage, and files that the script kept as artifacts.
    pub logs: Vec<CollectedLog>,
    /// Numbers that the script stated, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// What crashed. The files are among `logs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<Crash>,
    /// Why this machine can't give core dumps; said with its first stage of the run, else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub no_cores: String,
}

impl StageResult {
    /// Bytes of everything that a machine sends about the stage: its output and the collected logs.
    pub fn evidence_length(&self) -> u64 {
        evidence_length(self.output_length, &self.logs)
    }
}

pub(crate) fn evidence_length(output: u64, logs: &[CollectedLog]) -> u64 {
    logs.iter().map(|log| log.length).fold(output, u64::saturating_add)
}

/// One file collected from a machine after a stage: what is new in a log file since the last stage, or an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CollectedLog {
    /// The path on the machine, tags replaced.
    pub path: String,
    /// Bytes collected.
    pub length: u64,
    /// What is worth knowing: `missing`, `rotated`, `truncated`, `tail only, 12 MiB left out`; else empty.
    pub note: String,
    /// It is whole: the script asked to keep it (`artifact PATH`), as it was at that moment, or it is a core dump.
    #[serde(default, skip_serializing_if = "is_false")]
    pub artifact: bool,
}
