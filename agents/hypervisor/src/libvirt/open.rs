//! How the provider begins: connects, tries how guests run, finds the instances of an earlier process again, and removes
//! what is left of all others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::statvfs::statvfs;
use tokio::sync::mpsc;
use virt::connect::Connect;
use xrdtest_model::InstanceId;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::room::Room;

use super::connection::{Connection, Told};
use super::digests::Digests;
use super::error::{During, LibvirtError, OnFile};
use super::instance::{Settings, relay_sockets};
use super::journal::Journal;
use super::names::Owner;
use super::{garbage, images, probe};
use crate::config::libvirt::LibvirtConfig;
use crate::provider::FoundAgain;

/// What the provider begins with.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) room: Room,
    /// Where the pool's volumes are.
    pub(super) pool_folder: PathBuf,
    pub(super) found: Vec<FoundAgain>,
}

/// Settles all of it. Blocks.
pub(super) fn open(config: LibvirtConfig, told: mpsc::UnboundedSender<Told>) -> Result<Opened, LibvirtError> {
    std::fs::metadata(&config.agent).on("find the slave agent", &config.agent)?;
    if let Some(emulator) = config.emulator.as_deref().map(Path::new) {
        std::fs::metadata(emulator).on("find the emulator", emulator)?;
    }
    let settings = connect(config, told)?;
    let found = find_again(&settings)?;
    let kept: Vec<_> = found.iter().map(|found| (found.instance.clone(), found.cluster.clone())).collect();
    for name in garbage::collect(&settings, &kept, false)? {
        tracing::info!(name, "left-overs of an earlier process removed");
    }
    let room = room(&settings)?;
    let connect = settings.connection.get()?;
    let pool = images::pool(&connect, &settings.config.pool)?;
    let name = pool.name().unwrap_or_default();
    if name != settings.config.pool {
        tracing::warn!(
            configured = settings.config.pool,
            used = name,
            "storage pool not found; another one is used"
        );
    }
    let pool_folder = images::folder(&pool);
    Ok(Opened { settings, room, pool_folder, found })
}

/// Removes what is left over, and everything that this agent ever made where `all` is set. Answers names. Blocks.
pub(super) fn clean(config: LibvirtConfig, all: bool) -> Result<Vec<String>, LibvirtError> {
    let (told, _nobody) = mpsc::unbounded_channel();
    let settings = connect(config, told)?;
    let mut kept = Vec::new();
    for entry in settings.journal.entries()? {
        let there =
            settings.connection.get()?.lookup_network_by_name(&settings.owner.network(&entry.instance));
        match entry.made && !all && there.is_ok() {
            true => kept.push((entry.instance, entry.cluster)),
            false => settings.journal.forget(&entry.instance),
        }
    }
    garbage::collect(&settings, &kept, all)
}

fn connect(config: LibvirtConfig, told: mpsc::UnboundedSender<Told>) -> Result<Settings, LibvirtError> {
    let owner = Owner::of(&config.state).on("write", &config.state)?;
    std::fs::create_dir_all(&config.consoles).on("create", &config.consoles)?;
    let journal = Journal::open(&config.state)?;
    let connection = Connection::new(config.uri.clone(), told);
    let node = connection.get()?.node_info().during(|| "look at libvirt's machine".to_owned())?;
    let native = node.model;
    let (accelerator, why) = probe::accelerator(config.accel, &native, &config.state);
    tracing::info!(accelerator = why, native, "how guests are run");
    let digests = Digests::open(&config.state);
    Ok(Settings { config, owner, journal, digests, connection, accelerator, accelerator_words: why, native })
}

/// The instances that an earlier process had made, as far as their networks are there; the others are forgotten.
fn find_again(settings: &Settings) -> Result<Vec<FoundAgain>, LibvirtError> {
    let connect = settings.connection.get()?;
    let mut found = Vec::new();
    for entry in settings.journal.entries()? {
        let again = match entry.made {
            true => sockets_again(&connect, settings, &entry.instance, &entry.cluster),
            false => Err(LibvirtError::Unsuitable("it was not made completely".to_owned())),
        };
        match again {
            Ok(again) => {
                tracing::info!(instance = %entry.instance, cluster = entry.cluster.name, "found again");
                found.push(again);
            }
            Err(error) => {
                tracing::warn!(instance = %entry.instance, %error, "of an earlier process; it is removed");
                settings.journal.forget(&entry.instance);
            }
        }
    }
    Ok(found)
}

fn sockets_again(
    connect: &Connect,
    settings: &Settings,
    instance: &InstanceId,
    cluster: &Arc<ClusterPlan>,
) -> Result<FoundAgain, LibvirtError> {
    let name = settings.owner.network(instance);
    connect.lookup_network_by_name(&name).during(|| format!("find network {name} again"))?;
    let sockets = relay_sockets(cluster.network.ip)?;
    Ok(FoundAgain { instance: instance.clone(), cluster: cluster.clone(), sockets })
}

fn room(settings: &Settings) -> Result<Room, LibvirtError> {
    let connect = settings.connection.get()?;
    let node = connect.node_info().during(|| "look at libvirt's machine".to_owned())?;
    let pool = images::pool(&connect, &settings.config.pool)?;
    let said = pool.info().during(|| "look at the storage pool".to_owned())?.available;
    // libvirt counts what file systems keep for root, which emulators can't have.
    let free = statvfs(&images::folder(&pool))
        .map_or(said, |found| said.min(found.blocks_available().saturating_mul(found.fragment_size())));
    let (reserve, times) = (&settings.config.reserve, settings.config.overcommit);
    Ok(Room {
        memory_kib: node.memory.saturating_sub(reserve.memory.0 >> 10).saturating_mul(times.memory.into()),
        cores: node.cpus.saturating_sub(reserve.cores).saturating_mul(times.cores),
        disk_bytes: free.saturating_sub(reserve.disk.0).saturating_mul(times.disk.into()),
    })
}
