//! What can't work is found before anything is made (manual: validateDynamic): images, disks, memory, and a network that
//! is in use.

use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrIn;
use virt::connect::Connect;
use virt::storage_pool::StoragePool;
use xrdtest_model::plan::{ClusterPlan, NetworkPlan};
use xrdtest_model::size::human_bytes;

use super::error::{During, LibvirtError};
use super::images;
use super::instance::Settings;

/// Says what of a cluster can't be made here, in words. Blocks.
pub(super) fn check(
    settings: &Settings,
    connect: &Connect,
    pool: &StoragePool,
    cluster: &ClusterPlan,
) -> Result<(), LibvirtError> {
    for host in &cluster.hosts {
        images::sources(pool, host)?;
    }
    disks(pool, cluster)?;
    memory(settings, connect, cluster)?;
    for other in networks(connect)? {
        conflict(&cluster.network, &other)?;
    }
    Ok(())
}

fn disks(pool: &StoragePool, cluster: &ClusterPlan) -> Result<(), LibvirtError> {
    let mut disks = cluster.hosts.iter().flat_map(|host| host.disks.iter().map(move |disk| (host, disk)));
    if let Some((host, disk)) = disks.clone().find(|(_, disk)| disk.bytes == 0) {
        return unsuitable(format!("disk {} of {} has 0 bytes", disk.name, host.name));
    }
    let room = pool.info().during(|| "look at the storage pool".to_owned())?;
    // Disks take what is written; but one that is larger than the whole pool is a mistake.
    if let Some((host, disk)) = disks.find(|(_, disk)| disk.bytes > room.capacity) {
        return unsuitable(format!(
            "disk {} of {} has {}, the whole storage pool {} {}",
            disk.name,
            host.name,
            human_bytes(disk.bytes),
            pool.name().unwrap_or_default(),
            human_bytes(room.capacity)
        ));
    }
    Ok(())
}

fn memory(settings: &Settings, connect: &Connect, cluster: &ClusterPlan) -> Result<(), LibvirtError> {
    let node = connect.node_info().during(|| "look at libvirt's machine".to_owned())?;
    let reserve = settings.config.reserve.memory.0;
    let times = settings.config.overcommit.memory;
    let has = (node.memory << 10).saturating_sub(reserve).saturating_mul(times.into());
    let wanted = cluster.room().memory_kib << 10;
    if wanted > has {
        return unsuitable(format!(
            "not enough memory: the machines of {} need {}, libvirt's machine has {} for all",
            cluster.name,
            human_bytes(wanted),
            human_bytes(has)
        ));
    }
    Ok(())
}

/// A network that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    /// `libvirt's network default`, `this machine's interface eth0`.
    what: String,
    /// The interface's, or the bridge's.
    device: Option<String>,
    addresses: Vec<(Ipv4Addr, u8)>,
}

/// Those of libvirt and those of this machine.
fn networks(connect: &Connect) -> Result<Vec<Taken>, LibvirtError> {
    let mut taken = Vec::new();
    for name in connect.list_networks().during(|| "list networks".to_owned())? {
        // It may be gone by now.
        let Ok(network) = connect.lookup_network_by_name(&name) else { continue };
        taken.extend(network.xml_desc(0).ok().and_then(|text| described(&name, &text)));
    }
    let interfaces = getifaddrs().map_err(|error| {
        LibvirtError::Unsuitable(format!("this machine's networks can't be listed: {error}"))
    })?;
    for interface in interfaces {
        let name = interface.interface_name;
        let address = interface.address.and_then(|address| address.as_sockaddr_in().map(SockaddrIn::ip));
        let mask = interface.netmask.and_then(|mask| mask.as_sockaddr_in().map(SockaddrIn::ip));
        let prefix = mask.map(|mask| u32::from(mask).leading_ones()).and_then(|ones| u8::try_from(ones).ok());
        taken.push(Taken {
            what: format!("this machine's interface {name}"),
            device: Some(name),
            addresses: address.zip(prefix).into_iter().collect(),
        });
    }
    Ok(taken)
}

/// A network from libvirt's description of it.
fn described(name: &str, text: &str) -> Option<Taken> {
    let document = roxmltree::Document::parse(text).ok()?;
    let children = || document.root_element().children();
    let bridge = children().find(|node| node.has_tag_name("bridge"));
    let addresses = children().filter(|node| node.has_tag_name("ip")).filter_map(|node| {
        let address: Ipv4Addr = node.attribute("address")?.parse().ok()?;
        let mask = || -> Option<u8> {
            let mask: Ipv4Addr = node.attribute("netmask")?.parse().ok()?;
            u8::try_from(u32::from(mask).leading_ones()).ok()
        };
        let prefix = node.attribute("prefix").and_then(|prefix| prefix.parse().ok()).or_else(mask);
        // Without either libvirt takes the address's class.
        Some((address, prefix.unwrap_or(24)))
    });
    Some(Taken {
        what: format!("libvirt's network {name}"),
        device: bridge.and_then(|node| node.attribute("name")).map(str::to_owned),
        addresses: addresses.collect(),
    })
}

fn conflict(wanted: &NetworkPlan, taken: &Taken) -> Result<(), LibvirtError> {
    let Taken { what, device, addresses } = taken;
    if device.as_ref() == Some(&wanted.bridge_name) {
        return unsuitable(format!(
            "bridge {} of network {} exists already: {what}",
            wanted.bridge_name, wanted.name
        ));
    }
    let own = (wanted.ip, wanted.prefix);
    match addresses.iter().find(|other| overlap(own, **other)) {
        Some((address, prefix)) => unsuitable(format!(
            "the addresses {}/{} of network {} are in use already: {what} has {address}/{prefix}",
            wanted.ip, wanted.prefix, wanted.name
        )),
        None => Ok(()),
    }
}

fn overlap((one, one_prefix): (Ipv4Addr, u8), (other, other_prefix): (Ipv4Addr, u8)) -> bool {
    let prefix = u32::from(one_prefix.min(other_prefix).min(32));
    let network = |ip: Ipv4Addr| u32::from(ip).checked_shr(32 - prefix).unwrap_or(0);
    network(one) == network(other)
}

fn unsuitable(words: String) -> Result<(), LibvirtError> {
    Err(LibvirtError::Unsuitable(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libvirt::tests::cluster;

    fn taken(device: &str, addresses: &[(&str, u8)]) -> Taken {
        let addresses = addresses.iter().map(|(ip, prefix)| (ip.parse().unwrap(), *prefix)).collect();
        Taken { what: "it".to_owned(), device: Some(device.to_owned()), addresses }
    }

    #[test]
    fn networks_that_are_there_are_seen() {
        let network = cluster().network;
        for (other, words) in [
            (taken("virbr_frm", &[]), Some("bridge virbr_frm of network frm_net exists already: it")),
            (
                taken("eth0", &[("10.0.0.1", 8), ("192.168.0.7", 16)]),
                Some(
                    "the addresses 192.168.127.1/24 of network frm_net are in use already: it has 192.168.0.7/16",
                ),
            ),
            (taken("eth0", &[("192.168.127.200", 30)]), Some("are in use already")),
            (taken("eth0", &[("192.168.126.1", 24)]), None),
            (taken("lo", &[("127.0.0.1", 8)]), None),
        ] {
            let said = conflict(&network, &other).map_err(|error| error.to_string());
            match words {
                Some(words) => assert!(said.as_ref().is_err_and(|said| said.contains(words)), "{said:?}"),
                None => assert_eq!(said, Ok(()), "{other:?}"),
            }
        }
    }

    #[test]
    fn libvirts_descriptions_are_read() {
        let text = "<network>\n <name>x</name>\n <bridge stp='off' name=\"virbr7\"/>\n \
                    <ip address='10.1.2.3' netmask='255.255.0.0'><dhcp/></ip>\n \
                    <ip family='ipv6' address='fc00::1' prefix='64'/>\n <ip prefix='28' address='10.9.0.1'/></network>";
        let expect = taken("virbr7", &[("10.1.2.3", 16), ("10.9.0.1", 28)]);
        assert_eq!(described("x", text), Some(Taken { what: "libvirt's network x".to_owned(), ..expect }));
        assert_eq!(described("x", "<network"), None);
    }
}
