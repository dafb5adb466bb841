//! What the rest of the program holds of a running engine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use xrdtest_model::api::DeliveryInfo;
use xrdtest_model::room::Load;
use xrdtest_model::{AttemptId, Event, Held, Hold, HypervisorName, MachineId, RunId, RunPlan, Timestamp};
use xrdtest_orchestrator::{HypervisorStatus, InstanceStatus, RunStatus};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::{Credentials, Identity, ProtocolError};
use xrdtest_store::Store;
use xrdtest_web::access::Access;
use xrdtest_web::metrics::Waits;

use crate::clock::Clock;
use crate::command::{CancelHow, Command};
use crate::controls::Controls;
use crate::definitions::Definitions;
use crate::repositories::Repositories;
use crate::revocations::Revocations;
use crate::scheduler::SchedulerHandle;
use crate::tokens::Tokens;

/// A piece of a stage's output as it arrives. For people who watch: whoever is too slow misses pieces; all of it is
/// in the file.
#[derive(Clone, Debug)]
pub struct OutputChunk {
    /// Whose output.
    pub attempt: AttemptId,
    /// The bytes.
    pub bytes: Bytes,
}

/// What a hypervisor agent tells people about itself; nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HypervisorNote {
    /// How it makes machines, in words; may be empty.
    pub detail: String,
    /// How busy its machine was when it told last; `None` where it has not since it connected, or is away.
    pub load: Option<Load>,
    /// By how much its clock was ahead of ours when it told last, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
}

/// The present state, replaced as a whole after each step.
#[derive(Clone, Debug, Default)]
pub struct EngineStatus {
    /// The runs that are not over, oldest first.
    pub runs: Vec<RunStatus>,
    /// The instances of which something may be left.
    pub instances: Vec<InstanceStatus>,
    /// Hypervisor agents that have been in contact since the start.
    pub hypervisors: Vec<HypervisorStatus>,
    /// What they tell about themselves.
    pub notes: BTreeMap<HypervisorName, HypervisorNote>,
    /// Slave agents in contact; physical machines under their own names.
    pub slaves: Arc<Vec<MachineId>>,
    /// What people hold.
    pub holds: BTreeMap<Held, Hold>,
    /// Number of the last event.
    pub last_event: u64,
    /// Nothing runs, waits or is left of any instance.
    pub idle: bool,
    /// Why the engine stopped by itself: what happens can't be recorded any more.
    pub failed: Option<String>,
}

/// A running engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<Arc<EngineStatus>>,
    pub(crate) live: broadcast::Sender<OutputChunk>,
    pub(crate) last_event: watch::Sender<u64>,
    pub(crate) output_arrived: watch::Sender<u64>,
    pub(crate) tokens: Tokens,
    pub(crate) revocations: Revocations,
    pub(crate) authority: Arc<Authority>,
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) repositories: Arc<Repositories>,
    pub(crate) runs: PathBuf,
    pub(crate) archive: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) queue: usize,
    pub(crate) started: Timestamp,
    pub(crate) controls: Arc<OnceLock<Controls>>,
    /// Who may do what over HTTP; set where there is HTTP.
    pub(crate) access: Arc<OnceLock<Arc<Access>>>,
    pub(crate) scheduler: SchedulerHandle,
    /// How it goes with what is sent to whom.
    pub(crate) deliveries: watch::Sender<Vec<DeliveryInfo>>,
    /// How long machines have waited for each other.
    pub(crate) waits: Arc<Mutex<Waits>>,
}

impl EngineHandle {
    /// Where agents connect (UDP).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Credentials for a hypervisor agent of this very process.
    ///
    /// # Errors
    /// Where the certificate can't be made.
    pub fn hypervisor_credentials(&self, name: &HypervisorName) -> Result<Credentials, ProtocolError> {
        self.authority.issue(&Identity::Hypervisor(name.clone()))
    }

    /// Asks for a run; it is in the journal when this is done. What becomes of it is told to subscribers.
    pub async fn submit(&self, run: RunId, plan: RunPlan, trigger: impl Into<String>) {
        let (queued, answer) = oneshot::channel();
        let (plan, trigger) = (Box::new(plan), trigger.into());
        let _ = self.commands.send(Command::Submit { run, plan, trigger, queued: Some(queued) }).await;
        let _ = answer.await;
    }

    /// Gives a run up; `force` leaves finalize stages out.
    pub async fn cancel(&self, run: RunId, by: impl Into<String>, reason: impl Into<String>, force: bool) {
        let how = if force { CancelHow::Force } else { CancelHow::Orderly };
        let command = Command::Cancel { run, by: by.into(), reason: reason.into(), how, noted: None };
        let _ = self.commands.send(command).await;
    }

    /// Every event from now on, each after it is in the journal. The channel closes when the engine stops.
    pub async fn events(&self) -> mpsc::UnboundedReceiver<Arc<Event>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = self.commands.send(Command::Subscribe(sender)).await;
        receiver
    }

    /// Counts how long machines wait for each other, until the engine stops.
    pub(crate) async fn count_waits(self) {
        let mut events = self.events().await;
        while let Some(event) = events.recv().await {
            self.waits.lock().unwrap_or_else(PoisonError::into_inner).apply(&event);
        }
    }

    /// Output as it arrives.
    pub fn output(&self) -> broadcast::Receiver<OutputChunk> {
        self.live.subscribe()
    }

    /// The present state; changes wake the receiver.
    pub fn status(&self) -> watch::Receiver<Arc<EngineStatus>> {
        self.status.clone()
    }

    /// The generation of the catalogue; another one wakes the receiver.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.definitions.generation()
    }

    /// Whether the engine's own task answers.
    pub(crate) async fn is_alive(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Answer(reply)).await.is_ok() && answer.await.is_ok()
    }

    /// Ends the engine, which can't record any more what happens.
    pub(crate) async fn fail(&self, why: String) {
        let _ = self.commands.send(Command::Fail(why)).await;
    }

    /// Waits until the engine has stopped; answers why, where it did so by itself.
    pub async fn stopped(&self) -> Option<String> {
        self.commands.closed().await;
        self.status.borrow().failed.clone()
    }

    /// Ends the engine: connections are closed in an orderly way, nothing is decided any more. Machines and scripts go
    /// on.
    pub async fn stop(&self) {
        self.repositories.close();
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(reply)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}
