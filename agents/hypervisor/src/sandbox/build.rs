//! How the machines of an instance are made, all at once.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use xrdtest_model::InstanceId;
use xrdtest_model::event::InstanceStep;
use xrdtest_model::plan::ClusterPlan;

use super::config::Kernel;
use super::error::SandboxError;
use super::machine::{self, Launched};
use super::network;
use super::settings::Shared;
use crate::provider::Step;

/// What all instances of a sandbox have in common.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The OCI runtime.
    pub(crate) runc: PathBuf,
    /// The program of PID 1 on this machine.
    pub(crate) init: PathBuf,
    /// Its arguments.
    pub(crate) init_arguments: Vec<String>,
    /// Folders of this machine that machines see empty.
    pub(crate) hidden: Vec<PathBuf>,
    /// Limit of processes and threads of a machine.
    pub(crate) processes: u32,
    /// Folders of this machine that every machine sees.
    pub(crate) shared: Vec<Shared>,
}

/// Everything that an instance is made from.
#[derive(Debug)]
pub(crate) struct Blueprint {
    /// Its id.
    pub(crate) instance: InstanceId,
    /// Its definition.
    pub(crate) cluster: Arc<ClusterPlan>,
    /// Join tokens by host name.
    pub(crate) tokens: BTreeMap<String, String>,
    /// What all have in common.
    pub(crate) settings: Arc<Settings>,
    /// This machine's kernel.
    pub(crate) kernel: Kernel,
    /// File systems that a machine's root is made from.
    pub(crate) systems: Vec<PathBuf>,
    /// The instance's folder for the machines' files.
    pub(crate) files: PathBuf,
    /// Its runtime folder.
    pub(crate) folder: PathBuf,
    /// Where the children are waited for.
    pub(crate) runtime: Handle,
    /// The instance is not wanted any more.
    pub(crate) cancelled: CancellationToken,
}

impl Blueprint {
    /// The folder in which a file appears for each machine that runs.
    pub(crate) fn pids(&self) -> PathBuf {
        self.folder.join("pids")
    }
}

/// What came of it. Machines that were started are there even if others were not.
#[derive(Debug)]
pub(crate) struct Built {
    /// Started machines, in the order of the hosts.
    pub(crate) machines: Vec<Launched>,
    /// Keeps the instance's network.
    pub(crate) network: Option<OwnedFd>,
    /// The first thing that went wrong.
    pub(crate) outcome: Result<(), SandboxError>,
}

/// Starts all machines. Runs on a thread of its own, whose network namespace becomes the instance's.
pub(crate) fn build(blueprint: &Blueprint, steps: &UnboundedSender<Step>) -> Built {
    let (ready, namespaces) = mpsc::channel();
    thread::scope(|scope| {
        let mut gates = Vec::new();
        let mut workers = Vec::new();
        let mut outcome = Ok(());
        for (number, host) in blueprint.cluster.hosts.iter().enumerate() {
            let ready = ready.clone();
            let (gate, go) = mpsc::channel();
            let worker = thread::Builder::new()
                .name("sandbox-machine".to_owned())
                .spawn_scoped(scope, move || machine::launch(blueprint, number, host, ready, &go));
            match worker {
                Ok(worker) => workers.push(worker),
                Err(error) => outcome = Err(SandboxError::step("start a thread", error)),
            }
            gates.push(gate);
        }
        drop(ready);
        let cabled = outcome.and_then(|()| lay_network(blueprint, &namespaces, steps));
        let (network, mut outcome) = match cabled {
            Ok(Some(network)) => {
                for gate in &gates {
                    // A machine that failed meanwhile does not listen any more, and says why below.
                    let _ = gate.send(());
                }
                (Some(network), Ok(()))
            }
            Ok(None) => (None, Ok(())),
            Err(error) => (None, Err(error)),
        };
        drop(gates);
        let mut machines = Vec::with_capacity(workers.len());
        for worker in workers {
            match worker.join() {
                Ok(Ok(launched)) => machines.extend(launched),
                Ok(Err(error)) => outcome = outcome.and(Err(error)),
                Err(_) => {
                    let fault =
                        std::io::Error::other("its thread broke off, which is a fault of this program");
                    outcome = outcome.and(Err(SandboxError::step("make a machine", fault)));
                }
            }
        }
        if blueprint.cancelled.is_cancelled() {
            outcome = outcome.and(Err(SandboxError::Cancelled(blueprint.instance.clone())));
        }
        Built { machines, network, outcome }
    })
}

/// Makes the bridge while the machines' roots are made, and the cables as soon as all namespaces are there. `None`
/// when a machine failed before that, or nobody wants the instance any more.
fn lay_network(
    blueprint: &Blueprint,
    namespaces: &mpsc::Receiver<(usize, Arc<OwnedFd>)>,
    steps: &UnboundedSender<Step>,
) -> Result<Option<OwnedFd>, SandboxError> {
    let say = |step| {
        // Nobody has to listen.
        let _ = steps.send(step);
    };
    let progress = |step, detail: &str| say(Step::Progress { step, detail: detail.to_owned() });
    progress(InstanceStep::CreatingNetwork, "making the network");
    let (network, sockets) = network::create(&blueprint.cluster.network)?;
    say(Step::Network(sockets));
    let mut machines: Vec<_> = namespaces.iter().collect();
    if machines.len() != blueprint.cluster.hosts.len() || blueprint.cancelled.is_cancelled() {
        return Ok(None);
    }
    machines.sort_by_key(|(number, _)| *number);
    let machines: Vec<_> = machines.into_iter().map(|(_, namespace)| namespace).collect();
    network::connect(&blueprint.cluster, &machines)?;
    if blueprint.cluster.hosts.iter().any(|host| !host.disks.is_empty()) {
        // They are folders, which a machine's start mounts.
        progress(InstanceStep::AttachingDisks, "attaching the disks");
    }
    progress(InstanceStep::CreatingSlaves, "starting the machines");
    Ok(Some(network))
}
