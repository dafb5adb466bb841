//! What a plan derives where a cluster's definition leaves it open: MAC addresses, bridge names, lengths of prefixes.

use std::net::Ipv4Addr;

use sha2::{Digest as _, Sha256};
use xrdtest_model::definition::{ClusterDefinition, Forward, HostDefinition, NetworkDefinition};
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan, NetworkPlan};

/// The cluster as it will be started; the error says which address can't be read. Of an external one nothing is made:
/// it has no network, and the addresses that it leaves out are 0.0.0.0.
pub(crate) fn plan_cluster(cluster: &ClusterDefinition) -> Result<ClusterPlan, String> {
    Ok(ClusterPlan {
        external: cluster.external,
        hypervisor: cluster.hypervisor.clone(),
        name: cluster.name.clone(),
        network: plan_network(cluster)?,
        hosts: cluster.hosts.iter().map(|host| plan_host(cluster, host)).collect::<Result<_, _>>()?,
    })
}

fn plan_network(cluster: &ClusterDefinition) -> Result<NetworkPlan, String> {
    let network = &cluster.network;
    if cluster.external {
        return Ok(NetworkPlan {
            name: network.name.clone(),
            bridge_name: bridge_name(network),
            ip: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
            dhcp_range: None,
            lb_alias: None,
            forward: Forward::default(),
        });
    }
    let dhcp_range = match &network.dhcp_range {
        Some((first, last)) => Some((address(first)?, address(last)?)),
        None => None,
    };
    let lb_alias = match &network.lb_alias {
        Some(alias) => {
            let hosts = cluster.hosts.iter().filter(|host| network.lb_hosts.contains(&host.name));
            let addresses = hosts.map(|host| address(&host.ip)).collect::<Result<_, _>>()?;
            Some((alias.clone(), addresses))
        }
        None => None,
    };
    Ok(NetworkPlan {
        name: network.name.clone(),
        bridge_name: bridge_name(network),
        ip: address(&network.ip)?,
        prefix: prefix(address(&network.netmask)?)
            .ok_or_else(|| format!("`{}` is not a netmask", network.netmask))?,
        dhcp_range,
        lb_alias,
        forward: network.forward,
    })
}

fn plan_host(cluster: &ClusterDefinition, host: &HostDefinition) -> Result<HostPlan, String> {
    Ok(HostPlan {
        name: host.name.clone(),
        ip: match cluster.external {
            true => address(&host.ip).unwrap_or(Ipv4Addr::UNSPECIFIED),
            false => address(&host.ip)?,
        },
        mac: host.mac.clone().unwrap_or_else(|| derive_mac(&cluster.name, &host.name)),
        uuid: host.uuid.clone(),
        ram_kib: host.ram_kib,
        arch: host.arch.clone(),
        boot_image: host.boot_image.clone(),
        cache_boot_image: host.cache_boot_image,
        vcpus: host.vcpus,
        kernel: host.kernel.clone(),
        initrd: host.initrd.clone(),
        cmdline: host.cmdline.clone(),
        emulator_path: host.emulator_path.clone(),
        aliases: host.aliases.clone(),
        in_dns: cluster.network.dns_hosts.contains(&host.name),
        disks: host
            .disks
            .iter()
            .map(|disk| DiskPlan {
                name: disk.name.clone(),
                bytes: disk.bytes,
                device: disk.device.clone(),
                mount_point: disk.mount_point.clone(),
                cache: disk.cache,
            })
            .collect(),
    })
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an IPv4 address"))
}

/// The length of the prefix that a netmask stands for; `None` where its ones are not all in front.
pub(crate) fn prefix(netmask: Ipv4Addr) -> Option<u8> {
    let bits = netmask.to_bits();
    let ones = bits.leading_ones();
    (ones == bits.count_ones()).then(|| u8::try_from(ones).ok())?
}

/// A MAC address for a host that has none: always the same for the same cluster and host, locally administered, not
/// multicast.
pub(crate) fn derive_mac(cluster: &str, host: &str) -> String {
    let digest = Sha256::digest(format!("mac\0{cluster}\0{host}"));
    let mut bytes = [digest[0], digest[1], digest[2], digest[3], digest[4], digest[5]];
    bytes[0] = bytes[0] & 0b1111_1100 | 0b10;
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

/// The network's bridge: as written, or derived from the network's name, 14 characters as in the original.
pub(crate) fn bridge_name(network: &NetworkDefinition) -> String {
    match &network.bridge_name {
        Some(name) => name.clone(),
        None => format!("virbr_{}", &hexadecimal(&network.name)[..8]),
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hexadecimal(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netmasks() {
        for (mask, expect) in [
            ("255.255.255.0", Some(24)),
            ("255.255.255.252", Some(30)),
            ("0.0.0.0", Some(0)),
            ("255.255.255.255", Some(32)),
            ("255.0.255.0", None),
        ] {
            assert_eq!(prefix(mask.parse().expect("an address")), expect, "{mask}");
        }
    }

    #[test]
    fn derived_addresses_stay_the_same() {
        let mac = derive_mac("cluster_001_mm", "ds1.xrd.test");
        assert_eq!(mac, derive_mac("cluster_001_mm", "ds1.xrd.test"));
        assert_ne!(mac, derive_mac("cluster_001_mm", "ds2.xrd.test"));
        let first = u8::from_str_radix(&mac[..2], 16).expect("hexadecimal");
        assert_eq!(first & 0b11, 0b10, "{mac} is locally administered and no multicast address");
    }
}
