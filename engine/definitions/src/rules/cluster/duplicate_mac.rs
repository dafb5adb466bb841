//! ## What it does
//! Reports a MAC address that two hosts of a cluster have.
//!
//! ## Why is this bad?
//! Both would get the same lease, and frames would reach one of them by chance.
//!
//! ## Example
//! ```rhai
//! Host("ds1.xrd.test", "192.168.127.6", #{ mac: "00:08:30:30:98:34" });
//! Host("ds2.xrd.test", "192.168.127.7", #{ mac: "00:08:30:30:98:34" });
//! ```
//!
//! ## How to fix
//! Change one of them, or leave `mac` out: an address is derived from the names of cluster and host.

use std::collections::BTreeMap;

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2005", "duplicate-mac", Severity::Error, include_str!("duplicate_mac.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for host in cluster.each_host() {
        let Some(mac) = &host.mac else { continue };
        if let Some(owner) = seen.insert(mac.value.to_ascii_lowercase(), host.title()) {
            let message = format!("the MAC address `{}` belongs to {owner} already", mac.value);
            let help = "change one of them, or leave `mac` out to have one derived";
            findings.add_with_help(&RULE, &mac.place, message, help);
        }
    }
}
