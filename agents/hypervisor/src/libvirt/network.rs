//! The network of an instance: a bridge with DHCP and DNS by libvirt.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use xrdtest_model::InstanceId;
use xrdtest_model::definition::Forward;
use xrdtest_model::plan::ClusterPlan;

use super::names::Owner;
use super::xml::Element;

/// The definition of an instance's network.
pub(super) fn definition(
    owner: &Owner,
    engine: &str,
    instance: &InstanceId,
    cluster: &ClusterPlan,
) -> Element {
    let network = &cluster.network;
    let mut ip = Element::new("ip").with("address", network.ip).with("prefix", network.prefix);
    ip = ip.of(dhcp(cluster));
    // Without the element libvirt forwards nothing.
    let forward = match network.forward {
        Forward::Nat => Some(Element::new("forward").with("mode", "nat")),
        Forward::Isolated => None,
    };
    Element::new("network")
        .of(Element::new("name").text(owner.network(instance)))
        .of(owner.metadata(engine, instance, None))
        .of_all(forward)
        .of(Element::new("bridge").with("name", &network.bridge_name).with("stp", "off").with("delay", "0"))
        .of(dns(cluster))
        .of(ip)
}

fn dhcp(cluster: &ClusterPlan) -> Element {
    let mut dhcp = Element::new("dhcp");
    if let Some((first, last)) = cluster.network.dhcp_range {
        dhcp = dhcp.of(Element::new("range").with("start", first).with("end", last));
    }
    dhcp.of_all(
        cluster.hosts.iter().map(|host| {
            Element::new("host").with("mac", &host.mac).with("name", &host.name).with("ip", host.ip)
        }),
    )
}

/// All names of the network. libvirt takes one entry per address.
fn dns(cluster: &ClusterPlan) -> Element {
    let mut names: BTreeMap<Ipv4Addr, Vec<String>> = BTreeMap::new();
    for (ip, of_it) in cluster.names() {
        let known = names.entry(ip).or_default();
        for name in of_it {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    Element::new("dns").of_all(names.into_iter().map(|(ip, names)| {
        let names = names.into_iter().map(|name| Element::new("hostname").text(name));
        Element::new("host").with("ip", ip).of_all(names)
    }))
}
