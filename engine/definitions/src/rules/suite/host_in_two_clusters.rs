//! ## What it does
//! Reports a suite with several clusters in which two hosts have the same name.
//!
//! ## Why is this bad?
//! Outcomes, outputs and `machines` name hosts; nobody could tell which of the two is meant.
//!
//! ## Example
//! ```rhai
//! ts.clusters = ["cluster_001_mm", "cluster_002_frm"];    // both have a client1.xrd.test
//! ```
//!
//! ## How to fix
//! Rename one of the hosts in its cluster.

use std::collections::BTreeMap;

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Context;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT1012", "host-in-two-clusters", Severity::Error, include_str!("host_in_two_clusters.rs"));

pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for name in &suite.clusters {
        let Some(Some(cluster)) = context.clusters.get(name.value.as_str()) else {
            continue;
        };
        for host in cluster.host_names() {
            let first = seen.entry(host).or_insert(&name.value);
            if **first != name.value {
                let message =
                    format!("the clusters `{first}` and `{}` both have a host `{host}`", name.value);
                let help = "rename one of the hosts in its cluster";
                findings.add_with_help(&RULE, &name.place, message, help);
            }
        }
    }
}
