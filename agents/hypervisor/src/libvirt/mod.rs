//! The `libvirt` provider: machines as virtual machines by QEMU.
//!
//! An instance is a network (`network`) and a domain for each host (`domain`), all of them transient: libvirt keeps
//! nothing of them once they end. A machine's root is an overlay of a boot image, which is only ever read (`images`); its
//! agent comes with it on a small drive (`drive`). An agent that starts finds the instances of an earlier process again
//! (`open`), by its notes of them (`journal`); what else there is with its own names (`names`) is removed (`garbage`).
//!
//! Calls of libvirt block, so they are made on threads for that; hosts of a cluster are made side by side.
//!
//! *Architecture invariant:* nothing whose name does not begin with this agent's own prefix is ever changed or removed.

mod connection;
mod digests;
mod domain;
mod drive;
mod error;
mod garbage;
mod images;
mod instance;
mod journal;
mod names;
mod network;
mod open;
mod preflight;
mod probe;
#[cfg(test)]
mod tests;
mod volume;
mod watch;
mod xml;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use xrdtest_model::InstanceId;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::room::Room;
use xrdtest_protocol::backoff::{BackOff, chance};
use xrdtest_protocol::message::Abilities;

pub use error::LibvirtError;

use crate::config::libvirt::LibvirtConfig;
use crate::instances::Instances;
use crate::provider::{FoundAgain, MachineGone, Provider, ProviderError, StartOrder, Step};
use instance::{Settings, console};
use journal::Entry;
use open::Opened;

/// How long it is tried to take an instance away. What is left then is found by the agent's next process.
const PATIENCE: Duration = Duration::from_secs(60);

/// The `libvirt` provider.
#[derive(Clone, Debug)]
pub struct Libvirt {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    room: Room,
    pool_folder: PathBuf,
    instances: Instances<Made>,
    /// Whose machine a domain is, by its name, from before it is made until nothing of its instance is left.
    domains: Mutex<HashMap<String, (InstanceId, String)>>,
    /// Of an earlier process, until somebody asks for them.
    found: Mutex<Vec<FoundAgain>>,
}

/// An instance whose machines are made.
#[derive(Debug)]
struct Made {
    id: InstanceId,
    cluster: Arc<ClusterPlan>,
}

impl Libvirt {
    /// Connects, tries how guests can be run, finds the instances of an earlier process again, and removes what else is
    /// left of it. Machines that end by themselves are reported to the receiver.
    ///
    /// # Errors
    /// Where libvirt, its pool or the slave agent's program is missing.
    pub async fn open(
        config: LibvirtConfig,
    ) -> Result<(Self, mpsc::UnboundedReceiver<MachineGone>), LibvirtError> {
        let (tell, told) = mpsc::unbounded_channel();
        let Opened { settings, room, pool_folder, found } =
            blocking(move || open::open(config, tell)).await??;
        let (gone, ends) = mpsc::unbounded_channel();
        let instances = Instances::new("libvirt");
        for FoundAgain { instance, cluster, .. } in &found {
            instances.adopt(instance.clone(), Made { id: instance.clone(), cluster: cluster.clone() });
        }
        let of_found: Vec<_> = found.iter().map(|f| (f.instance.clone(), f.cluster.clone())).collect();
        let inner = Inner {
            settings,
            room,
            pool_folder,
            instances,
            domains: Mutex::default(),
            found: Mutex::new(found),
        };
        let inner = Arc::new(inner);
        of_found.iter().for_each(|(id, cluster)| inner.note(id, cluster));
        tokio::spawn(watch::watch(Arc::downgrade(&inner), told, gone));
        Ok((Self { inner }, ends))
    }

    /// Removes what is left in libvirt of instances that do not exist any more; with `all` everything that this agent
    /// ever made. Answers the names of what was removed. No agent with this state folder may run.
    ///
    /// # Errors
    /// Where libvirt or its pool can't be reached, or refuses.
    pub async fn clean(config: LibvirtConfig, all: bool) -> Result<Vec<String>, LibvirtError> {
        blocking(move || open::clean(config, all)).await?
    }
}

impl Inner {
    fn domains(&self) -> MutexGuard<'_, HashMap<String, (InstanceId, String)>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whose machines are being made: an event may name one before the others are there.
    fn note(&self, id: &InstanceId, cluster: &ClusterPlan) {
        let of = |host: &str| (self.settings.owner.machine(id, host), (id.clone(), host.to_owned()));
        self.domains().extend(cluster.hosts.iter().map(|host| of(&host.name)));
    }

    /// Makes an instance. Blocks.
    fn make(
        &self,
        order: &StartOrder,
        steps: &mpsc::UnboundedSender<Step>,
        cancelled: &CancellationToken,
    ) -> Result<Made, LibvirtError> {
        let (id, cluster) = (&order.instance, &order.cluster);
        let journal = &self.settings.journal;
        self.note(id, cluster);
        let noted = |made| journal.write(&Entry::new(id.clone(), cluster.clone(), made));
        let started = noted(false).and_then(|()| instance::start(&self.settings, order, steps, cancelled));
        // An instance that can't be found again must not be there.
        match started.and_then(|()| noted(true)) {
            Ok(()) => Ok(Made { id: id.clone(), cluster: cluster.clone() }),
            Err(error) => {
                self.give_up(id, cluster);
                Err(error)
            }
        }
    }

    /// Takes away what there is of an instance that can't be made. Blocks.
    fn give_up(&self, id: &InstanceId, cluster: &Arc<ClusterPlan>) {
        // Its machines end by us now: why it could not be made is told, and not that.
        self.domains().retain(|_, (of, _)| of != id);
        if let Err(error) = instance::remove(&self.settings, id, cluster) {
            tracing::warn!(instance = %id, %error, "left-overs of a failed start");
        }
        self.settings.journal.forget(id);
    }

    /// Takes an instance away, trying again while libvirt can't be reached.
    async fn remove_patiently(self: Arc<Self>, made: Arc<Made>) -> Result<(), LibvirtError> {
        let until = Instant::now() + PATIENCE;
        let mut back_off = BackOff::new();
        loop {
            let (inner, of) = (self.clone(), made.clone());
            let removed = blocking(move || inner.remove(&of)).await?;
            match removed {
                Err(error) if Instant::now() < until => {
                    tracing::warn!(instance = %made.id, %error, "not removed yet; trying again");
                    sleep(back_off.wait(chance())).await;
                }
                removed => return removed,
            }
        }
    }

    /// Takes an instance away. Blocks.
    fn remove(&self, made: &Made) -> Result<(), LibvirtError> {
        instance::remove(&self.settings, &made.id, &made.cluster)?;
        self.forget(&made.id);
        Ok(())
    }

    /// Nothing of the instance is left.
    fn forget(&self, id: &InstanceId) {
        self.domains().retain(|_, (of, _)| of != id);
        self.settings.journal.forget(id);
    }

    /// Whose machine that was, if nobody is taking it away.
    fn machine(&self, domain: &str) -> Option<(InstanceId, String)> {
        let of = self.domains().get(domain).cloned();
        of.filter(|(id, _)| self.instances.is_wanted(id))
    }
}

impl Provider for Libvirt {
    fn abilities(&self) -> Abilities {
        Abilities {
            provider: "libvirt".to_owned(),
            room: self.inner.room,
            labels: self.inner.settings.config.labels.clone(),
            exclusive: true,
            detail: self.inner.settings.accelerator_words.clone(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.inner.pool_folder.clone()
    }

    fn start(
        &self,
        order: StartOrder,
        steps: mpsc::UnboundedSender<Step>,
    ) -> BoxFuture<'static, Result<(), ProviderError>> {
        let (inner, id) = (self.inner.clone(), order.instance.clone());
        let make =
            move |cancelled| async move { blocking(move || inner.make(&order, &steps, &cancelled)).await? };
        self.inner.instances.start(id, make, LibvirtError::Cancelled)
    }

    fn stop(&self, instance: &InstanceId) -> BoxFuture<'static, Result<(), ProviderError>> {
        let inner = self.inner.clone();
        let remove = move |made: Made| async move { inner.remove_patiently(Arc::new(made)).await };
        self.inner.instances.stop(instance, remove)
    }

    fn instances(&self) -> Vec<(InstanceId, bool)> {
        self.inner.instances.list()
    }

    fn shell(&self, instance: &InstanceId, host: &str) -> Option<Command> {
        let domains = self.inner.domains();
        let (domain, _) = domains.iter().find(|(_, (id, of))| id == instance && of == host)?;
        let mut command = Command::new("virsh");
        command.args(["--connect", &self.inner.settings.config.uri, "console", domain]);
        Some(command)
    }

    fn found_again(&self) -> Vec<FoundAgain> {
        std::mem::take(&mut *self.inner.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn outlive_agent(&self) -> bool {
        true
    }

    fn consoles(&self, instance: &InstanceId) -> Vec<(String, PathBuf)> {
        let domains = self.inner.domains();
        let of_it = domains.iter().filter(|(_, (id, _))| id == instance);
        of_it.map(|(domain, (_, host))| (host.clone(), console(&self.inner.settings, domain))).collect()
    }
}

/// Runs blocking work on the pool for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LibvirtError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| LibvirtError::Unsuitable(format!("a task broke off: {error}")))
}
