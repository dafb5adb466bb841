//! ## What it does
//! Reports a network, a hypervisor, disks and other properties of machines in a cluster with `external = true`.
//!
//! ## Why is this bad?
//! The hosts of an external cluster are physical machines: nothing is made for it, so what describes something to be made
//! has no effect. Scripts that count on the disk would not find it.
//!
//! ## Example
//! ```rhai
//! cluster.external = true;
//! let pc1 = Host("pc1.example.org");
//! pc1.disks = [Disk("disk1", "20G", "vda", "/data")];
//! ```
//!
//! ## How to fix
//! Leave it out; `name` is all that a host needs. Or leave `external` out, if the machines are to be made.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::language::class::{HOST, NETWORK};
use crate::language::object::Handle;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2021", "nothing-is-made", Severity::Warning, include_str!("nothing_is_made.rs"));

/// What a physical machine may have in a definition.
const OF_HOSTS: [&str; 3] = ["name", "ip", "aliases"];

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let mut report = |place: &Place, what: String| {
        let message = format!("{what} has no effect: nothing is made in an external cluster");
        findings.add_with_help(&RULE, place, message, "leave it out");
    };
    for (_, place) in given(&cluster.object, ["hypervisor"].into_iter()) {
        report(&place, "`hypervisor`".to_owned());
    }
    // A new cluster comes with a network that has a name and nothing else.
    let network = given(&cluster.network.object, NETWORK.field_names().filter(|field| *field != "name"));
    if let Some((_, place)) = network.first() {
        report(place, "the network".to_owned());
    }
    let of_hosts = || HOST.field_names().filter(|field| !OF_HOSTS.contains(field));
    let default_host = cluster.object.lock().object("defaultHost");
    for (field, place) in default_host.iter().flat_map(|host| given(host, of_hosts())) {
        report(&place, format!("`{field}` of the default host"));
    }
    for host in cluster.each_host() {
        for (field, place) in given(&host.object, of_hosts()) {
            report(&place, format!("`{field}` of {}", host.title()));
        }
    }
}

/// The fields among these that are set, with their places.
fn given<'a>(object: &Handle, fields: impl Iterator<Item = &'a str>) -> Vec<(&'a str, Place)> {
    let object = object.lock();
    fields.filter_map(|field| Some((field, object.slot(field)?.origin.place()))).collect()
}
