//! ## What it does
//! Reports a cluster to which no host was added.
//!
//! ## Why is this bad?
//! Nothing can run on it. The line that adds the hosts is easily forgotten, as they are added to the network too.
//!
//! ## Example
//! ```rhai
//! net.addHosts([ds1]);
//! cluster.network = net;
//! cluster                                 // no cluster.addHosts([ds1])
//! ```
//!
//! ## How to fix
//! Add `cluster.addHosts([…]);`.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT2002", "no-hosts", Severity::Error, include_str!("no_hosts.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    if cluster.hosts.is_empty() && cluster.object.lock().lacks_items("hosts") {
        findings.add_with_help(
            &RULE,
            &cluster.place,
            "the cluster has no hosts",
            "add them: `cluster.addHosts([…]);`",
        );
    }
}
