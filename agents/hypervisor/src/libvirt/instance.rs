//! One instance: its network, its machines, and how both are taken away.

use std::collections::{BTreeMap, HashMap};
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
use super::domain::{Boot, Machine};
use super::error::{During, LibvirtError, OnFile};
use super::images::Sources;
use super::journal::Journal;
use super::names::Owner;
use super::probe::Accelerator;
use super::{drive, images, network, preflight};
use crate::config::libvirt::LibvirtConfig;
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

/// Makes an instance; what there is of it where that fails is left to the caller. Blocks.
pub(super) fn start(
    settings: &Settings,
    order: &StartOrder,
    steps: &mpsc::UnboundedSender<Step>,
    cancelled: &CancellationToken,
) -> Result<(), LibvirtError> {
    Making { settings, order, steps, cancelled }.all()
}

struct Making<'a> {
    settings: &'a Settings,
    order: &'a StartOrder,
    steps: &'a mpsc::UnboundedSender<Step>,
    cancelled: &'a CancellationToken,
}

impl Making<'_> {
    fn all(&self) -> Result<(), LibvirtError> {
        // libvirt finishes what it was asked for by a process that was killed since, perhaps after that was removed.
        remove(self.settings, &self.order.instance, &self.order.cluster)?;
        let connect = self.settings.connection.get()?;
        let pool = images::pool(&connect, &self.settings.config.pool)?;
        preflight::check(self.settings, &connect, &pool, &self.order.cluster)?;
        let volumes = self.network_and_volumes(&connect, &pool)?;
        self.step(InstanceStep::CreatingSlaves, "starting the machines")?;
        self.on_each_host(|index, host| self.machine(&connect, host, &volumes[index]))?;
        Ok(())
    }

    /// Neither needs the other, and both take time.
    fn network_and_volumes(
        &self,
        connect: &Connect,
        pool: &StoragePool,
    ) -> Result<Vec<Volumes>, LibvirtError> {
        let programs = self.programs()?;
        self.step(InstanceStep::CreatingNetwork, "making the network")?;
        self.step(InstanceStep::CopyingImages, "making the machines' disks")?;
        thread::scope(|scope| {
            let network = scope.spawn(|| self.network(connect));
            scope.spawn(|| self.tell_images(pool));
            let volumes =
                self.on_each_host(|_, host| self.volumes(connect, pool, &programs[self.arch(host)], host));
            joined(network.join())?;
            volumes
        })
    }

    /// Does something for all hosts at once; the first error where there is one.
    fn on_each_host<T: Send>(
        &self,
        work: impl Fn(usize, &HostPlan) -> Result<T, LibvirtError> + Sync,
    ) -> Result<Vec<T>, LibvirtError> {
        let hosts = self.order.cluster.hosts.iter().enumerate();
        let work = &work;
        thread::scope(|scope| {
            let threads: Vec<_> = hosts.map(|(index, host)| scope.spawn(move || work(index, host))).collect();
            // All of them are waited for, also where one has failed.
            let done: Vec<_> = threads.into_iter().map(|thread| joined(thread.join())).collect();
            done.into_iter().collect()
        })
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
        let definition =
            network::definition(&self.settings.owner, &self.order.engine, &self.order.instance, cluster)
                .document();
        connect
            .create_network_xml(&definition)
            .during(|| format!("make network {}", cluster.network.name))?;
        let sockets = relay_sockets(cluster.network.ip)?;
        let _ = self.steps.send(Step::Network(sockets));
        Ok(())
    }

    /// The slave agent for each kind of processor that the cluster has.
    fn programs(&self) -> Result<HashMap<&str, Vec<u8>>, LibvirtError> {
        let config = &self.settings.config;
        let mut programs = HashMap::new();
        for arch in self.order.cluster.hosts.iter().map(|host| self.arch(host)) {
            let path = match config.agents.get(arch) {
                Some(path) => path,
                None if arch == self.settings.native => &config.agent,
                None => {
                    return Err(LibvirtError::Unsuitable(format!(
                        "there is no slave agent for {arch}: name its program in hypervisor.toml, \
                         [libvirt.agents] {arch} = \"/path\""
                    )));
                }
            };
            if !programs.contains_key(arch) {
                programs.insert(arch, std::fs::read(path).on("read", path)?);
            }
        }
        Ok(programs)
    }

    /// The kind of a host's processor.
    fn arch<'b>(&'b self, host: &'b HostPlan) -> &'b str {
        host.arch.as_deref().unwrap_or(&self.settings.native)
    }

    /// Says what the machines start from, for the run's record.
    fn tell_images(&self, pool: &StoragePool) {
        let images = self.order.cluster.hosts.iter().filter_map(|host| {
            let image = images::sources(pool, host).ok()?.image?;
            Some((host.boot_image.as_deref()?, image.path))
        });
        let images: BTreeMap<&str, String> = images.collect();
        let used = images.into_iter().filter_map(|(name, path)| {
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

    /// Makes what a machine reads and writes.
    fn volumes(
        &self,
        connect: &Connect,
        pool: &StoragePool,
        program: &[u8],
        host: &HostPlan,
    ) -> Result<Volumes, LibvirtError> {
        let (owner, cluster, instance) = (&self.settings.owner, &self.order.cluster, &self.order.instance);
        let name = owner.machine(instance, &host.name);
        let Sources { image, boot } = images::sources(pool, host)?;
        let of_image = |image| images::root(pool, image, &format!("{name}.qcow2"), host.cache_boot_image);
        let root = image.as_ref().map(of_image).transpose()?;
        let token = self.order.tokens.iter().find(|(of, _)| *of == host.name);
        let token = token.map_or("", |(_, token)| token.as_str());
        let content = drive::make(program, cluster, host, instance.as_str(), token)?;
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
        Ok(Volumes { boot, root, drive, disks })
    }

    fn machine(&self, connect: &Connect, host: &HostPlan, volumes: &Volumes) -> Result<(), LibvirtError> {
        let settings = self.settings;
        if self.cancelled.is_cancelled() {
            return Err(LibvirtError::Cancelled(self.order.instance.clone()));
        }
        let console = console(settings, &settings.owner.machine(&self.order.instance, &host.name));
        let machine = Machine {
            owner: &settings.owner,
            engine: &self.order.engine,
            instance: &self.order.instance,
            host,
            accelerator: settings.accelerator,
            native: &settings.native,
            emulator: settings.config.emulator.as_deref(),
            boot: volumes.boot.clone(),
            root: volumes.root.as_deref(),
            drive: &volumes.drive,
            disks: &volumes.disks,
            console: &console.to_string_lossy(),
            vnc: settings.config.vnc,
        };
        let definition = machine.definition().document();
        connect.create_domain_xml(&definition, 0).during(|| format!("start machine {}", host.name))?;
        Ok(())
    }
}

/// What a machine reads and writes, by paths.
#[derive(Debug)]
struct Volumes {
    boot: Option<Boot>,
    root: Option<String>,
    drive: String,
    /// With their serial numbers.
    disks: Vec<(String, String)>,
}

/// What a thread has done.
fn joined<T>(done: thread::Result<Result<T, LibvirtError>>) -> Result<T, LibvirtError> {
    done.unwrap_or_else(|_| {
        Err(LibvirtError::Unsuitable("a thread that made a machine broke off".to_owned()))
    })
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
        result = result.and(images::delete(&pool, volume));
    }
    for machine in machines {
        let _ = std::fs::remove_file(console(settings, machine));
    }
    result
}

fn is_of(volume: &str, machine: &str) -> bool {
    volume.strip_prefix(machine).is_some_and(|ending| ending.starts_with('.'))
}
