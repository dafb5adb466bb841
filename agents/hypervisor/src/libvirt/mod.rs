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

use futures::future::{BoxFuture, FutureExt, ready};
use tokio::sync::{Mutex as Slot, OwnedMutexGuard, mpsc};
use tokio_util::sync::CancellationToken;
use xrdtest_model::InstanceId;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::room::Room;
use xrdtest_protocol::message::Abilities;

pub use error::LibvirtError;
pub use settings::{Acceleration, LibvirtConfig, Reserve, Size};

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
    instances: Mutex<HashMap<InstanceId, Entry>>,
}

/// An instance from the order to start it until nothing of it is left. Who changes it holds the slot.
#[derive(Clone, Debug)]
struct Entry {
    cancelled: CancellationToken,
    cluster: Arc<ClusterPlan>,
    /// Whether its machines are made.
    slot: Arc<Slot<bool>>,
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
        let provider = Self { inner: Arc::new(Inner { settings, room, instances: Mutex::default() }) };
        tokio::spawn(report_ends(Arc::downgrade(&provider.inner), ended, gone));
        Ok((provider, told))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<InstanceId, Entry>> {
        self.inner.entries()
    }

    /// The instance's entry; with the slot where it is new and now the caller's to fill.
    fn enlist(&self, order: &StartOrder) -> (Entry, Option<OwnedMutexGuard<bool>>) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&order.instance) {
            return (entry.clone(), None);
        }
        let (cancelled, cluster) = (CancellationToken::new(), order.cluster.clone());
        let entry = Entry { cancelled, cluster, slot: Arc::default() };
        // Nobody else has it yet, so this does not fail.
        let slot = entry.slot.clone().try_lock_owned().ok();
        entries.insert(order.instance.clone(), entry.clone());
        (entry, slot)
    }

    async fn start_or_join(
        self,
        order: StartOrder,
        steps: mpsc::UnboundedSender<Step>,
        entry: Entry,
        slot: Option<OwnedMutexGuard<bool>>,
    ) -> Result<(), LibvirtError> {
        let id = order.instance.clone();
        let Some(mut made) = slot else {
            return match *entry.slot.lock().await {
                true => Ok(()),
                false => Err(LibvirtError::Cancelled(id)),
            };
        };
        let inner = self.inner.clone();
        let cancelled = entry.cancelled.clone();
        let started = blocking(move || instance::start(&inner.settings, &order, &steps, &cancelled)).await?;
        match started {
            Ok(()) => *made = true,
            Err(_) => drop(self.entries().remove(&id)),
        }
        started
    }

    /// Takes the instance away once nobody makes it any more.
    async fn stop_when_free(self, id: InstanceId, entry: Entry) -> Result<(), LibvirtError> {
        let mut made = entry.slot.lock().await;
        if !std::mem::take(&mut *made) {
            return Ok(());
        }
        let (inner, of) = (self.inner.clone(), id.clone());
        let cluster = entry.cluster.clone();
        let removed = blocking(move || instance::remove(&inner.settings, &of, &cluster)).await?;
        self.entries().remove(&id);
        removed
    }
}

impl Inner {
    fn entries(&self) -> MutexGuard<'_, HashMap<InstanceId, Entry>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose machine that was, if nobody is taking it away.
    fn machine(&self, domain: &str) -> Option<(InstanceId, String)> {
        let entries = self.entries();
        entries.iter().filter(|(_, entry)| !entry.cancelled.is_cancelled()).find_map(|(id, entry)| {
            let mut hosts = entry.cluster.hosts.iter();
            let host = hosts.find(|host| self.settings.owner.machine(id, &host.name) == domain)?;
            Some((id.clone(), host.name.clone()))
        })
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
    let (accelerator, why) = probe::accelerator(config.accel, &native);
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
        }
    }

    fn start(
        &self,
        order: StartOrder,
        steps: mpsc::UnboundedSender<Step>,
    ) -> BoxFuture<'static, Result<(), ProviderError>> {
        let (entry, slot) = self.enlist(&order);
        finish(self.clone().start_or_join(order, steps, entry, slot))
    }

    fn stop(&self, instance: &InstanceId) -> BoxFuture<'static, Result<(), ProviderError>> {
        let Some(entry) = self.entries().get(instance).cloned() else { return ready(Ok(())).boxed() };
        entry.cancelled.cancel();
        finish(self.clone().stop_when_free(instance.clone(), entry))
    }

    fn instances(&self) -> Vec<(InstanceId, bool)> {
        let made = |entry: &Entry| entry.slot.try_lock().is_ok_and(|made| *made);
        self.entries().iter().map(|(id, entry)| (id.clone(), made(entry))).collect()
    }
}

/// Runs blocking work on the pool for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LibvirtError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| LibvirtError::Unsuitable(format!("a task broke off: {error}")))
}

/// Does the work in a task of its own, so that it is not left half-done when nobody waits for it any more.
fn finish(
    work: impl Future<Output = Result<(), LibvirtError>> + Send + 'static,
) -> BoxFuture<'static, Result<(), ProviderError>> {
    let task = tokio::spawn(work);
    async move {
        match task.await {
            Ok(result) => Ok(result?),
            Err(error) => Err(ProviderError::BrokenOff { provider: "libvirt", reason: error.to_string() }),
        }
    }
    .boxed()
}
