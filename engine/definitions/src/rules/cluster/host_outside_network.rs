//! ## What it does
//! Reports a host whose address lies outside its network, or is the network's first or last address, which no host can
//! have.
//!
//! ## Why is this bad?
//! The host can't be reached by the others.
//!
//! ## Example
//! ```rhai
//! net.ip = "192.168.127.1";  net.netmask = "255.255.255.0";
//! let ds1 = Host("ds1.xrd.test", "192.168.128.6");
//! ```
//!
//! ## How to fix
//! Give the host an address of the network named.

use xrdtest_model::Severity;

use super::parsed;
use super::subnet::Subnet;
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2007", "host-outside-network", Severity::Error, include_str!("host_outside_network.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let Some(subnet) = Subnet::of(&cluster.network) else {
        return;
    };
    if let (Some(ip), Some(address)) = (&cluster.network.ip, parsed(cluster.network.ip.as_ref()))
        && !subnet.has_host(address)
    {
        let message = format!("{address} can't be an address of the network {subnet}");
        let help = "the first and the last address of a network belong to nobody";
        findings.add_with_help(&RULE, &ip.place, message, help);
    }
    for host in cluster.each_host() {
        let (Some(ip), Some(address)) = (&host.ip, parsed(host.ip.as_ref())) else {
            continue;
        };
        if !subnet.has_host(address) {
            let message =
                format!("{address} of {} is no address of a host in the network {subnet}", host.title());
            let (first, last) = subnet.hosts();
            let help = format!("its hosts have addresses from {first} to {last}");
            findings.add_with_help(&RULE, &ip.place, message, help);
        }
    }
}
