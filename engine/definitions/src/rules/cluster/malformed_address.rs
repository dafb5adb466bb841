//! ## What it does
//! Reports an address that is no IPv4 address, and a netmask that is none.
//!
//! ## Why is this bad?
//! The network can't be made.
//!
//! ## Example
//! ```rhai
//! net.ip = "192.168.127";
//! net.netmask = "255.0.255.0";
//! ```
//!
//! ## How to fix
//! Write four numbers from 0 to 255 with dots between them, without leading zeros. A netmask has all its ones in front:
//! `"255.255.255.0"`.

use xrdtest_model::Severity;

use super::{network_prefix, parsed};
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2006", "malformed-address", Severity::Error, include_str!("malformed_address.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let range = network.dhcp_range.iter().flat_map(|(first, last)| [first, last]);
    let hosts = cluster.each_host().filter_map(|host| host.ip.as_ref());
    for address in network.ip.iter().chain(range).chain(hosts) {
        if parsed(Some(address)).is_none() {
            let message = format!("`{}` is no IPv4 address", address.value);
            let help = "write four numbers from 0 to 255 with dots between them: `\"192.168.127.1\"`";
            findings.add_with_help(&RULE, &address.place, message, help);
        }
    }
    if let (Some(ip), Some(address)) = (&network.ip, parsed(network.ip.as_ref()))
        && (address.is_loopback()
            || address.is_multicast()
            || address.octets()[0] == 0
            || address.octets()[0] >= 240)
    {
        let message = format!("{address} can't be the address of a network of machines");
        let help = "take one of the private networks, such as 192.168.127.0/24";
        findings.add_with_help(&RULE, &ip.place, message, help);
    }
    if let Some(netmask) = &network.netmask
        && network_prefix(network).is_none()
    {
        let message = format!("`{}` is no netmask of a network with hosts", netmask.value);
        let help = "write for example `\"255.255.255.0\"`; it leaves at least two bits for hosts";
        findings.add_with_help(&RULE, &netmask.place, message, help);
    }
}
