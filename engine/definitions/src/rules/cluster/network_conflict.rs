//! ## What it does
//! Reports a network that shares its name, its bridge or addresses with the network of another cluster in the repository.
//!
//! ## Why is this bad?
//! The two clusters could not run side by side on one hypervisor. Of the two the one whose file comes first in the
//! alphabet stays usable.
//!
//! ## Example
//! A cluster that was copied, with a new name but the old `net.ip`.
//!
//! ## How to fix
//! Give each cluster a network name and a subnet of its own; leave `bridgeName` out, and it follows from the name.

use std::collections::BTreeMap;

use xrdtest_model::Severity;

use super::subnet::Subnet;
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2014", "network-conflict", Severity::Error, include_str!("network_conflict.rs"));

/// What the clusters before this one have taken.
#[derive(Default)]
pub(crate) struct Taken {
    /// By name of the network: the cluster, and where it says so.
    names: BTreeMap<String, (String, Place)>,
    bridges: BTreeMap<String, (String, Place)>,
    subnets: Vec<(Subnet, (String, Place))>,
}

pub(crate) fn check(cluster: &Cluster, taken: &mut Taken, findings: &mut Findings) {
    let own = &cluster.file.stem;
    let network = &cluster.network;
    let mut report = |place: &Place, what: String, (other, theirs): &(String, Place), help: &str| {
        let message = format!("{what} belongs to cluster `{other}` already");
        let there = format!("cluster `{other}` has it from here");
        findings.add_related(&RULE, place, message, help, (theirs, &there));
    };
    let taken_here = |place: &Place| (own.clone(), place.clone());
    if let Some(name) = &network.name {
        let what = format!("the network name `{}`", name.value);
        match taken.names.get(&name.value) {
            Some(other) => report(&name.place, what, other, "give this network another name"),
            None => drop(taken.names.insert(name.value.clone(), taken_here(&name.place))),
        }
    }
    if let Some(bridge) = &network.bridge_name {
        let what = format!("the bridge `{}`", bridge.value);
        let help = "give this network another bridge, or leave `bridgeName` out";
        match taken.bridges.get(&bridge.value) {
            Some(other) => report(&bridge.place, what, other, help),
            None => drop(taken.bridges.insert(bridge.value.clone(), taken_here(&bridge.place))),
        }
    }
    if let (Some(ip), Some(subnet)) = (&network.ip, Subnet::of(network)) {
        let overlap = taken.subnets.iter().find(|(other, _)| other.overlaps(&subnet));
        match overlap {
            Some((theirs, other)) => {
                let what = format!("the subnet {subnet} overlaps {theirs}, which");
                report(&ip.place, what, other, "give this cluster a subnet of its own");
            }
            None => taken.subnets.push((subnet, taken_here(&ip.place))),
        }
    }
}
