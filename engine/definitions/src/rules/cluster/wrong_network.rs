//! ## What it does
//! Reports a host whose `net` is not the name of its cluster's network.
//!
//! ## Why is this bad?
//! A cluster has one network, so the host would be in none.
//!
//! ## Example
//! ```rhai
//! net.name = "frm_net";
//! cluster.defaultHost.net = "frm";
//! ```
//!
//! ## How to fix
//! Write the network's name, or leave `net` out.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2018", "wrong-network", Severity::Error, include_str!("wrong_network.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let Some(network) = &cluster.network.name else {
        return;
    };
    for host in cluster.each_host() {
        if let Some(net) = host.net.as_ref().filter(|net| net.value != network.value) {
            let message = format!("`{}` is not the cluster's network, `{}`", net.value, network.value);
            let help = format!("write `{}`, or leave `net` out", network.value);
            findings.add_with_help(&RULE, &net.place, message, help);
        }
    }
}
