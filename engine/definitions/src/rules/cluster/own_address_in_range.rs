//! ## What it does
//! Reports a network whose own address lies in its DHCP range.
//!
//! ## Why is this bad?
//! The address could be given to a machine, and `master.xrd.test` would no longer be reached. (A host's own address may
//! lie in the range: it is reserved for the host.)
//!
//! ## Example
//! ```rhai
//! net.ip = "192.168.127.1";
//! net.DHCPRange = ["192.168.127.1", "192.168.127.254"];
//! ```
//!
//! ## How to fix
//! Let the range begin behind the network's own address.

use xrdtest_model::Severity;

use super::parsed;
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new(
    "XT2008",
    "own-address-in-dhcp-range",
    Severity::Error,
    include_str!("own_address_in_range.rs"),
);

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    let Some((first_text, last_text)) = &network.dhcp_range else {
        return;
    };
    let own = parsed(network.ip.as_ref());
    let (first, last) = (parsed(Some(first_text)), parsed(Some(last_text)));
    if let (Some(own), Some(first), Some(last)) = (own, first, last)
        && (first..=last).contains(&own)
    {
        // The end that is nearer to the address is the one to move.
        let at_end = own.to_bits() - first.to_bits() > last.to_bits() - own.to_bits();
        let place = if at_end { &last_text.place } else { &first_text.place };
        let message = format!("the DHCP range {first} to {last} holds the network's own address {own}");
        let help = "let the range begin behind that address, or end before it";
        findings.add_with_help(&RULE, place, message, help);
    }
}
