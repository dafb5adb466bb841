//! A cluster with the places of its fields.

use xrdtest_model::definition::{
    ClusterDefinition, DiskDefinition, Forward, HostDefinition, NetworkDefinition, short_name,
};
use xrdtest_model::size::parse_size;

use super::DefinitionFile;
use super::suite::texts;
use crate::evaluate::Evaluated;
use crate::language::object::{Handle, Object, text_of};
use crate::place::{Located, Place};

/// Memory of a host that names none, in KiB.
const DEFAULT_RAM_KIB: u64 = 1 << 20;
/// Most virtual cores of a host.
pub(crate) const MOST_VCPUS: u32 = 64;

/// The words of `forward`.
pub(crate) const FORWARDS: [(&str, Forward); 2] = [("nat", Forward::Nat), ("isolated", Forward::Isolated)];

/// A cluster as written.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) file: DefinitionFile,
    /// The place for what is missing.
    pub(crate) place: Place,
    pub(crate) object: Handle,
    pub(crate) name: Option<Located<String>>,
    pub(crate) info: Option<String>,
    /// Its hosts are physical machines; nothing is made.
    pub(crate) external: bool,
    /// Name or label of the hypervisor that shall make it.
    pub(crate) hypervisor: Option<Located<String>>,
    pub(crate) network: Network,
    pub(crate) hosts: Vec<Host>,
}

/// A network as written.
#[derive(Debug)]
pub(crate) struct Network {
    /// `cluster.network = …`, or what stands for it.
    pub(crate) place: Place,
    pub(crate) object: Handle,
    pub(crate) name: Option<Located<String>>,
    pub(crate) bridge_name: Option<Located<String>>,
    pub(crate) ip: Option<Located<String>>,
    pub(crate) netmask: Option<Located<String>>,
    pub(crate) dhcp_range: Option<(Located<String>, Located<String>)>,
    pub(crate) lb_alias: Option<Located<String>>,
    pub(crate) lb_hosts: Vec<Located<String>>,
    pub(crate) forward: Option<Located<String>>,
    pub(crate) dhcp_hosts: Vec<Located<Handle>>,
    pub(crate) dns_hosts: Vec<Located<Handle>>,
}

/// A host as written, with what it lacks taken from `defaultHost`.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where it was made.
    pub(crate) place: Place,
    /// Where it was added to the cluster.
    pub(crate) added: Place,
    pub(crate) object: Handle,
    pub(crate) name: Option<Located<String>>,
    pub(crate) ip: Option<Located<String>>,
    pub(crate) net: Option<Located<String>>,
    pub(crate) mac: Option<Located<String>>,
    pub(crate) uuid: Option<Located<String>>,
    pub(crate) ram_size: Option<Located<String>>,
    pub(crate) arch: Option<String>,
    pub(crate) boot_image: Option<String>,
    pub(crate) cache_boot_image: bool,
    pub(crate) emulator_path: Option<String>,
    pub(crate) vcpus: Option<Located<String>>,
    pub(crate) kernel: Option<String>,
    pub(crate) initrd: Option<Located<String>>,
    pub(crate) cmdline: Option<String>,
    pub(crate) aliases: Vec<Located<String>>,
    pub(crate) disks: Vec<Disk>,
}

/// A disk as written.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) place: Place,
    pub(crate) object: Handle,
    pub(crate) name: Option<Located<String>>,
    pub(crate) size: Option<Located<String>>,
    pub(crate) device: Option<Located<String>>,
    pub(crate) mount_point: Option<Located<String>>,
    pub(crate) cache: bool,
}

impl Cluster {
    pub(crate) fn new(file: DefinitionFile, evaluated: Evaluated) -> Self {
        let handle = evaluated.object;
        let (name, info, external, hypervisor, network, network_place, default_host, hosts) = {
            let object = handle.lock();
            (
                object.text("name"),
                object.text("info").map(|info| info.value),
                object.flag("external").unwrap_or(false),
                object.text("hypervisor"),
                object.object("network"),
                object.slot("network").map(|slot| slot.origin.place()),
                object.object("defaultHost"),
                object.objects("hosts"),
            )
        };
        let place = evaluated.place;
        let fresh = |class| Handle::new(class, place.clone());
        let default_host = default_host.unwrap_or_else(|| fresh(&crate::language::class::HOST));
        let network = network.unwrap_or_else(|| fresh(&crate::language::class::NETWORK));
        let network_place = network_place.unwrap_or_else(|| place.clone());
        Self {
            network: Network::new(network, network_place, name.as_ref()),
            hosts: hosts.into_iter().map(|host| Host::new(host, &default_host, &place)).collect(),
            file,
            place,
            object: handle,
            name,
            info,
            external,
            hypervisor,
        }
    }

    /// The hosts, each once: one that was added twice is not a duplicate of itself.
    pub(crate) fn each_host(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().enumerate().filter_map(|(index, host)| {
            let added_before = self.hosts[..index].iter().any(|earlier| earlier.object.is(&host.object));
            (!added_before).then_some(host)
        })
    }

    /// The hosts that a name means: the host of that FQDN, else all hosts of that short name.
    pub(crate) fn hosts_called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let exact = self.host_names().any(|host| host == name);
        self.host_names().filter(move |host| *host == name || !exact && short_name(host) == name)
    }

    pub(crate) fn host_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.hosts.iter().filter_map(|host| host.name.as_ref().map(|name| name.value.as_str()))
    }

    /// The cluster for the catalogue.
    pub(crate) fn to_model(&self, repository: &str, broken: bool) -> ClusterDefinition {
        let network = self.network.to_model(self);
        ClusterDefinition {
            external: self.external,
            hypervisor: self.hypervisor.as_ref().map(|wanted| wanted.value.clone()),
            name: self.file.stem.clone(),
            info: self.info.clone(),
            hosts: self.hosts.iter().map(|host| host.to_model(&network.name)).collect(),
            network,
            source: self.file.source(repository, broken),
        }
    }
}

impl Network {
    fn new(handle: Handle, place: Place, cluster: Option<&Located<String>>) -> Self {
        let object = handle.lock();
        let mut range = object.texts("DHCPRange").into_iter();
        let network = Self {
            place,
            object: handle.clone(),
            name: object.text("name").or_else(|| {
                cluster
                    .map(|name| Located { value: format!("{}_net", name.value), place: name.place.clone() })
            }),
            bridge_name: object.text("bridgeName"),
            ip: object.text("ip"),
            netmask: object.text("netmask"),
            dhcp_range: range.next().zip(range.next()),
            lb_alias: object.text("lbAlias"),
            lb_hosts: Vec::new(),
            forward: object.text("forward"),
            dhcp_hosts: object.objects("DHCPHosts"),
            dns_hosts: object.objects("DnsHosts"),
        };
        let balanced = object.items("lbHosts");
        // Hosts are objects of their own: no two guards at once.
        drop(object);
        let lb_hosts = balanced.into_iter().filter_map(|item| {
            let name = match Handle::of(&item.value) {
                Some(host) => host.lock().text("name").map(|name| name.value),
                None => text_of(&item.value),
            };
            name.map(|value| Located { value, place: item.place })
        });
        Self { lb_hosts: lb_hosts.collect(), ..network }
    }

    /// Whether hosts were added to the network at all; if none was, all hosts of the cluster belong to it.
    pub(crate) fn lists_hosts(&self) -> bool {
        !self.dhcp_hosts.is_empty() || !self.dns_hosts.is_empty()
    }

    fn to_model(&self, cluster: &Cluster) -> NetworkDefinition {
        let text = |field: &Option<Located<String>>| field.as_ref().map(|text| text.value.clone());
        let names = |listed: &[Located<Handle>]| -> Vec<String> {
            if !self.lists_hosts() {
                return cluster.host_names().map(str::to_owned).collect();
            }
            let mut names = Vec::new();
            for host in listed {
                if let Some(name) = host.value.lock().text("name")
                    && !names.contains(&name.value)
                {
                    names.push(name.value);
                }
            }
            names
        };
        let lb_hosts = texts(&self.lb_hosts).into_iter().map(|name| {
            let found = cluster.hosts_called(&name).next().map(str::to_owned);
            found.unwrap_or(name)
        });
        NetworkDefinition {
            name: text(&self.name).unwrap_or_default(),
            bridge_name: text(&self.bridge_name),
            ip: text(&self.ip).unwrap_or_default(),
            netmask: text(&self.netmask).unwrap_or_default(),
            dhcp_range: self
                .dhcp_range
                .as_ref()
                .map(|(first, last)| (first.value.clone(), last.value.clone())),
            lb_alias: text(&self.lb_alias),
            lb_hosts: lb_hosts.collect(),
            forward: self.forward.as_ref().and_then(forward).unwrap_or_default(),
            dhcp_hosts: names(&self.dhcp_hosts),
            dns_hosts: names(&self.dns_hosts),
        }
    }
}

impl Host {
    /// What has no place of its own, as the standard library made it, has `unknown` for one: where the host was added
    /// is nearer.
    fn new(added: Located<Handle>, default_host: &Handle, unknown: &Place) -> Self {
        let nearer = |place: Place| if place == *unknown { added.place.clone() } else { place };
        let handle = added.value.clone();
        // No two guards at once: a definition may well add its default host as a host.
        let text = |field: &str| {
            let own = handle.lock().text(field);
            own.or_else(|| default_host.lock().text(field))
        };
        let holder = |field: &str| {
            if handle.lock().slot(field).is_some() { handle.clone() } else { default_host.clone() }
        };
        let value = |field: &str| text(field).map(|text| text.value);
        let own_flag = handle.lock().flag("cacheBootImage");
        let flag = own_flag.or_else(|| default_host.lock().flag("cacheBootImage"));
        let disks = holder("disks").lock().objects("disks");
        let aliases = holder("aliases").lock().texts("aliases");
        let own = handle.lock();
        let own_text = |field: &str| {
            let text = own.text(field)?;
            Some(Located { place: nearer(text.place), value: text.value })
        };
        let place = nearer(own.made.clone());
        let (name, ip) = (own_text("name"), own_text("ip"));
        let (mac, uuid) = (own_text("mac"), own_text("uuid"));
        drop(own);
        Self {
            place,
            added: added.place,
            name,
            ip,
            mac,
            uuid,
            net: text("net"),
            ram_size: text("ramSize"),
            arch: value("arch"),
            boot_image: value("bootImage"),
            cache_boot_image: flag.unwrap_or(true),
            emulator_path: value("emulatorPath"),
            vcpus: text("vcpus"),
            kernel: value("kernel"),
            initrd: text("initrd"),
            cmdline: value("cmdline"),
            aliases,
            disks: disks.into_iter().map(Disk::new).collect(),
            object: handle,
        }
    }

    /// The host for people, where it has no name yet.
    pub(crate) fn title(&self) -> String {
        self.name.as_ref().map_or_else(|| "this host".to_owned(), |name| format!("host `{}`", name.value))
    }

    fn to_model(&self, network: &str) -> HostDefinition {
        let text = |field: &Option<Located<String>>| field.as_ref().map(|text| text.value.clone());
        HostDefinition {
            name: text(&self.name).unwrap_or_default(),
            ip: text(&self.ip).unwrap_or_default(),
            net: text(&self.net).unwrap_or_else(|| network.to_owned()),
            mac: text(&self.mac).map(|mac| mac.to_ascii_lowercase()),
            uuid: text(&self.uuid).map(|uuid| uuid.to_ascii_lowercase()),
            ram_kib: self
                .ram_size
                .as_ref()
                .and_then(|size| parse_size(&size.value, 1024).ok())
                .map_or(DEFAULT_RAM_KIB, |bytes| bytes / 1024),
            arch: self.arch.clone(),
            boot_image: self.boot_image.clone(),
            cache_boot_image: self.cache_boot_image,
            emulator_path: self.emulator_path.clone(),
            vcpus: self.vcpus.as_ref().and_then(vcpus).unwrap_or(1),
            kernel: self.kernel.clone(),
            initrd: text(&self.initrd),
            cmdline: self.cmdline.clone(),
            aliases: texts(&self.aliases),
            disks: self.disks.iter().map(Disk::to_model).collect(),
        }
    }
}

/// The number of cores in a text; `None` where it is none that a host can have.
pub(crate) fn vcpus(text: &Located<String>) -> Option<u32> {
    let digits = text.value.bytes().all(|byte| byte.is_ascii_digit());
    text.value.parse().ok().filter(|count| digits && (1..=MOST_VCPUS).contains(count))
}

/// What a text in `forward` stands for; `None` where that is nothing.
pub(crate) fn forward(text: &Located<String>) -> Option<Forward> {
    FORWARDS.iter().find(|(word, _)| *word == text.value).map(|(_, forward)| *forward)
}

impl Disk {
    fn new(listed: Located<Handle>) -> Self {
        let handle = listed.value;
        let object: &Object = &handle.lock();
        Self {
            place: object.made.clone(),
            object: handle.clone(),
            name: object.text("name"),
            size: object.text("size"),
            device: object.text("device"),
            mount_point: object.text("mountPoint"),
            cache: object.flag("cache").unwrap_or(true),
        }
    }

    /// `/dev/vda` and `vda` are the same device.
    pub(crate) fn device_name(&self) -> &str {
        let device = self.device.as_ref().map_or("vda", |device| device.value.as_str());
        device.strip_prefix("/dev/").unwrap_or(device)
    }

    pub(crate) fn mount_path(&self) -> &str {
        self.mount_point.as_ref().map_or("/data", |path| path.value.as_str())
    }

    fn to_model(&self) -> DiskDefinition {
        let size = self.size.as_ref().map(|size| size.value.clone()).unwrap_or_default();
        DiskDefinition {
            name: self.name.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
            bytes: parse_size(&size, 1).unwrap_or(0),
            size,
            device: self.device_name().to_owned(),
            mount_point: self.mount_path().to_owned(),
            cache: self.cache,
        }
    }
}
