//! The task that owns the core and the journal: commands in, effects out, in order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tracing::{debug, error, warn};
use xrdtest_model::{
    AttemptId, ClusterPlan, Event, HypervisorName, InstanceId, MachineId, RunId, RunPlan, StageReport,
};
use xrdtest_orchestrator::{Ability, Config, Effect, Input, InstanceReport, Orchestrator};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::message::{Abilities, EngineToHypervisor, EngineToSlave, HypervisorToEngine};
use xrdtest_protocol::server::Listener;
use xrdtest_protocol::{IDLE_TIMEOUT, Identity, ProtocolError};

use crate::clock::Clock;
use crate::handle::{EngineHandle, EngineStatus};
use crate::journal::Journal;
use crate::listener::{Context, serve};
use crate::registry::{Connected, Registry, Serial};
use crate::runs::Runs;
use crate::tokens::Tokens;
use crate::uploads::{Arrivals, Uploads};

/// Commands that may wait for the core before their senders have to wait as well.
const INBOX: usize = 1024;
/// Pieces of output that a slow watcher may be behind.
const LIVE_OUTPUT: usize = 1024;

/// Where an engine keeps what, and where it listens.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// For agents (UDP).
    pub listen: SocketAddr,
    /// The engine's own folder: journal and CA.
    pub state: PathBuf,
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

/// What the core's task is told.
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
    OutputStored {
        attempt: AttemptId,
        length: u64,
    },
    LogStored {
        attempt: AttemptId,
        index: u32,
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
    let authority = Arc::new(Authority::open_or_create(&config.state.join("ca"))?);
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
    };
    tokio::spawn(engine.run(inbox));
    Ok(EngineHandle { commands, status, live, authority, address })
}

struct Engine {
    core: Orchestrator,
    clock: Clock,
    journal: Journal,
    listener: Arc<Listener>,
    authority: Arc<Authority>,
    tokens: Arc<Tokens>,
    runs: Arc<Runs>,
    arrivals: Arrivals,
    slaves: Registry<MachineId, EngineToSlave>,
    hypervisors: Registry<HypervisorName, EngineToHypervisor>,
    subscribers: Vec<mpsc::UnboundedSender<Arc<Event>>>,
    status: watch::Sender<Arc<EngineStatus>>,
}

impl Engine {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        loop {
            let wakeup = self.core.next_wakeup().map(|at| self.clock.instant(at).into());
            let command = tokio::select! {
                command = inbox.recv() => command,
                () = sleep_until(wakeup) => {
                    if self.handle(Input::Tick).is_err() { break }
                    continue;
                }
            };
            match command {
                None => break,
                Some(Command::Stop(reply)) => {
                    self.listener.close().await;
                    let _ = reply.send(());
                    return;
                }
                Some(command) => {
                    if self.take(command).is_err() {
                        break;
                    }
                }
            }
        }
        self.listener.close().await;
    }

    /// Turns a command into inputs of the core.
    fn take(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Submit { run, plan, trigger } => self.handle(Input::Submit { run, plan, trigger }),
            Command::Cancel { run, by, reason, force } => {
                self.handle(Input::Cancel { run, by, reason, force })
            }
            Command::Subscribe(subscriber) => {
                self.subscribers.push(subscriber);
                Ok(())
            }
            Command::SlaveConnected { machine, connected, boot_id, known } => {
                self.slaves.insert(machine.clone(), connected);
                let arrived: Vec<_> =
                    known.iter().filter_map(|(attempt, report)| self.arrived(attempt, report)).collect();
                self.handle(Input::SlaveConnected { machine, boot_id, known })?;
                arrived.into_iter().try_for_each(|input| self.handle(input))
            }
            Command::SlaveReport { machine, serial, attempt, report } => {
                if attempt.machine != machine {
                    warn!(%machine, %attempt, "a slave agent spoke for another machine and was not believed");
                    return Ok(());
                }
                if !self.slaves.is_current(&machine, serial) {
                    return Ok(());
                }
                let arrived = self.arrived(&attempt, &report);
                self.handle(Input::StageReport { attempt, report })?;
                arrived.map_or(Ok(()), |input| self.handle(input))
            }
            Command::SlaveDisconnected { machine, serial, orderly, idle } => {
                if !self.slaves.remove(&machine, serial) {
                    return Ok(());
                }
                let now = self.clock.now();
                let last_contact = if idle { now.before(IDLE_TIMEOUT) } else { now };
                self.handle(Input::SlaveDisconnected { machine, orderly, last_contact })
            }
            Command::OutputStored { attempt, length } => {
                let arrived = self.arrivals.output(&attempt, length);
                self.output_arrived(attempt, arrived)
            }
            Command::LogStored { attempt, index } => {
                let arrived = self.arrivals.log(&attempt, index);
                self.output_arrived(attempt, arrived)
            }
            Command::HypervisorConnected { name, connected, abilities, instances } => {
                self.hypervisor_connected(name, connected, abilities, instances)
            }
            Command::HypervisorReport { name, serial, message } => {
                if !self.hypervisors.is_current(&name, serial) {
                    return Ok(());
                }
                instance_report(name, message).map_or(Ok(()), |input| self.handle(input))
            }
            Command::HypervisorDisconnected { name, serial, orderly } => {
                if !self.hypervisors.remove(&name, serial) {
                    return Ok(());
                }
                self.handle(Input::HypervisorDisconnected { name, orderly })
            }
            Command::Stop(_) => Ok(()),
        }
    }

    fn hypervisor_connected(
        &mut self,
        name: HypervisorName,
        connected: Connected<EngineToHypervisor>,
        abilities: Abilities,
        instances: Vec<(InstanceId, bool)>,
    ) -> io::Result<()> {
        self.hypervisors.insert(name.clone(), connected);
        let Abilities { provider, room, labels, exclusive } = abilities;
        let ability = Ability { provider, room, labels: labels.into_iter().collect(), exclusive };
        let all = instances.iter().map(|(instance, _)| instance.clone()).collect();
        self.handle(Input::HypervisorConnected { name: name.clone(), ability, instances: all })?;
        for (instance, _) in instances.into_iter().filter(|(_, made)| *made) {
            let report = InstanceReport::Made;
            self.handle(Input::InstanceReport { hypervisor: name.clone(), instance, report })?;
        }
        Ok(())
    }

    /// What a finished report says about what has arrived before it.
    fn arrived(&mut self, attempt: &AttemptId, report: &StageReport) -> Option<Input> {
        let StageReport::Finished(finished) = report else {
            return None;
        };
        let length = self.arrivals.reported(attempt, finished)?;
        Some(Input::OutputArrived { attempt: attempt.clone(), length })
    }

    fn output_arrived(&mut self, attempt: AttemptId, length: Option<u64>) -> io::Result<()> {
        length.map_or(Ok(()), |length| self.handle(Input::OutputArrived { attempt, length }))
    }

    /// One step of the core. An error is the journal's: the engine stops, as nothing can be promised any more.
    fn handle(&mut self, input: Input) -> io::Result<()> {
        debug!(?input, "input");
        let effects = self.core.handle(self.clock.now(), input);
        let result = effects.into_iter().try_for_each(|effect| self.carry_out(effect));
        if let Err(error) = &result {
            error!(%error, "the journal can't be written; the engine stops");
        }
        self.status.send_replace(Arc::new(EngineStatus {
            runs: self.core.runs(),
            hypervisors: self.hypervisors.len(),
            idle: self.core.is_idle(),
            failed: result.as_ref().err().map(|error| format!("the journal can't be written: {error}")),
        }));
        result
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

fn instance_report(hypervisor: HypervisorName, message: HypervisorToEngine) -> Option<Input> {
    let (instance, report) = match message {
        HypervisorToEngine::Progress { instance, detail } => (instance, InstanceReport::Progress { detail }),
        HypervisorToEngine::Made { instance } => (instance, InstanceReport::Made),
        HypervisorToEngine::Failed { instance, detail } => (instance, InstanceReport::Failed { detail }),
        HypervisorToEngine::MachineGone { instance, host, detail } => {
            (instance, InstanceReport::MachineGone { host, detail })
        }
        HypervisorToEngine::Stopped { instance } => (instance, InstanceReport::Stopped),
        HypervisorToEngine::Goodbye | HypervisorToEngine::Unknown => return None,
    };
    Some(Input::InstanceReport { hypervisor, instance, report })
}
