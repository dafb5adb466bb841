//! ## What it does
//! Reports an address that two hosts have, or a host and the network itself.
//!
//! ## Why is this bad?
//! Which of the two answers is a matter of chance.
//!
//! ## Example
//! ```rhai
//! net.ip = "192.168.127.1";
//! let ds1 = Host("ds1.xrd.test", "192.168.127.1");
//! ```
//!
//! ## How to fix
//! Give each host an address of its own. The network's own address is the one of `master.xrd.test`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::Ipv4Addr;

use xrdtest_model::Severity;

use super::parsed;
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2004", "duplicate-address", Severity::Error, include_str!("duplicate_address.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let mut seen: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    if let Some(own) = parsed(cluster.network.ip.as_ref()) {
        seen.insert(own, "the network itself".to_owned());
    }
    for host in cluster.each_host() {
        let (Some(ip), Some(address)) = (&host.ip, parsed(host.ip.as_ref())) else {
            continue;
        };
        match seen.entry(address) {
            Entry::Occupied(owner) => {
                let message = format!("the address {address} belongs to {} already", owner.get());
                findings.add_with_help(&RULE, &ip.place, message, "give each host an address of its own");
            }
            Entry::Vacant(free) => {
                free.insert(host.title());
            }
        }
    }
}
