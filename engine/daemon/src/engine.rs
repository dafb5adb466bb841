//! The task that owns the core and writes the journal: commands in, effects out, in order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{debug, error};
use xrdtest_model::{Event, HypervisorName, InstanceId, MachineId};
use xrdtest_orchestrator::{Input, Orchestrator};
use xrdtest_protocol::message::{EngineToHypervisor, EngineToSlave};
use xrdtest_protocol::server::Listener;
use xrdtest_store::{Store, StoreError};

use crate::clock::Clock;
use crate::command::Command;
use crate::evidence::Inherited;
use crate::external::External;
use crate::handle::{EngineStatus, HypervisorNote};
use crate::registry::Registry;
use crate::runs::Runs;
use crate::tokens::Tokens;
use crate::trust::Trust;
use crate::uploads::Arrivals;

/// Commands that are decided upon at once, at most.
const BATCH: usize = 1024;
/// The picture of the present state that others see is at most this old.
const PICTURE_AGE: Duration = Duration::from_millis(20);

/// The owner of everything that is decided.
pub(crate) struct Engine {
    pub(crate) core: Orchestrator,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) tokens: Tokens,
    pub(crate) trust: Trust,
    pub(crate) runs: Arc<Runs>,
    /// The folder with one folder per run.
    pub(crate) folder: PathBuf,
    pub(crate) arrivals: Arrivals,
    pub(crate) inherited: Inherited,
    pub(crate) external: External,
    pub(crate) slaves: Registry<MachineId, EngineToSlave>,
    pub(crate) hypervisors: Registry<HypervisorName, EngineToHypervisor>,
    /// What hypervisor agents tell people about themselves.
    pub(crate) notes: BTreeMap<HypervisorName, HypervisorNote>,
    pub(crate) subscribers: Vec<mpsc::UnboundedSender<Arc<Event>>>,
    /// Who waits for a cluster to be started by hand, until it is known whether it has a place.
    pub(crate) orders: BTreeMap<InstanceId, oneshot::Sender<Result<(), String>>>,
    /// To be said when the present batch is durable.
    pub(crate) answers: Vec<Answer>,
    /// What carrying out effects has led to.
    pub(crate) follow_up: Vec<Input>,
    pub(crate) last_event: watch::Sender<u64>,
    pub(crate) status: watch::Sender<Arc<EngineStatus>>,
    /// The next picture is not put off.
    pub(crate) urgent: bool,
    pub(crate) failure: Option<String>,
}

/// Tells who waits for a command that its consequences are durable.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

impl Engine {
    pub(crate) async fn run(mut self, first: Vec<Input>, mut inbox: mpsc::Receiver<Command>) {
        let resumed = self.core.resume(self.clock.now());
        self.go(resumed, first).await;
        self.publish();
        let mut published = Instant::now();
        let mut stale = false;
        let mut batch = Vec::with_capacity(BATCH);
        while self.failure.is_none() {
            let wakeup = self.core.next_wakeup().map(|at| self.clock.instant(at).into());
            tokio::select! {
                taken = inbox.recv_many(&mut batch, BATCH) => if taken == 0 { break },
                () = sleep_until(stale.then(|| published + PICTURE_AGE)) => {
                    self.publish();
                    (published, stale) = (Instant::now(), false);
                    continue;
                }
                () = sleep_until(self.slaves.due()) => {
                    self.slaves.send_due(Instant::now());
                    continue;
                }
                () = sleep_until(wakeup) => {}
            }
            take_the_rest(&mut inbox, &mut batch).await;
            let mut inputs = Vec::with_capacity(batch.len().max(1));
            let mut stop = None;
            for command in batch.drain(..) {
                match command {
                    Command::Stop(reply) => stop = Some(reply),
                    command => self.take(command, &mut inputs),
                }
            }
            if inputs.is_empty() {
                inputs.push(Input::Tick);
            }
            self.go(Vec::new(), inputs).await;
            self.answer_orders();
            stale = true;
            // A picture of hundreds of machines is not made for each of their reports; but who is answered sees what he
            // has done.
            // So does who waits for a cluster: it changes so seldom that a picture costs nothing.
            let urgent =
                std::mem::take(&mut self.urgent) || !self.answers.is_empty() || self.failure.is_some();
            if urgent || published.elapsed() >= PICTURE_AGE {
                self.publish();
                (published, stale) = (Instant::now(), false);
            }
            for answer in self.answers.drain(..) {
                answer();
            }
            if let Some(reply) = stop {
                self.end().await;
                let _ = reply.send(());
                return;
            }
        }
        self.end().await;
    }

    /// Carries out effects, then what inputs lead to. Where the store fails the engine stops, as nothing can be promised
    /// any more.
    async fn go(&mut self, effects: Vec<xrdtest_orchestrator::Effect>, inputs: Vec<Input>) {
        if let Err(error) = self.try_go(effects, inputs).await {
            error!(%error, "the engine stops: what happens can't be recorded any more");
            self.failure = Some(error.to_string());
            self.answers.clear();
            self.orders.clear();
        }
    }

    fn publish(&self) {
        self.status.send_replace(Arc::new(self.present()));
    }

    async fn try_go(
        &mut self,
        effects: Vec<xrdtest_orchestrator::Effect>,
        inputs: Vec<Input>,
    ) -> Result<(), StoreError> {
        self.carry_out(effects).await?;
        self.follow_up.extend(inputs);
        while !self.follow_up.is_empty() {
            let inputs = std::mem::take(&mut self.follow_up);
            debug!(?inputs, "inputs");
            let effects = self.core.handle_all(self.clock.now(), inputs);
            self.carry_out(effects).await?;
        }
        Ok(())
    }

    fn present(&self) -> EngineStatus {
        EngineStatus {
            runs: self.core.runs(),
            instances: self.core.instances(),
            hypervisors: self.core.hypervisors(),
            notes: self.notes.clone(),
            slaves: self.slaves.names(),
            holds: self.core.holds().clone(),
            last_event: self.core.last_event(),
            idle: self.core.is_idle(),
            failed: self.failure.clone(),
        }
    }

    async fn end(self) {
        self.listener.close().await;
        self.store.close().await;
    }
}

/// All that has come meanwhile is decided upon at once, and becomes durable at once: as long as others have more to say
/// when they are let, they are let.
async fn take_the_rest(inbox: &mut mpsc::Receiver<Command>, batch: &mut Vec<Command>) {
    while batch.len() < BATCH {
        let before = batch.len();
        tokio::task::yield_now().await;
        while batch.len() < BATCH
            && let Ok(command) = inbox.try_recv()
        {
            batch.push(command);
        }
        if batch.len() == before {
            return;
        }
    }
}

async fn sleep_until(wakeup: Option<tokio::time::Instant>) {
    match wakeup {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
