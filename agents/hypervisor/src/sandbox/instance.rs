//! One instance: its start, its machines' unexpected ends, and its removal.

use std::collections::BTreeMap;
use std::fs;
use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::inotify::AddWatchFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use xrdtest_model::InstanceId;

use super::build::{self, Blueprint, Built, Settings};
use super::claim::{Claim, Claimed};
use super::config::Kernel;
use super::error::{OnPath, SandboxError};
use super::garbage::{self, Record, runc_root};
use super::machine::{Launched, cgroup, how_ended, last_words};
use super::mounts::system_mounts;
use crate::folder_watch::FolderWatch;
use crate::provider::{MachineGone, StartOrder, Step};

/// How long all machines together may take until their PID 1 runs.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a machine may take to end after its lifeline was cut.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end by force.
const FORCE_LIMIT: Duration = Duration::from_secs(10);

/// An instance whose machines run, or ran.
#[derive(Debug)]
pub(crate) struct Instance {
    id: InstanceId,
    machines: Vec<Machine>,
    /// Keeps the network, also when machine after machine ends.
    _network: Option<OwnedFd>,
    settings: Arc<Settings>,
    claims: Claims,
    /// Set before machines are ended on purpose.
    stopping: CancellationToken,
}

/// The folders of an instance.
#[derive(Debug)]
struct Claims {
    runtime: Claim,
    files: Claim,
}

#[derive(Debug)]
struct Machine {
    host: String,
    id: String,
    runc: Option<u32>,
    lifeline: Option<PipeWriter>,
    console: PathBuf,
    ended: watch::Receiver<Option<String>>,
}

/// Number of a machine and how it ended.
type End = (usize, String);

/// Where an instance is made.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// For locks, records and the state of `runc`.
    pub(crate) runtime: PathBuf,
    /// For the machines' files.
    pub(crate) state: PathBuf,
}

impl Instance {
    /// Makes an instance. On failure nothing of it is left, or the next start's cleaning finds it.
    pub(crate) async fn start(
        order: StartOrder,
        places: Places,
        settings: Arc<Settings>,
        cancelled: CancellationToken,
        steps: mpsc::UnboundedSender<Step>,
        gone: mpsc::UnboundedSender<MachineGone>,
    ) -> Result<Self, SandboxError> {
        let id = order.instance.clone();
        let runtime = Handle::current();
        let (blueprint, claims) =
            blocking(move || prepare(order, &places, settings, runtime, cancelled)).await??;
        let settings = blueprint.settings.clone();
        let cancelled = blueprint.cancelled.clone();
        let pid_files = blueprint.pids();
        let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE;
        let appeared = FolderWatch::new(&pid_files, events).on("watch", &pid_files)?;
        let built = on_own_thread("sandbox-instance", move || build::build(&blueprint, &steps)).await?;
        let (ends, mut ended) = mpsc::unbounded_channel();
        let Built { machines: launched, network, outcome } = built;
        let mut pids = BTreeMap::new();
        let mut machines = Vec::with_capacity(launched.len());
        let mut networks = Vec::with_capacity(launched.len());
        for (number, launched) in launched.into_iter().enumerate() {
            pids.insert(number, launched.pid_file.clone());
            networks.push(launched.network.clone());
            machines.push(Machine::watch(number, launched, ends.clone()));
        }
        drop(ends);
        let instance =
            Self { id, machines, _network: network, settings, claims, stopping: CancellationToken::new() };
        let outcome = match outcome {
            Ok(()) => instance.wait_until_up(pids, &appeared, &mut ended, &cancelled).await,
            Err(error) => Err(error),
        };
        // The containers have joined their networks, or never will.
        drop(networks);
        if let Err(error) = outcome {
            if let Err(left) = instance.stop().await {
                tracing::warn!(%left, "left-overs of a failed start");
            }
            return Err(error);
        }
        instance.report_ends(ended, gone);
        Ok(instance)
    }

    /// Waits until PID 1 of each machine runs.
    async fn wait_until_up(
        &self,
        mut missing: BTreeMap<usize, PathBuf>,
        appeared: &FolderWatch,
        ended: &mut mpsc::UnboundedReceiver<End>,
        cancelled: &CancellationToken,
    ) -> Result<(), SandboxError> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            missing.retain(|_, pid_file| !pid_file.exists());
            let Some(number) = missing.keys().next() else { return Ok(()) };
            tokio::select! {
                changed = appeared.changed() => {
                    changed.map_err(|error| SandboxError::step("watch for started machines", error))?;
                }
                Some((number, how)) = ended.recv() => {
                    let machine = &self.machines[number];
                    let console = machine.last_words().await;
                    return Err(SandboxError::EndedEarly { host: machine.host.clone(), how, console });
                }
                () = cancelled.cancelled() => return Err(SandboxError::Cancelled(self.id.clone())),
                () = tokio::time::sleep_until(deadline) => {
                    let machine = &self.machines[*number];
                    let console = machine.last_words().await;
                    let seconds = START_LIMIT.as_secs();
                    return Err(SandboxError::TooSlow { host: machine.host.clone(), seconds, console });
                }
            }
        }
    }

    /// Reports machines that end by themselves for as long as the instance is wanted.
    fn report_ends(&self, mut ended: mpsc::UnboundedReceiver<End>, gone: mpsc::UnboundedSender<MachineGone>) {
        let stopping = self.stopping.clone();
        let instance = self.id.clone();
        let machines: Vec<_> =
            self.machines.iter().map(|machine| (machine.host.clone(), machine.console.clone())).collect();
        tokio::spawn(async move {
            while let Some((number, how)) = ended.recv().await {
                if stopping.is_cancelled() {
                    return;
                }
                let (host, console) = machines[number].clone();
                let words = blocking(move || last_words(&console)).await.unwrap_or_default();
                // Nobody listens any more only when the agent is going down.
                let _ = gone.send(MachineGone {
                    instance: instance.clone(),
                    host,
                    detail: format!("{how}{words}"),
                });
            }
        });
    }

    /// The machines' host names and containers, and the state folder of `runc` that knows them.
    pub(crate) fn container(&self, host: &str) -> Option<(PathBuf, String)> {
        let machine = self.machines.iter().find(|machine| machine.host == host)?;
        Some((runc_root(self.claims.runtime.folder()), machine.id.clone()))
    }

    /// Ends the machines and removes everything.
    pub(crate) async fn stop(mut self) -> Result<(), SandboxError> {
        self.stopping.cancel();
        for machine in &mut self.machines {
            machine.lifeline = None;
        }
        if !self.all_ended(END_LIMIT).await {
            self.end_by_force().await?;
        }
        let Self { claims: Claims { runtime, files }, settings, .. } = self;
        blocking(move || {
            // runc has removed its own traces unless it was killed.
            garbage::sweep(&settings.runc, &runtime, &garbage::log)?;
            files.remove()?;
            runtime.remove()
        })
        .await?
    }

    async fn all_ended(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        for machine in &mut self.machines {
            // An error means that its watcher is gone, which happens only when the runtime shuts down.
            if timeout_at(deadline, machine.ended.wait_for(Option::is_some)).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn end_by_force(&mut self) -> Result<(), SandboxError> {
        let late: Vec<(String, String, Option<u32>)> = self
            .machines
            .iter()
            .filter(|machine| machine.ended.borrow().is_none())
            .map(|machine| (machine.host.clone(), machine.id.clone(), machine.runc))
            .collect();
        let root = runc_root(self.claims.runtime.folder());
        let runc = self.settings.runc.clone();
        blocking(move || {
            for (host, id, pid) in late {
                tracing::warn!(host, "the machine did not end by itself and is ended by force");
                garbage::delete(&runc, &root, &id);
                // Nobody has waited for it yet, so the number is still its.
                if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
                }
            }
        })
        .await?;
        if self.all_ended(FORCE_LIMIT).await {
            return Ok(());
        }
        let undead = self.machines.iter().find(|machine| machine.ended.borrow().is_none());
        Err(SandboxError::Undead {
            host: undead.map(|machine| machine.host.clone()).unwrap_or_default(),
            files: self.claims.files.folder().to_owned(),
        })
    }
}

impl Machine {
    /// Waits for the end of a started machine in the background.
    fn watch(number: usize, launched: Launched, ends: mpsc::UnboundedSender<End>) -> Self {
        let Launched { host, id, mut runc, lifeline, console, .. } = launched;
        let pid = runc.id();
        let (sender, ended) = watch::channel(None);
        tokio::spawn(async move {
            let how = how_ended(&runc.wait().await);
            sender.send_replace(Some(how.clone()));
            // Whoever started the instance may have given up already.
            let _ = ends.send((number, how));
        });
        Self { host, id, runc: pid, lifeline: Some(lifeline), console, ended }
    }

    async fn last_words(&self) -> String {
        let console = self.console.clone();
        blocking(move || last_words(&console)).await.unwrap_or_default()
    }
}

/// Claims the folders, removes what was there, and writes down what is going to be made.
fn prepare(
    order: StartOrder,
    places: &Places,
    settings: Arc<Settings>,
    runtime: Handle,
    cancelled: CancellationToken,
) -> Result<(Blueprint, Claims), SandboxError> {
    let StartOrder { instance, cluster, tokens, .. } = order;
    let claim = |base: &Path| match Claim::take(base, instance.as_str())? {
        Claimed::New(claim) => Ok(claim),
        Claimed::LeftOver(claim) => {
            garbage::sweep(&settings.runc, &claim, &garbage::log)?;
            claim.clear()?;
            Ok(claim)
        }
        Claimed::Taken => Err(SandboxError::InUse(instance.clone())),
    };
    let claims = Claims { runtime: claim(&places.runtime)?, files: claim(&places.state)? };
    let table = fs::read_to_string("/proc/self/mountinfo").on("read", Path::new("/proc/self/mountinfo"))?;
    let blueprint = Blueprint {
        tokens: tokens.into_iter().collect(),
        kernel: Kernel::detect(),
        systems: system_mounts(&table, Path::is_dir),
        files: claims.files.folder().to_owned(),
        folder: claims.runtime.folder().to_owned(),
        instance,
        cluster,
        settings,
        runtime,
        cancelled,
    };
    let cgroups = blueprint.cluster.hosts.iter().map(|host| cgroup(&blueprint, host)).collect();
    Record { files: blueprint.files.clone(), cgroups }.write(&claims.runtime)?;
    fs::create_dir(blueprint.pids()).on("create", &blueprint.pids())?;
    Ok((blueprint, claims))
}

/// Runs blocking work on the pool for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SandboxError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| SandboxError::step("finish a task", std::io::Error::other(error)))
}

/// Runs work on a thread of its own, which it may change in ways that a pool's thread must not be.
pub(crate) async fn on_own_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SandboxError> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Whoever asked may have gone.
            let _ = sender.send(work());
        })
        .map_err(|error| SandboxError::step("start a thread", error))?;
    receiver.await.map_err(|error| SandboxError::step("finish a task", std::io::Error::other(error)))
}
