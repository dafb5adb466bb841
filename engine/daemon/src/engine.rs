//! The task that owns the core and the journal: commands in, effects out, in order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{broadcast, mpsc, watch};
use tracing::{debug, error};
use xrdtest_model::{ClusterPlan, Event, HypervisorName, InstanceId, MachineId};
use xrdtest_orchestrator::{Config, Effect, Input, Orchestrator};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::message::{EngineToHypervisor, EngineToSlave};
use xrdtest_protocol::server::Listener;
use xrdtest_protocol::{Identity, ProtocolError};

use crate::clock::Clock;
use crate::command::Command;
use crate::handle::{EngineHandle, EngineStatus};
use crate::journal::Journal;
use crate::listener::{Context, serve};
use crate::registry::Registry;
use crate::runs::Runs;
use crate::tokens::Tokens;
use crate::uploads::{Arrivals, Uploads};

/// Commands that may wait for the core before their senders have to wait as well.
const INBOX: usize = 1024;
/// Commands that are decided upon at once, at most.
const BATCH: usize = 256;
/// Pieces of output that a slow watcher may be behind.
const LIVE_OUTPUT: usize = 1024;

/// Where an engine keeps what, and where it listens.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// For agents (UDP).
    pub listen: SocketAddr,
    /// The engine's own folder, with the journal.
    pub state: PathBuf,
    /// The folder of the CA, which is made there where there is none; `None`: a CA for the life of this engine.
    pub ca: Option<PathBuf>,
    /// The folder with one folder per run.
    pub runs: PathBuf,
    /// The core's times.
    pub orchestrator: Config,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A folder or the journal can't be made.
    #[error("{}: {source}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The CA can't be used, or the address is taken.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// Starts an engine.
///
/// # Errors
/// [`EngineError`] where its state can't be written or it can't listen.
pub async fn start(config: EngineConfig) -> Result<EngineHandle, EngineError> {
    let state_error = |path: &PathBuf| {
        let path = path.clone();
        move |source| EngineError::State { path, source }
    };
    for folder in [&config.state, &config.runs] {
        std::fs::create_dir_all(folder).map_err(state_error(folder))?;
    }
    let path = config.state.join("journal.jsonl");
    let journal = Journal::create(&path).map_err(state_error(&path))?;
    let authority = Arc::new(match &config.ca {
        Some(folder) => Authority::open_or_create(folder)?,
        None => Authority::new()?,
    });
    let listener = Arc::new(Listener::bind(config.listen, &authority.issue(&Identity::Engine)?)?);
    let address = listener.local_addr()?;

    let (commands, inbox) = mpsc::channel(INBOX);
    let (live, _) = broadcast::channel(LIVE_OUTPUT);
    let (status_sender, status) =
        watch::channel(Arc::new(EngineStatus { idle: true, ..EngineStatus::default() }));
    let (tokens, runs) = (Arc::new(Tokens::default()), Arc::new(Runs::default()));
    let context = Context {
        commands: commands.clone(),
        authority: authority.clone(),
        tokens: tokens.clone(),
        runs: runs.clone(),
        uploads: Uploads::new(config.runs, live.clone()),
        serials: AtomicU64::new(1),
    };
    tokio::spawn(serve(listener.clone(), Arc::new(context)));
    let engine = Engine {
        core: Orchestrator::new(config.orchestrator),
        clock: Clock::new(),
        journal,
        listener,
        authority: authority.clone(),
        tokens,
        runs,
        arrivals: Arrivals::default(),
        slaves: Registry::default(),
        hypervisors: Registry::default(),
        subscribers: Vec::new(),
        status: status_sender,
        failure: None,
    };
    tokio::spawn(engine.run(inbox));
    Ok(EngineHandle { commands, status, live, authority, address })
}

pub(crate) struct Engine {
    core: Orchestrator,
    pub(crate) clock: Clock,
    journal: Journal,
    listener: Arc<Listener>,
    authority: Arc<Authority>,
    tokens: Arc<Tokens>,
    runs: Arc<Runs>,
    pub(crate) arrivals: Arrivals,
    pub(crate) slaves: Registry<MachineId, EngineToSlave>,
    pub(crate) hypervisors: Registry<HypervisorName, EngineToHypervisor>,
    pub(crate) subscribers: Vec<mpsc::UnboundedSender<Arc<Event>>>,
    status: watch::Sender<Arc<EngineStatus>>,
    failure: Option<String>,
}

impl Engine {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.failure.is_none() {
            let wakeup = self.core.next_wakeup().map(|at| self.clock.instant(at).into());
            tokio::select! {
                // All that has come meanwhile is decided upon at once, and becomes durable at once.
                taken = inbox.recv_many(&mut batch, BATCH) => if taken == 0 { break },
                () = sleep_until(wakeup) => {}
            }
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
            self.handle(inputs);
            if let Some(reply) = stop {
                self.listener.close().await;
                let _ = reply.send(());
                return;
            }
        }
        self.listener.close().await;
    }

    /// One step of the core. Where the journal fails the engine stops, as nothing can be promised any more.
    fn handle(&mut self, inputs: Vec<Input>) {
        debug!(?inputs, "inputs");
        let effects = self.core.handle_all(self.clock.now(), inputs);
        if let Err(error) = effects.into_iter().try_for_each(|effect| self.carry_out(effect)) {
            error!(%error, "the journal can't be written; the engine stops");
            self.failure = Some(format!("the journal can't be written: {error}"));
        }
        self.status.send_replace(Arc::new(EngineStatus {
            runs: self.core.runs(),
            hypervisors: self.hypervisors.len(),
            idle: self.core.is_idle(),
            failed: self.failure.clone(),
        }));
    }

    fn carry_out(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Persist(events) => {
                self.journal.append(&events)?;
                for event in events {
                    self.publish(event);
                }
            }
            Effect::StartInstance { hypervisor, instance, cluster, .. } => {
                self.start_instance(&hypervisor, instance, cluster);
            }
            Effect::StopInstance { hypervisor, instance } => {
                self.tokens.forget(&instance);
                self.hypervisors.send(&hypervisor, EngineToHypervisor::StopInstance { instance });
            }
            Effect::Order { machine, order } => self.slaves.send(&machine, EngineToSlave::Order { order }),
            Effect::EndStage { machine, attempt, cause, reason } => {
                self.slaves.send(&machine, EngineToSlave::EndStage { attempt, why: cause, reason });
            }
            Effect::Forget { machine, attempt } => {
                self.arrivals.forget(&attempt);
                self.slaves.send(&machine, EngineToSlave::Forget { attempt });
            }
        }
        Ok(())
    }

    fn publish(&mut self, event: Event) {
        self.runs.apply(&event);
        let event = Arc::new(event);
        self.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }

    /// Sends the order with a fresh join token for each machine; those of an earlier order are void.
    fn start_instance(
        &mut self,
        hypervisor: &HypervisorName,
        instance: InstanceId,
        cluster: Arc<ClusterPlan>,
    ) {
        self.tokens.forget(&instance);
        let token_of = |host: &str| match self.authority.new_token() {
            Ok(token) => {
                let machine = MachineId::new(instance.clone(), host);
                self.tokens.allow(&token, Identity::Slave(machine));
                Some((host.to_owned(), token.to_string()))
            }
            Err(error) => {
                // The machine's agent can't join then; the cluster's start limit ends the run.
                error!(%error, "no join token could be made");
                None
            }
        };
        let tokens = cluster.hosts.iter().filter_map(|host| token_of(&host.name)).collect();
        self.hypervisors.send(hypervisor, EngineToHypervisor::StartInstance { instance, cluster, tokens });
    }
}

async fn sleep_until(wakeup: Option<tokio::time::Instant>) {
    match wakeup {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
