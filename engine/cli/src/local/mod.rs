//! `run --local`: an engine, a hypervisor agent with the sandbox provider, and a slave agent in each machine, for
//! one command. The engine listens on the loopback interface only.

mod kept;
mod provider;
pub(crate) mod signals;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xrdtest_engine::{DefinitionsConfig, EngineConfig, EngineHandle, OutputChunk, RunFiles, start};
use xrdtest_hypervisor::agent::Agent;
use xrdtest_hypervisor::provider::{MachineGone, Provider};
use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::time::millis;
use xrdtest_model::{Event, HypervisorName, RunId, RunPlan};
use xrdtest_protocol::authority::STANDING_LIFETIME;
use xrdtest_protocol::frame::MAX_FRAME;
use xrdtest_protocol::stream::MAX_CONSOLE;
use xrdtest_report::RunRecorder;
use xrdtest_web::FileEvidence;

use self::provider::LocalMachines;
use self::signals::Signals;
use crate::args::{LocalProvider, RunArgs};
use crate::live::Live;

/// Agents that one run can need at most.
const AGENTS: usize = 2000;
/// How long a run may wait for a place.
const QUEUE_WAIT: Duration = Duration::from_secs(5);
/// Machines that are kept stay until the user wants to go.
const KEPT: Duration = Duration::from_secs(366 * 24 * 3600);

/// What all runs of one command share.
pub(crate) struct Local {
    runs: PathBuf,
    state: PathBuf,
    slave: PathBuf,
    machines: LocalMachines,
}

/// A run that is over.
pub(crate) struct LocalRun {
    /// Its record.
    pub(crate) record: RunRecord,
    /// A signal cancelled it.
    pub(crate) interrupted: bool,
}

impl Local {
    /// Looks whether this machine can do it, before anything is made.
    pub(crate) fn prepare(args: &RunArgs) -> anyhow::Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            bail!(
                "`--local` makes machines from namespaces, mounts and bridges, which only root may do; \
                 run it as root: sudo xrdtest run {} --local",
                args.suites.join(" ")
            );
        }
        std::fs::create_dir_all(&args.output)
            .with_context(|| format!("the folder for runs, {}, can't be made", args.output.display()))?;
        let runs = args.output.canonicalize().context("the folder for runs is gone")?;
        let slave = find_slave(args.slave.as_deref())?;
        let machines = match args.provider {
            LocalProvider::Sandbox => LocalMachines::Sandbox,
            #[cfg(feature = "libvirt")]
            LocalProvider::Libvirt => LocalMachines::libvirt(args, &slave)?,
            #[cfg(not(feature = "libvirt"))]
            LocalProvider::Libvirt => bail!(
                "this xrdtest was built without virtual machines, so `--provider libvirt` can't be had; \
                 build it with `cargo build --release --features xrdtest/libvirt`, or leave the option out"
            ),
        };
        Ok(Self { runs, state: args.state.clone(), slave, machines })
    }

    /// Runs a plan from start to end and keeps everything in a folder of its own. `tell` gets the record as soon as the
    /// run is over, also where its machines are kept.
    pub(crate) async fn run(
        &self,
        mut plan: RunPlan,
        tell: impl Fn(&RunRecord) -> anyhow::Result<()>,
    ) -> anyhow::Result<LocalRun> {
        // Nothing else runs on this engine: what does not fit now never will.
        plan.limits.queue_wait_ms = plan.limits.queue_wait_ms.min(millis(QUEUE_WAIT));
        // There is one hypervisor here, whichever a definition asks an engine for.
        for cluster in &mut plan.clusters {
            Arc::make_mut(cluster).hypervisor = None;
        }
        let run = new_run_id(&plan.suite);
        let files = RunFiles::new(&self.runs, &run);
        let state = files.folder().join("engine");
        let (provider, gone) = self.machines.open(self).await?;
        let engine = start(EngineConfig {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            archive: state.join("archive"),
            state,
            ca: None,
            runs: self.runs.clone(),
            agents: AGENTS,
            queue: 1,
            frame: MAX_FRAME,
            certificate: STANDING_LIFETIME,
            console: MAX_CONSOLE,
            orchestrator: xrdtest_orchestrator::Config { kept_for: KEPT, ..Default::default() },
            definitions: DefinitionsConfig::default(),
        })
        .await
        .context("the engine did not start")?;
        let mut hypervisor = Hypervisor::start(provider.clone(), gone, &engine)?;
        let mut follow = Follow::new(&engine, run).await?;
        let followed = tokio::select! {
            followed = follow.until_over(&engine, plan) => followed,
            ended = hypervisor.ended() => Err(ended),
        };
        let stayed = match followed {
            Ok(()) if follow.keeps(&engine) => match follow.record(&files).and_then(|record| tell(&record)) {
                Ok(()) => tokio::select! {
                    stayed = follow.stay(&engine, provider.as_ref()) => stayed.map(|()| true),
                    ended = hypervisor.ended() => Err(ended),
                },
                Err(error) => Err(error),
            },
            followed => followed.map(|()| false),
        };
        let stopped = hypervisor.stop().await;
        engine.stop().await;
        let told = stayed?;
        stopped?;
        let record = follow.record(&files)?;
        if !told {
            tell(&record)?;
        }
        Ok(LocalRun { record, interrupted: follow.interrupted })
    }
}

/// The hypervisor agent of this command.
struct Hypervisor {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Hypervisor {
    fn start(
        provider: Arc<dyn Provider>,
        gone: mpsc::UnboundedReceiver<MachineGone>,
        engine: &EngineHandle,
    ) -> anyhow::Result<Self> {
        let name = HypervisorName::new("local");
        let credentials = engine.hypervisor_credentials(&name)?;
        let shutdown = CancellationToken::new();
        let agent = Agent::new(engine.address(), credentials, provider, gone);
        let task = tokio::spawn(agent.run(shutdown.clone()));
        Ok(Self { shutdown, task })
    }

    /// Waits until the agent ends by itself, which it does not.
    async fn ended(&mut self) -> anyhow::Error {
        match (&mut self.task).await {
            Ok(()) => anyhow!("the hypervisor agent ended"),
            Err(error) => anyhow::Error::new(error).context("the hypervisor agent broke off"),
        }
    }

    /// Takes away what is left of any machine.
    async fn stop(self) -> anyhow::Result<()> {
        if self.task.is_finished() {
            return Ok(());
        }
        self.shutdown.cancel();
        self.task.await.context("the hypervisor agent broke off")
    }
}

/// Watches one run.
struct Follow {
    run: RunId,
    events: mpsc::UnboundedReceiver<Arc<Event>>,
    output: broadcast::Receiver<OutputChunk>,
    recorder: RunRecorder,
    live: Live,
    signals: Signals,
    interrupted: bool,
}

impl Follow {
    async fn new(engine: &EngineHandle, run: RunId) -> anyhow::Result<Self> {
        let (events, output) = (engine.events().await, engine.output());
        let recorder = RunRecorder::new(run.clone());
        let signals = Signals::new().context("signals can't be caught")?;
        Ok(Self { run, events, output, recorder, live: Live::new(), signals, interrupted: false })
    }

    /// Until the run has its verdict and nothing is left of its machines but what is kept.
    async fn until_over(&mut self, engine: &EngineHandle, plan: RunPlan) -> anyhow::Result<()> {
        let mut status = engine.status();
        status
            .wait_for(|now| now.hypervisors.iter().any(|hypervisor| hypervisor.provider != EXTERNAL))
            .await
            .context("the engine stopped")?;
        engine.submit(self.run.clone(), plan, "xrdtest run --local").await;
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => {
                    self.recorder.apply(&event);
                    self.live.event(&event);
                }
                changed = status.changed() => {
                    let now = status.borrow_and_update().clone();
                    if let Some(failed) = &now.failed {
                        break Err(anyhow!("the engine stopped: {failed}"));
                    }
                    self.live.status(now.runs.iter().find(|status| status.run == self.run));
                    if changed.is_err() || (self.recorder.verdict().is_some() && kept::is_all_that_is_left(&now)) {
                        break Ok(());
                    }
                }
                Ok(chunk) = self.output.recv() => self.live.output(&chunk),
                signal = self.signals.next() => {
                    let force = self.interrupted;
                    self.interrupted = true;
                    engine.cancel(self.run.clone(), "the user", format!("signal {signal}"), force).await;
                    if !force {
                        self.live.say("a second signal ends everything at once, without finalize stages");
                    }
                }
            }
        };
        self.live.close();
        result
    }

    /// The record, which is also written beside the evidence.
    fn record(&self, files: &RunFiles) -> anyhow::Result<RunRecord> {
        let evidence = FileEvidence::new(files.folder().to_owned());
        let record = self.recorder.record(&evidence).filter(|record| record.verdict.is_some());
        let mut record = record.context("the run ended without a verdict")?;
        record.directory = Some(files.folder().to_string_lossy().into_owned());
        let text = serde_json::to_string_pretty(&RunsDocument::new(vec![record.clone()]))?;
        let path = files.document();
        std::fs::write(&path, text + "\n").with_context(|| format!("{} can't be written", path.display()))?;
        Ok(record)
    }
}

/// `20261122-101500-ts_001_mm-3fa2`: sorts by time, and tells its suite.
fn new_run_id(suite: &str) -> RunId {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let random = uuid::Uuid::new_v4().simple().to_string();
    RunId::new(format!("{now}-{}-{}", xrdtest_model::plan::file_name(suite), &random[..4]))
}

/// The slave agent's program: as said, or beside this program, or where packages put it.
fn find_slave(said: Option<&Path>) -> anyhow::Result<PathBuf> {
    const NAME: &str = "xrdtest-slave";
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(NAME)));
    let candidates: Vec<PathBuf> = match said {
        Some(path) => vec![path.to_owned()],
        None => beside.into_iter().chain([Path::new("/usr/bin").join(NAME)]).collect(),
    };
    if let Some(found) = candidates.iter().find(|path| path.is_file()) {
        return found.canonicalize().context("the slave agent's program is gone");
    }
    let places: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
    bail!(
        "the slave agent's program is not at {}; build it (`make build`) or say where it is with --slave",
        places.join(" nor at ")
    )
}
