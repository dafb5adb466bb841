//! The `libvirt` provider: machines as virtual machines by QEMU.
//!
//! An instance is a network (`network`) and a domain for each host (`domain`), all of them transient: libvirt keeps
//! nothing of them once they end. A machine's root is an overlay of a boot image, which is only ever read (`images`); its
//! agent comes with it on a small drive (`drive`). What an agent that was killed left is found by its names (`names`) and
//! removed when the next one starts (`garbage`).
//!
//! Calls of libvirt block, so they are made on threads for that; hosts of a cluster are made side by side.
//!
//! *Architecture invariant:* nothing whose name does not begin with this agent's own prefix is ever changed or removed.

mod connection;
mod domain;
mod drive;
mod error;
mod garbage;
mod images;
mod instance;
mod names;
mod network;
mod probe;
mod settings;
#[cfg(test)]
mod tests;
mod volume;
mod xml;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use xrdtest_model::InstanceId;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::room::Room;
use xrdtest_protocol::message::Abilities;

pub use error::LibvirtError;
pub use settings::{Acceleration, LibvirtConfig, Reserve, Size};

use crate::instances::Instances;
use crate::provider::{MachineGone, Provider, ProviderError, StartOrder, Step};
use connection::{Connection, Ended};
use error::{During, OnFile};
use instance::{Settings, console};
use names::Owner;

/// Lines of a console that are told of a machine that ended.
const LAST_LINES: usize = 30;

/// The `libvirt` provider.
#[derive(Clone, Debug)]
pub struct Libvirt {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    room: Room,
    instances: Instances<Made>,
    /// Whose machine a domain is, by its name, from before it is made until nothing of its instance is left.
    domains: Mutex<HashMap<String, (InstanceId, String)>>,
}

/// An instance whose machines are made.
#[derive(Debug)]
struct Made {
    id: InstanceId,
    cluster: Arc<ClusterPlan>,
}

impl Libvirt {
    /// Connects, tries how guests can be run, and removes what killed processes left. Machines that end by themselves are
    /// reported to the receiver.
    ///
    /// # Errors
    /// Where libvirt, its pool or the slave agent's program is missing.
    pub async fn open(
        config: LibvirtConfig,
    ) -> Result<(Self, mpsc::UnboundedReceiver<MachineGone>), LibvirtError> {
        let (ends, ended) = mpsc::unbounded_channel();
        let (settings, room) = blocking(move || prepare(config, ends)).await??;
        let (gone, told) = mpsc::unbounded_channel();
        let instances = Instances::new("libvirt");
        let provider =
            Self { inner: Arc::new(Inner { settings, room, instances, domains: Mutex::default() }) };
        tokio::spawn(report_ends(Arc::downgrade(&provider.inner), ended, gone));
        Ok((provider, told))
    }

    /// Notes whose machines are being made: an event may name one before the others are there.
    fn note(&self, id: &InstanceId, cluster: &ClusterPlan) {
        let owner = &self.inner.settings.owner;
        let of = |host: &str| (owner.machine(id, host), (id.clone(), host.to_owned()));
        self.inner.domains().extend(cluster.hosts.iter().map(|host| of(&host.name)));
    }
}

impl Inner {
    fn domains(&self) -> MutexGuard<'_, HashMap<String, (InstanceId, String)>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, id: &InstanceId) {
        self.domains().retain(|_, (of, _)| of != id);
    }

    /// Whose machine that was, if nobody is taking it away.
    fn machine(&self, domain: &str) -> Option<(InstanceId, String)> {
        let of = self.domains().get(domain).cloned();
        of.filter(|(id, _)| self.instances.is_wanted(id))
    }
}

/// Reports machines that end by themselves, as long as the provider is there.
async fn report_ends(
    inner: std::sync::Weak<Inner>,
    mut ended: mpsc::UnboundedReceiver<Ended>,
    gone: mpsc::UnboundedSender<MachineGone>,
) {
    while let Some(Ended { domain, how }) = ended.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let Some((instance, host)) = inner.machine(&domain) else { continue };
        let path = console(&inner.settings, &domain);
        let words = blocking(move || last_lines(&path)).await.unwrap_or_default();
        let detail =
            if words.is_empty() { how.to_owned() } else { format!("{how}; its console ends: {words}") };
        // Nobody listens any more only when the agent is going down.
        let _ = gone.send(MachineGone { instance, host, detail });
    }
}

/// The end of a console.
fn last_lines(path: &std::path::Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(16 << 10)..]).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ")
}

/// Connects, looks what there is, and removes what an earlier process left.
fn prepare(
    config: LibvirtConfig,
    ends: mpsc::UnboundedSender<Ended>,
) -> Result<(Settings, Room), LibvirtError> {
    std::fs::metadata(&config.agent).on("find the slave agent", &config.agent)?;
    let owner = Owner::of(&config.state).on("write", &config.state)?;
    std::fs::create_dir_all(&config.consoles).on("create", &config.consoles)?;
    let connection = Connection::new(config.uri.clone(), ends);
    let connect = connection.get()?;
    let node = connect.node_info().during(|| "look at libvirt's machine".to_owned())?;
    let native = node.model;
    let (accelerator, why) = probe::accelerator(config.accel, &native, &config.state);
    tracing::info!(accelerator = why, native, "how guests are run");
    let settings = Settings { config, owner, connection, accelerator, native };
    for name in garbage::collect(&settings)? {
        tracing::info!(name, "left-overs of an earlier process removed");
    }
    let pool = images::pool(&connect, &settings.config.pool)?;
    let free = pool.info().during(|| "look at the storage pool".to_owned())?.available;
    let reserve = &settings.config.reserve;
    let room = Room {
        memory_kib: node.memory.saturating_sub(reserve.memory.0 >> 10),
        cores: node.cpus.saturating_sub(reserve.cores),
        disk_bytes: free.saturating_sub(reserve.disk.0),
    };
    Ok((settings, room))
}

impl Provider for Libvirt {
    fn abilities(&self) -> Abilities {
        Abilities {
            provider: "libvirt".to_owned(),
            room: self.inner.room,
            labels: self.inner.settings.config.labels.clone(),
            exclusive: true,
            detail: String::new(),
        }
    }

    fn start(
        &self,
        order: StartOrder,
        steps: mpsc::UnboundedSender<Step>,
    ) -> BoxFuture<'static, Result<(), ProviderError>> {
        let (inner, id, cluster) = (self.inner.clone(), order.instance.clone(), order.cluster.clone());
        self.note(&id, &cluster);
        let made = Made { id: id.clone(), cluster };
        let make = move |cancelled| async move {
            let on = inner.clone();
            let started = blocking(move || instance::start(&on.settings, &order, &steps, &cancelled)).await;
            match started.and_then(|started| started) {
                Ok(()) => Ok(made),
                Err(error) => {
                    inner.forget(&made.id);
                    Err(error)
                }
            }
        };
        self.inner.instances.start(id, make, LibvirtError::Cancelled)
    }

    fn stop(&self, instance: &InstanceId) -> BoxFuture<'static, Result<(), ProviderError>> {
        let inner = self.inner.clone();
        let remove = move |made: Made| async move {
            let (on, id) = (inner.clone(), made.id.clone());
            let removed = blocking(move || instance::remove(&on.settings, &made.id, &made.cluster)).await;
            inner.forget(&id);
            removed.and_then(|removed| removed)
        };
        self.inner.instances.stop(instance, remove)
    }

    fn instances(&self) -> Vec<(InstanceId, bool)> {
        self.inner.instances.list()
    }
}

/// Runs blocking work on the pool for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LibvirtError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| LibvirtError::Unsuitable(format!("a task broke off: {error}")))
}
