//! What is going on right now, for live display. What is over is in the journal, not here.

use xrdtest_model::event::{InstanceOwner, InstanceState, StageResult};
use xrdtest_model::room::Room;
use xrdtest_model::{
    AttemptId, HypervisorName, InstanceId, MachineId, Outcome, RunId, StageId, Timestamp, Verdict,
};

/// A run that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStatus {
    /// The run.
    pub run: RunId,
    /// The suite's name.
    pub suite: String,
    /// Who or what asked for it.
    pub trigger: String,
    /// When.
    pub queued: Timestamp,
    /// When its first stage began.
    pub began: Option<Timestamp>,
    /// What it is doing.
    pub phase: RunPhase,
    /// What it amounts to already, in words, where it only finishes: cancelled by whom, out of time, lost machines.
    pub ending: Option<String>,
    /// Stages with scripts before the one that goes on, and all of them.
    pub stages: (u32, u32),
    /// Verdicts of the cases that are over, in order.
    pub cases: Vec<Verdict>,
}

/// A run in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRun {
    /// The run.
    pub run: RunId,
    /// The suite's name.
    pub suite: String,
    /// Who or what asked for it.
    pub trigger: String,
    /// When.
    pub queued: Timestamp,
    /// Why it waits, in words.
    pub reason: String,
}

/// An attempt without a final result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// What its machine reported, where it did: the attempt waits for the evidence named in it.
    pub reported: Option<StageResult>,
}

/// What a run is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// It has no place yet.
    Waiting {
        /// Why, in words.
        reason: String,
    },
    /// Its clusters are being started.
    Starting {
        /// Instances that are not complete.
        instances: Vec<InstanceId>,
        /// Machines whose slaves are not in contact.
        missing: Vec<MachineId>,
    },
    /// A stage is going on.
    InStage {
        /// The stage.
        stage: StageId,
        /// The same in people's words: `copy_to / run`.
        title: String,
        /// When it began.
        since: Timestamp,
        /// Its machines in the order of the definition.
        machines: Vec<MachineStatus>,
    },
}

/// One machine in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineStatus {
    /// The machine.
    pub machine: MachineId,
    /// How far it is.
    pub progress: Progress,
    /// Out of contact for longer than is usual.
    pub late: bool,
    /// Out of contact after a goodbye.
    pub away: bool,
    /// A script has announced a boot that it is not back from.
    pub rebooting: bool,
}

/// How far a machine is in its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The barrier waits for it.
    Running,
    /// Its script is over; the barrier waits for its output.
    Reported(Outcome),
    /// It is done.
    Done(Outcome),
}

impl RunStatus {
    /// The machines for which the present barrier waits.
    pub fn waits_for(&self) -> impl Iterator<Item = &MachineStatus> {
        let machines = match &self.phase {
            RunPhase::InStage { machines, .. } => machines.as_slice(),
            RunPhase::Waiting { .. } | RunPhase::Starting { .. } => &[],
        };
        machines.iter().filter(|machine| !matches!(machine.progress, Progress::Done(_)))
    }
}

/// An instance of which something may be left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceStatus {
    /// The instance.
    pub instance: InstanceId,
    /// Its cluster's name.
    pub cluster: String,
    /// Who makes it.
    pub hypervisor: HypervisorName,
    /// Whose it is. A run that it was made for may be over.
    pub owner: InstanceOwner,
    /// Its state.
    pub state: InstanceState,
    /// When it was ordered.
    pub since: Timestamp,
    /// When it is stopped, if nobody stops it before; `None`: it ends with its run.
    pub until: Option<Timestamp>,
    /// Names of its hosts.
    pub hosts: Vec<String>,
}

/// A hypervisor agent that has been in contact since the engine's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HypervisorStatus {
    /// Its name.
    pub name: HypervisorName,
    /// In contact.
    pub connected: bool,
    /// Out of contact after a goodbye.
    pub orderly: bool,
    /// The provider's name.
    pub provider: String,
    /// What it offers.
    pub room: Room,
    /// What is left of that.
    pub free: Room,
    /// What definitions may ask for beside its name.
    pub labels: Vec<String>,
    /// Its instances that are not stopped.
    pub instances: Vec<InstanceId>,
}
