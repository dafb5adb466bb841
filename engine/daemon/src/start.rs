//! Bringing an engine up: from its folder to a task that runs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tracing::info;
use xrdtest_model::Event;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_orchestrator::{Config, Input, OpenAttempt, Orchestrator};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::server::{Listener, ListenerConfig};
use xrdtest_protocol::{Identity, ProtocolError};
use xrdtest_store::sqlite::SqliteStore;
use xrdtest_store::{Store, StoreError};

use crate::clock::Clock;
use crate::context::Context;
use crate::definitions::DefinitionsConfig;
use crate::engine::Engine;
use crate::evidence::Inherited;
use crate::external::{self, External};
use crate::handle::{EngineHandle, EngineStatus};
use crate::listener::serve;
use crate::registry::Registry;
use crate::renewals::{keep, renew_own};
use crate::repositories::Repositories;
use crate::revocations::Revocations;
use crate::runs::Runs;
use crate::scheduler::{self, Scheduler};
use crate::secret;
use crate::tokens::Tokens;
use crate::trust::Trust;
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
    /// The engine's own folder, with the store. Nobody else may use it: see [`crate::lock`].
    pub state: PathBuf,
    /// The folder of the CA, which is made there where there is none; `None`: a CA for the life of this engine.
    pub ca: Option<PathBuf>,
    /// The folder with one folder per run.
    pub runs: PathBuf,
    /// The folder for packed runs.
    pub archive: PathBuf,
    /// Agents that may be connected at once.
    pub agents: usize,
    /// Runs that may wait at once.
    pub queue: usize,
    /// Bytes of the longest message that is taken from an agent.
    pub frame: usize,
    /// Bytes of a machine's console that are kept.
    pub console: u64,
    /// How long certificates live at most; they are renewed when a third of that is left.
    pub certificate: Duration,
    /// The core's times.
    pub orchestrator: Config,
    /// Where definitions are, and what they may use.
    pub definitions: DefinitionsConfig,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A folder can't be made, or a file in it not be read or written.
    #[error("{}: {source}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody would be told that the clock is set.
    #[error("the clock can't be watched: {0}")]
    Clock(io::Error),
    /// The CA can't be used, or the address is taken.
    #[error("{what}: {source}")]
    Protocol {
        /// What was tried.
        what: String,
        /// What came of it.
        source: ProtocolError,
    },
}

fn protocol(what: impl Into<String>) -> impl FnOnce(ProtocolError) -> EngineError {
    let what = what.into();
    move |source| EngineError::Protocol { what, source }
}

/// Starts an engine, or goes on where the last one of this folder was when it ended, in whatever way.
///
/// # Errors
/// [`EngineError`] where its state can't be used or it can't listen.
pub async fn start(config: EngineConfig) -> Result<EngineHandle, EngineError> {
    for folder in [&config.state, &config.runs] {
        make_folder(folder)?;
    }
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.state.join("store.sqlite")).await?);
    let events = store.live_events().await?;
    let authority = match &config.ca {
        Some(folder) => Authority::open_or_create(folder)
            .map_err(protocol(format!("the certificate authority in {}", folder.display())))?,
        None => Authority::new().map_err(protocol("a certificate authority"))?,
    };
    let authority = Arc::new(authority.with_lifetime(config.certificate));
    let secret = secret::open_or_create(&config.state, secret::QUIC)?;
    let credentials = authority.issue(&Identity::Engine).map_err(protocol("the engine's certificate"))?;
    let listening = ListenerConfig {
        secret: Some(secret),
        max_connections: config.agents,
        max_frame: config.frame,
        ..ListenerConfig::default()
    };
    let listener = Listener::bind(config.listen, &credentials, &listening)
        .map_err(protocol(format!("cannot listen for agents on {} (UDP, key `listen`)", config.listen)))?;
    let listener = Arc::new(listener);
    let address = listener.local_addr().map_err(protocol("the address for agents"))?;

    let clock = Clock::new();
    let runs = Arc::new(Runs::default());
    events.iter().for_each(|event| runs.apply(event));
    let tokens = Tokens::new(authority.clone(), store.clone());
    let revocations = Revocations::load(store.clone()).await?;
    let trust = Trust::new(config.state.join("trust"), runs.clone());
    let (commands, inbox) = mpsc::channel(INBOX);
    let (live, _) = broadcast::channel(LIVE_OUTPUT);
    let (output_arrived, _) = watch::channel(0);
    let checkouts = config.state.join("repositories");
    let (repositories, definitions) =
        Repositories::start(checkouts, clock, runs.clone(), config.definitions).await;
    let context = Context {
        commands: commands.clone(),
        authority: authority.clone(),
        tokens: tokens.clone(),
        clock,
        runs: runs.clone(),
        uploads: Uploads::new(config.runs.clone(), live.clone(), output_arrived.clone()),
        serials: AtomicU64::new(1),
        definitions: definitions.clone(),
        console: config.console,
        trust: trust.clone(),
        revocations: revocations.clone(),
    };
    let (scheduler, orders) = scheduler::channels();
    let (last_event, _) = watch::channel(events.last().map_or(0, |event| event.number));
    let (status, _) = watch::channel(Arc::new(EngineStatus { idle: true, ..EngineStatus::default() }));
    let handle = EngineHandle {
        commands,
        status: status.subscribe(),
        live,
        last_event: last_event.clone(),
        output_arrived,
        tokens: tokens.clone(),
        revocations,
        authority,
        address,
        store: store.clone(),
        clock,
        definitions,
        repositories,
        runs: config.runs.clone(),
        archive: config.archive,
        state: config.state,
        queue: config.queue,
        started: clock.now(),
        controls: Arc::default(),
        access: Arc::default(),
        scheduler,
        deliveries: watch::channel(Vec::new()).0,
        waits: Arc::default(),
    };
    let engine = Engine {
        core: Orchestrator::new(config.orchestrator),
        clock,
        store,
        listener: listener.clone(),
        tokens,
        trust,
        runs,
        folder: config.runs,
        arrivals: Arrivals::default(),
        inherited: Inherited::default(),
        external: External::default(),
        slaves: Registry::default(),
        hypervisors: Registry::default(),
        notes: BTreeMap::new(),
        subscribers: Vec::new(),
        orders: BTreeMap::new(),
        answers: Vec::new(),
        follow_up: Vec::new(),
        last_event,
        status,
        urgent: false,
        failure: None,
    };
    let (engine, first) = restore(engine, config.orchestrator, events);
    let (of_engine, own) = (context.authority.clone(), listener.clone());
    let lifetime = of_engine.lifetime(&Identity::Engine);
    let renew = move || renew_own(&of_engine, &own).map_err(|error| error.to_string());
    let renewing = tokio::spawn(keep("the engine", lifetime, renew));
    tokio::spawn(async move {
        serve(listener, Arc::new(context)).await;
        renewing.abort();
    });
    tokio::spawn(engine.run(first, inbox));
    let scheduler = Scheduler::new(handle.clone(), orders).await?;
    tokio::spawn(scheduler.run());
    Ok(handle)
}

/// Brings the core to where the journal ends, with what it has to be told first.
fn restore(mut engine: Engine, config: Config, events: Vec<Event>) -> (Engine, Vec<Input>) {
    if !events.is_empty() {
        info!(events = events.len(), "going on where the last engine ended");
    }
    engine.core = Orchestrator::restore(config, events);
    let physical = engine.core.instances().into_iter().filter(|known| known.hypervisor.as_str() == EXTERNAL);
    let mut inputs = vec![external::connected(physical.map(|known| known.instance))];
    let open = engine.core.open_attempts();
    engine.inherited = Inherited::new(&engine.folder, open.iter().map(|open| open.attempt.clone()));
    for OpenAttempt { attempt, reported } in open {
        let (Some(result), Some(plan)) = (reported, engine.runs.plan(&attempt.run)) else { continue };
        for (file, length) in engine.inherited.files(&plan, &attempt, &result.logs) {
            let length = engine.arrivals.arrived(&attempt, file, length);
            inputs.push(Input::EvidenceArrived { attempt: attempt.clone(), length });
        }
    }
    (engine, inputs)
}

fn make_folder(path: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(path).map_err(|source| EngineError::State { path: path.to_owned(), source })
}
