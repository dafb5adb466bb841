//! ## What it does
//! Reports a host that is added to its cluster twice, a name that two hosts have, an alias that is another host's name, and
//! the name `master.xrd.test`, which is taken.
//!
//! ## Why is this bad?
//! Machines are known by their names: scripts would run on one of the two, or reach the other.
//!
//! ## Example
//! ```rhai
//! let ds1 = Host("ds1.xrd.test", "192.168.127.6");
//! let ds2 = Host("ds1.xrd.test", "192.168.127.7");       // copied, and not changed
//! ```
//!
//! ## How to fix
//! Give each host a name of its own. (An alias that several hosts share is allowed: it stands for all of them.)

use xrdtest_model::Severity;

use crate::draft::cluster::{Cluster, Host};
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2003", "duplicate-host", Severity::Error, include_str!("duplicate_host.rs"));

/// Where scripts reach the engine.
const MASTER: &str = "master.xrd.test";

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    for (index, host) in cluster.hosts.iter().enumerate() {
        let earlier = &cluster.hosts[..index];
        if earlier.iter().any(|other| other.object.is(&host.object)) {
            let message = format!("{} is added to the cluster twice", host.title());
            findings.add_with_help(&RULE, &host.added, message, "remove one of the two");
        } else if let Some(name) = &host.name {
            let same = |other: &&Host| other.name.as_ref().is_some_and(|it| it.value == name.value);
            if earlier.iter().any(|other| same(&other)) {
                let message = format!("two hosts have the name `{}`", name.value);
                findings.add_with_help(&RULE, &name.place, message, "give each host a name of its own");
            } else if name.value == MASTER {
                let message = format!("the name `{MASTER}` is taken: there scripts reach the engine");
                findings.add_with_help(&RULE, &name.place, message, "give the host another name");
            }
        }
        for alias in &host.aliases {
            let taken = alias.value == MASTER || cluster.host_names().any(|name| name == alias.value);
            if taken {
                let message = format!("the alias `{}` is the name of a machine already", alias.value);
                findings.add_with_help(&RULE, &alias.place, message, "choose another alias");
            }
        }
    }
}
