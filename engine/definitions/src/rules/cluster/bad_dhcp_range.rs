//! ## What it does
//! Reports a DHCP range that leaves its network or ends before it begins.
//!
//! ## Why is this bad?
//! The network can't be made.
//!
//! ## Example
//! ```rhai
//! net.DHCPRange = ["192.168.127.254", "192.168.127.2"];
//! ```
//!
//! ## How to fix
//! Write the first and the last address, both in the network.

use xrdtest_model::Severity;

use super::parsed;
use super::subnet::Subnet;
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2009", "bad-dhcp-range", Severity::Error, include_str!("bad_dhcp_range.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let Some((first_text, last_text)) = &cluster.network.dhcp_range else {
        return;
    };
    let (Some(first), Some(last)) = (parsed(Some(first_text)), parsed(Some(last_text))) else {
        return;
    };
    if first > last {
        let message = format!("the DHCP range ends at {last}, before it begins at {first}");
        findings.add_with_help(&RULE, &last_text.place, message, "write the lower address first");
    }
    let Some(subnet) = Subnet::of(&cluster.network) else {
        return;
    };
    for (text, address) in [(first_text, first), (last_text, last)] {
        if !subnet.has_host(address) {
            let (lowest, highest) = subnet.hosts();
            let message =
                format!("{address} of the DHCP range is no address of a host in the network {subnet}");
            let help = format!("its hosts have addresses from {lowest} to {highest}");
            findings.add_with_help(&RULE, &text.place, message, help);
        }
    }
}
