//! ## What it does
//! Reports a host that was added to the network and not to the cluster, or to the cluster and not to the network.
//!
//! ## Why is this bad?
//! In the first case there is no such machine; in the second the others don't find it by its name. (If no host at all is
//! added to the network, all hosts of the cluster belong to it.)
//!
//! ## Example
//! ```rhai
//! net.addHosts([ds1, ds2]);
//! cluster.addHosts([ds1]);
//! ```
//!
//! ## How to fix
//! Keep the hosts in one array, and give it to both.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2020", "host-lists-differ", Severity::Warning, include_str!("host_lists_differ.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    if !network.lists_hosts() || cluster.hosts.is_empty() {
        return;
    }
    for listed in network.dhcp_hosts.iter().chain(&network.dns_hosts) {
        if !cluster.hosts.iter().any(|host| host.object.is(&listed.value)) {
            let name = listed.value.lock().text("name").map_or_else(String::new, |name| name.value);
            let message = format!("host `{name}` is added to the network, but not to the cluster");
            findings.add_with_help(&RULE, &listed.place, message, "add it to the cluster too");
        }
    }
    for host in cluster.each_host() {
        let mut listed = network.dhcp_hosts.iter().chain(&network.dns_hosts);
        if !listed.any(|listed| listed.value.is(&host.object)) {
            let message = format!("{} is added to the cluster, but not to the network", host.title());
            findings.add_with_help(&RULE, &host.added, message, "add it to the network too");
        }
    }
}
