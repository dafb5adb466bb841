//! ## What it does
//! Reports an entry of `lbHosts` that is no host of the cluster, a `lbAlias` without `lbHosts` and the reverse, and a
//! `lbAlias` that is the name of a machine.
//!
//! ## Why is this bad?
//! The balanced name would stand for nothing, or for other machines than meant.
//!
//! ## Example
//! ```rhai
//! net.lbAlias = "lb.xrd.test";
//! net.lbHosts = ["ds1", "ds9"];          // there is no ds9
//! ```
//!
//! ## How to fix
//! Set both, and list hosts that are added to the cluster.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::{Suggestions, list};

pub(crate) const RULE: Rule =
    Rule::new("XT2019", "bad-balanced-alias", Severity::Error, include_str!("bad_balanced_alias.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let network = &cluster.network;
    match &network.lb_alias {
        Some(alias) if network.lb_hosts.is_empty() && network.object.lock().lacks_items("lbHosts") => {
            let message = format!("the balanced alias `{}` stands for no hosts", alias.value);
            findings.add_with_help(&RULE, &alias.place, message, "set `lbHosts` too");
        }
        Some(alias) => {
            let taken = cluster.host_names().any(|name| name == alias.value);
            if taken || alias.value == "master.xrd.test" {
                let message =
                    format!("the balanced alias `{}` is the name of a machine already", alias.value);
                findings.add_with_help(&RULE, &alias.place, message, "choose another alias");
            }
        }
        None => {
            if let Some(first) = network.lb_hosts.first()
                && network.object.lock().lacks("lbAlias")
            {
                let message = "`lbHosts` has no effect without `lbAlias`";
                findings.add_with_help(&RULE, &first.place, message, "set `lbAlias` too");
            }
        }
    }
    let mut suggestions = Suggestions::default();
    for host in &network.lb_hosts {
        if cluster.hosts_called(&host.value).next().is_none() {
            let message = format!("`{}` is no host of this cluster", host.value);
            let near = suggestions.nearest(&host.value, cluster.host_names());
            let help = near.map_or_else(
                || format!("its hosts are {}", list(&cluster.host_names().collect::<Vec<_>>())),
                |near| format!("did you mean `{near}`?"),
            );
            findings.add_with_help(&RULE, &host.place, message, help);
        }
    }
}
