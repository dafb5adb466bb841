//! One instance: its network, its machines, and how both are taken away.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use virt::connect::Connect;
use virt::storage_pool::StoragePool;
use xrdtest_model::InstanceId;
use xrdtest_model::event::{ImageUsed, InstanceStep};
use xrdtest_model::plan::{ClusterPlan, HostPlan};

use super::connection::Connection;
use super::digests::Digests;
use super::domain::Machine;
use super::error::{During, LibvirtError, OnFile};
use super::journal::Journal;
use super::names::Owner;
use super::probe::Accelerator;
use super::settings::LibvirtConfig;
use super::{drive, images, network};
use crate::provider::{RelaySockets, StartOrder, Step};
use crate::relay::{AGENT_PORT, HTTP_PORT};

/// What all instances have in common.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: LibvirtConfig,
    pub(super) owner: Owner,
    pub(super) journal: Journal,
    pub(super) digests: Digests,
    pub(super) connection: Connection,
    pub(super) accelerator: Accelerator,
    /// What runs guests, and why, for people.
    pub(super) accelerator_words: String,
    /// This machine's processor.
    pub(super) native: String,
}

/// Makes an instance; on failure nothing of it is left. Blocks.
pub(super) fn start(
    settings: &Settings,
    order: &StartOrder,
    steps: &mpsc::UnboundedSender<Step>,
    cancelled: &CancellationToken,
) -> Result<(), LibvirtError> {
    let made = Making { settings, order, steps, cancelled }.all();
    if made.is_err()
        && let Err(error) = remove(settings, &order.instance, &order.cluster)
    {
        tracing::warn!(instance = %order.instance, %error, "left-overs of a failed start");
    }
    made
}

struct Making<'a> {
    settings: &'a Settings,
    order: &'a StartOrder,
    steps: &'a mpsc::UnboundedSender<Step>,
    cancelled: &'a CancellationToken,
}

impl Making<'_> {
    fn all(&self) -> Result<(), LibvirtError> {
        let connect = self.settings.connection.get()?;
        let pool = images::pool(&connect, &self.settings.config.pool)?;
        self.fits(&connect, &pool)?;
        self.step(InstanceStep::CreatingNetwork, "making the network")?;
        self.network(&connect)?;
        self.step(InstanceStep::CreatingSlaves, "making the machines")?;
        let folder = drives(&self.settings.config).join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::create_dir_all(&folder).on("create", &folder)?;
        let made = self.machines(&connect, &pool, &folder);
        let _ = std::fs::remove_dir_all(&folder);
        made
    }

    /// Finds what can't work before anything is made.
    fn fits(&self, connect: &Connect, pool: &StoragePool) -> Result<(), LibvirtError> {
        let cluster = &self.order.cluster;
        for host in &cluster.hosts {
            images::image(pool, image_of(host)?)?;
            if let Some(disk) = host.disks.iter().find(|disk| disk.bytes == 0) {
                return Err(LibvirtError::Unsuitable(format!(
                    "disk {} of {} has 0 bytes",
                    disk.name, host.name
                )));
            }
        }
        let room = pool.info().during(|| "look at the storage pool".to_owned())?;
        let wanted: u64 = cluster.hosts.iter().flat_map(|host| &host.disks).map(|disk| disk.bytes).sum();
        // Disks take what is written; but one that is larger than the whole pool is a mistake.
        if wanted > room.capacity {
            return Err(LibvirtError::Unsuitable(format!(
                "the disks of {} have {wanted} bytes, the whole storage pool {}",
                cluster.name, room.capacity
            )));
        }
        for name in connect.list_networks().during(|| "list networks".to_owned())? {
            let Ok(network) = connect.lookup_network_by_name(&name) else { continue };
            let text = network.xml_desc(0).unwrap_or_default();
            let bridge = format!("name='{}'", cluster.network.bridge_name);
            let address = format!("<ip address='{}'", cluster.network.ip);
            if text.contains(&bridge) || text.contains(&address) {
                return Err(LibvirtError::Unsuitable(format!(
                    "libvirt's network {name} has bridge {} or address {} already",
                    cluster.network.bridge_name, cluster.network.ip
                )));
            }
        }
        Ok(())
    }

    fn step(&self, step: InstanceStep, detail: &str) -> Result<(), LibvirtError> {
        if self.cancelled.is_cancelled() {
            return Err(LibvirtError::Cancelled(self.order.instance.clone()));
        }
        // Nobody listens any more when the agent is going down.
        let _ = self.steps.send(Step::Progress { step, detail: detail.to_owned() });
        Ok(())
    }

    fn network(&self, connect: &Connect) -> Result<(), LibvirtError> {
        let cluster = &self.order.cluster;
        let definition = network::definition(&self.settings.owner, &self.order.instance, cluster).document();
        connect
            .create_network_xml(&definition)
            .during(|| format!("make network {}", cluster.network.name))?;
        let sockets = relay_sockets(cluster.network.ip)?;
        let _ = self.steps.send(Step::Network(sockets));
        Ok(())
    }

    /// All machines at once.
    fn machines(&self, connect: &Connect, pool: &StoragePool, folder: &Path) -> Result<(), LibvirtError> {
        let hosts = &self.order.cluster.hosts;
        thread::scope(|scope| {
            let making: Vec<_> = hosts
                .iter()
                .enumerate()
                .map(|(number, host)| {
                    let folder = folder.join(number.to_string());
                    scope.spawn(move || self.machine(connect, pool, &folder, host))
                })
                .collect();
            self.tell_images(pool);
            let mut result = Ok(());
            for made in making {
                let made = made.join().unwrap_or_else(|_| {
                    Err(LibvirtError::Unsuitable("a thread that made a machine broke off".to_owned()))
                });
                result = result.and(made);
            }
            result
        })
    }

    /// Says what the machines start from, for the run's record.
    fn tell_images(&self, pool: &StoragePool) {
        let names: BTreeSet<&str> =
            self.order.cluster.hosts.iter().filter_map(|host| host.boot_image.as_deref()).collect();
        let used = names.into_iter().filter_map(|name| {
            let path = images::image(pool, name).ok()?.path;
            match self.settings.digests.of(Path::new(&path)) {
                Ok(digest) => Some(ImageUsed { name: name.to_owned(), digest }),
                Err(error) => {
                    // libvirt may be on another machine.
                    tracing::warn!(path, %error, "the image's digest is not known");
                    None
                }
            }
        });
        // Nobody listens any more when the agent is going down.
        let _ = self.steps.send(Step::Images(used.collect()));
    }

    fn machine(
        &self,
        connect: &Connect,
        pool: &StoragePool,
        folder: &Path,
        host: &HostPlan,
    ) -> Result<(), LibvirtError> {
        let (settings, instance) = (self.settings, &self.order.instance);
        let (owner, cluster) = (&settings.owner, &self.order.cluster);
        let name = owner.machine(instance, &host.name);
        let image = images::image(pool, image_of(host)?)?;
        let root = images::root(pool, &image, &format!("{name}.qcow2"), host.cache_boot_image)?;
        std::fs::create_dir_all(folder).on("create", folder)?;
        let token = self.order.tokens.iter().find(|(of, _)| *of == host.name);
        let token = token.map_or("", |(_, token)| token.as_str());
        let content = drive::make(folder, &settings.config.agent, cluster, host, instance.as_str(), token)?;
        let drive = images::upload(connect, pool, &format!("{name}.cidata"), &content)?;
        let mut disks = Vec::new();
        for disk in &host.disks {
            let volume = match disk.cache {
                true => owner.kept_disk(&cluster.name, &host.name, &disk.name),
                false => format!("{name}.{}.qcow2", disk.name),
            };
            let path = images::disk(pool, &volume, disk.bytes, disk.cache)?;
            disks.push((super::drive::serial(&disk.name), path));
        }
        if self.cancelled.is_cancelled() {
            return Err(LibvirtError::Cancelled(instance.clone()));
        }
        let console = console(settings, &name);
        let machine = Machine {
            owner,
            instance,
            host,
            accelerator: settings.accelerator,
            native: &settings.native,
            emulator: settings.config.emulator.as_deref(),
            boot: image.boot,
            root: Some(&root),
            drive: &drive,
            disks: &disks,
            console: &console.to_string_lossy(),
        };
        let definition = machine.definition().document();
        connect.create_domain_xml(&definition, 0).during(|| format!("start machine {}", host.name))?;
        Ok(())
    }
}

/// The relay's sockets at the network's own address.
pub(super) fn relay_sockets(ip: Ipv4Addr) -> Result<RelaySockets, LibvirtError> {
    let refused = |error: std::io::Error| {
        LibvirtError::Unsuitable(format!(
            "cannot listen at the network's own address {ip} for the machines: {error}; \
             the agent must run on libvirt's machine"
        ))
    };
    let udp = UdpSocket::bind((ip, AGENT_PORT)).map_err(refused)?;
    let tcp = TcpListener::bind((ip, HTTP_PORT)).map_err(refused)?;
    udp.set_nonblocking(true).map_err(refused)?;
    tcp.set_nonblocking(true).map_err(refused)?;
    Ok(RelaySockets { udp, tcp })
}

fn image_of(host: &HostPlan) -> Result<&str, LibvirtError> {
    host.boot_image.as_deref().ok_or_else(|| {
        LibvirtError::Unsuitable(format!(
            "host {} names no bootImage, which a virtual machine needs: cluster.defaultHost.bootImage = …",
            host.name
        ))
    })
}

/// Where drives are prepared. They hold tokens; what a killed agent left there is removed with its other left-overs.
pub(super) fn drives(config: &LibvirtConfig) -> PathBuf {
    config.state.join("drives")
}

/// The file of a machine's console.
pub(super) fn console(settings: &Settings, machine: &str) -> PathBuf {
    settings.config.consoles.join(format!("{machine}.log"))
}

/// Takes an instance away, whatever there is of it. Blocks.
pub(super) fn remove(
    settings: &Settings,
    instance: &InstanceId,
    cluster: &Arc<ClusterPlan>,
) -> Result<(), LibvirtError> {
    let machines = cluster.hosts.iter().map(|host| settings.owner.machine(instance, &host.name));
    sweep(settings, &settings.owner.network(instance), &machines.collect::<Vec<_>>())
}

/// Takes machines with their volumes and consoles away, and a network: those that are there.
pub(super) fn sweep(settings: &Settings, network: &str, machines: &[String]) -> Result<(), LibvirtError> {
    let connect = settings.connection.get()?;
    let mut result = Ok(());
    for machine in machines {
        if let Ok(domain) = connect.lookup_domain_by_name(machine) {
            let ended = domain.destroy().map(drop).during(|| format!("end machine {machine}"));
            // It may have ended by itself just now.
            if connect.lookup_domain_by_name(machine).is_ok() {
                result = result.and(ended);
            }
        }
    }
    if let Ok(found) = connect.lookup_network_by_name(network) {
        result = result.and(found.destroy().map(drop).during(|| format!("remove network {network}")));
    }
    let pool = images::pool(&connect, &settings.config.pool)?;
    let volumes = pool.list_volumes().during(|| "list volumes".to_owned())?;
    for volume in volumes.iter().filter(|name| machines.iter().any(|machine| is_of(name, machine))) {
        let found = pool.lookup_storage_vol_by_name(volume);
        let removed = found.and_then(|found| found.delete(0)).during(|| format!("remove volume {volume}"));
        result = result.and(removed.map(drop));
    }
    for machine in machines {
        let _ = std::fs::remove_file(console(settings, machine));
    }
    result
}

fn is_of(volume: &str, machine: &str) -> bool {
    volume.strip_prefix(machine).is_some_and(|ending| ending.starts_with('.'))
}
