//! ## What it does
//! Reports a cluster, network, host or disk without a mandatory field: a cluster's `name`; a network's `ip` and `netmask`;
//! a host's `name` and `ip`; a disk's `name` and `size`. In an external cluster names are enough.
//!
//! ## Why is this bad?
//! The machine or the network can't be made without it.
//!
//! ## Example
//! ```rhai
//! let ds1 = Host("ds1.xrd.test");        // no address
//! ```
//!
//! ## How to fix
//! Add the field. (A network's `name` may be left out: it is then the cluster's with `_net` behind it.)

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::language::object::Handle;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2001", "missing-cluster-field", Severity::Error, include_str!("missing_field.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let mut require = |object: &Handle, field: &str, place: &Place, whose: &str| {
        if object.lock().lacks(field) {
            let message = format!("{whose} has no `{field}`");
            findings.add_with_help(&RULE, place, message, format!("set its `{field}`"));
        }
    };
    require(&cluster.object, "name", &cluster.place, "the cluster");
    if cluster.external {
        for host in cluster.each_host() {
            require(&host.object, "name", &host.place, &host.title());
        }
        return;
    }
    let network = &cluster.network;
    for field in ["ip", "netmask"] {
        require(&network.object, field, &network.place, "the network");
    }
    for host in cluster.each_host() {
        for field in ["name", "ip"] {
            require(&host.object, field, &host.place, &host.title());
        }
        for disk in &host.disks {
            for field in ["name", "size"] {
                let whose = format!("a disk of {}", host.title());
                require(&disk.object, field, &disk.place, &whose);
            }
        }
    }
}
