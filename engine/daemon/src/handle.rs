//! What the rest of the program holds of a running engine.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use xrdtest_model::{AttemptId, Event, HypervisorName, RunId, RunPlan};
use xrdtest_orchestrator::RunStatus;
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::{Credentials, Identity, ProtocolError};

use crate::command::Command;

/// A piece of a stage's output as it arrives. For people who watch: whoever is too slow misses pieces; all of it is
/// in the file.
#[derive(Clone, Debug)]
pub struct OutputChunk {
    /// Whose output.
    pub attempt: AttemptId,
    /// The bytes.
    pub bytes: Bytes,
}

/// The present state, replaced as a whole after each input.
#[derive(Clone, Debug, Default)]
pub struct EngineStatus {
    /// The runs that are not over.
    pub runs: Vec<RunStatus>,
    /// Hypervisor agents in contact.
    pub hypervisors: usize,
    /// Nothing runs, waits or is left of any instance.
    pub idle: bool,
    /// Why the engine stopped by itself: its journal can't be written any more.
    pub failed: Option<String>,
}

/// A running engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<Arc<EngineStatus>>,
    pub(crate) live: broadcast::Sender<OutputChunk>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) address: SocketAddr,
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

    /// Asks for a run. What becomes of it is told to subscribers.
    pub async fn submit(&self, run: RunId, plan: RunPlan, trigger: impl Into<String>) {
        let command = Command::Submit { run, plan: Box::new(plan), trigger: trigger.into() };
        let _ = self.commands.send(command).await;
    }

    /// Gives a run up; `force` leaves finalize stages out.
    pub async fn cancel(&self, run: RunId, by: impl Into<String>, reason: impl Into<String>, force: bool) {
        let command = Command::Cancel { run, by: by.into(), reason: reason.into(), force };
        let _ = self.commands.send(command).await;
    }

    /// Every event from now on, each after it is in the journal. The channel closes when the engine stops.
    pub async fn events(&self) -> mpsc::UnboundedReceiver<Arc<Event>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = self.commands.send(Command::Subscribe(sender)).await;
        receiver
    }

    /// Output as it arrives.
    pub fn output(&self) -> broadcast::Receiver<OutputChunk> {
        self.live.subscribe()
    }

    /// The present state; changes wake the receiver.
    pub fn status(&self) -> watch::Receiver<Arc<EngineStatus>> {
        self.status.clone()
    }

    /// Ends the engine: connections are closed in an orderly way, nothing is decided any more.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(reply)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}
