//! The `sandbox` provider: machines as containers, made from this machine's own files.
//!
//! Each machine is an OCI container by `runc`. Its root is an overlay of this machine's file systems (`root`), its
//! network a cable to a bridge in a namespace of the instance's own (`network`), its rights are those of
//! `config`.
//!
//! A machine sees the files of this machine, but none of its processes, devices, interfaces or users' sessions, and
//! what it writes stays in it. Scripts are root in their machine, so whoever may define suites may read what root can
//! read here; the folders of xrdtest itself, which hold keys, are hidden.
//!
//! *Architecture invariant:* nothing of a machine is known to this machine's mount table, interfaces or
//! `/run/netns` (`namespace`), and every machine ends with the process that made it: PID 1 of the machine reads a
//! pipe that only this process can write to, and ends when it is closed. What a killed process leaves, files and
//! empty cgroups at most, the next start finds by its locks and removes (`claim`, `garbage`).

mod build;
mod check;
mod claim;
mod config;
mod error;
mod files;
mod garbage;
mod instance;
mod machine;
mod mounts;
mod namespace;
mod network;
mod room;
mod root;
mod seccomp;
mod settings;
mod shared;
#[cfg(test)]
mod test_support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use tokio::sync::mpsc;
use xrdtest_model::InstanceId;
use xrdtest_protocol::message::Abilities;

pub use error::SandboxError;
pub use settings::{Overcommit, SandboxConfig, Shared};

use crate::instances::Instances;
use crate::provider::{MachineGone, Provider, ProviderError, StartOrder, Step};
use build::Settings;
use error::OnPath;
use instance::{Instance, Places, on_own_thread};

/// The `sandbox` provider.
#[derive(Clone, Debug)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SandboxConfig,
    places: Places,
    settings: Arc<Settings>,
    gone: mpsc::UnboundedSender<MachineGone>,
    instances: Instances<Instance>,
}

impl Sandbox {
    /// Checks that this machine can carry sandboxes, and removes what killed processes left. Machines that end by
    /// themselves are reported to the receiver.
    ///
    /// # Errors
    /// Where root, a program or a suitable state directory is missing.
    pub async fn open(
        config: SandboxConfig,
    ) -> Result<(Self, mpsc::UnboundedReceiver<MachineGone>), SandboxError> {
        Self::open_telling(config, garbage::log).await
    }

    /// The same, where `tell` gets what takes its time meanwhile, and what could not be removed, in words.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_telling(
        config: SandboxConfig,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<(Self, mpsc::UnboundedReceiver<MachineGone>), SandboxError> {
        let (config, settings) = on_own_thread("sandbox-check", move || {
            let settings = prepare(&config, &tell)?;
            Ok::<_, SandboxError>((config, settings))
        })
        .await??;
        let (gone, ends) = mpsc::unbounded_channel();
        let places = Places { runtime: config.runtime.clone(), state: config.state.clone() };
        let instances = Instances::new("sandbox");
        let inner = Inner { config, places, settings: Arc::new(settings), gone, instances };
        Ok((Self { inner: Arc::new(inner) }, ends))
    }

    /// A command that runs a program in a machine; the program and its arguments are to be added. For people and
    /// tests: runs have the slave agent. `None` where there is no such machine, or it is being made or removed.
    pub fn enter(&self, instance: &InstanceId, host: &str) -> Option<Command> {
        let (root, id) = self.inner.instances.look(instance, |made| made.container(host))?;
        let mut command = Command::new(&self.inner.settings.runc);
        command.arg("--root").arg(root).arg("exec").arg(id);
        Some(command)
    }
}

/// Checks this machine, cleans it, and settles what all instances have in common.
fn prepare(config: &SandboxConfig, tell: &garbage::Tell) -> Result<Settings, SandboxError> {
    let runc = check::machine(&config.state)?;
    let init = fs::canonicalize(&config.init).on("find the slave agent's binary", &config.init)?;
    for name in garbage::collect(&runc, &config.runtime, &config.state, tell)? {
        tracing::info!(instance = name, "left-overs of an earlier process removed");
    }
    let own = ["/var/lib/xrdtest", "/etc/xrdtest", "/var/log/XrdTest"].map(PathBuf::from);
    let mut hidden: Vec<PathBuf> = own.into_iter().chain(config.hidden.iter().cloned()).collect();
    hidden.push(config.state.clone());
    shared::check(&config.shared, &hidden)?;
    // What lies below a folder that is fresh in each machine, or hidden itself, is hidden with it.
    let fresh = mounts::FRESH.into_iter().chain(["/run", "/dev", "/proc", "/sys"]);
    let mut covers: Vec<PathBuf> = fresh.map(PathBuf::from).collect();
    hidden.sort();
    hidden.retain(|folder| {
        let covered = covers.iter().any(|cover| folder.starts_with(cover));
        covers.push(folder.clone());
        folder.is_absolute() && !covered
    });
    Ok(Settings {
        runc,
        init,
        init_arguments: config.init_arguments.clone(),
        hidden,
        processes: config.processes,
        shared: config.shared.clone(),
    })
}

impl Provider for Sandbox {
    fn abilities(&self) -> Abilities {
        Abilities {
            provider: "sandbox".to_owned(),
            room: room::total(&self.inner.config.state, self.inner.config.overcommit),
            labels: self.inner.config.labels.clone(),
            exclusive: false,
            detail: String::new(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.inner.config.state.clone()
    }

    fn start(
        &self,
        order: StartOrder,
        steps: mpsc::UnboundedSender<Step>,
    ) -> BoxFuture<'static, Result<(), ProviderError>> {
        if let Err(error) = check::order(&order) {
            return ready(Err(error.into())).boxed();
        }
        let id = order.instance.clone();
        let inner = self.inner.clone();
        let make = move |cancelled| async move {
            let (places, settings) = (inner.places.clone(), inner.settings.clone());
            Instance::start(order, places, settings, cancelled, steps, inner.gone.clone()).await
        };
        self.inner.instances.start(id, make, SandboxError::Cancelled)
    }

    fn stop(&self, instance: &InstanceId) -> BoxFuture<'static, Result<(), ProviderError>> {
        self.inner.instances.stop(instance, Instance::stop)
    }

    fn shell(&self, instance: &InstanceId, host: &str) -> Option<Command> {
        let (root, id) = self.inner.instances.look(instance, |made| made.container(host))?;
        let mut command = Command::new(&self.inner.settings.runc);
        command.arg("--root").arg(root).args(["exec", "--tty"]).arg(id).arg("/bin/bash");
        Some(command)
    }

    fn instances(&self) -> Vec<(InstanceId, bool)> {
        self.inner.instances.list()
    }
}
