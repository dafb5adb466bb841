//! ## What it does
//! Reports an entry of `machines`, of the suite or of a case, that is no host of the suite's clusters, or that could be
//! several.
//!
//! ## Why is this bad?
//! The scripts would not run where they were meant to.
//!
//! ## Example
//! ```rhai
//! ts.machines = ["frm1", "dss1"];        // the host is ds1.xrd.test
//! ```
//!
//! ## How to fix
//! Use the name of a host as the cluster gives it. The part before the first dot is enough where it is unique.

use xrdtest_model::Severity;
use xrdtest_model::definition::short_name;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Context;
use crate::rules::Rule;
use crate::suggest::{list, nearest};

pub(crate) const RULE: Rule =
    Rule::new("XT1004", "unknown-machine", Severity::Error, include_str!("unknown_machine.rs"));

pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    let Some(hosts) = hosts_of(suite, context) else {
        return;
    };
    let of_cases = suite.tests.iter().flat_map(|case| &case.machines);
    for machine in suite.machines.iter().chain(of_cases) {
        let found = called(&hosts, &machine.value);
        match found.as_slice() {
            [_] => {}
            [] => {
                let names = hosts.iter().flat_map(|host| [*host, short_name(host)]);
                let help = nearest(&machine.value, names)
                    .map(|near| format!("did you mean `{near}`?"))
                    .unwrap_or_else(|| format!("the hosts of its clusters are {}", list(&hosts)));
                let message = format!("there is no host `{}` in the suite's clusters", machine.value);
                findings.add_with_help(&RULE, &machine.place, message, help);
            }
            several => {
                let message = format!("`{}` can be several hosts", machine.value);
                let help = format!("write the full name, one of {}", list(several));
                findings.add_with_help(&RULE, &machine.place, message, help);
            }
        }
    }
}

/// All hosts of the suite's clusters; `None` where a cluster is not known, as it might have the host.
pub(crate) fn hosts_of<'a>(suite: &Suite, context: &Context<'a>) -> Option<Vec<&'a str>> {
    let mut hosts = Vec::new();
    for name in &suite.clusters {
        let cluster = (*context.clusters.get(name.value.as_str())?)?;
        for host in cluster.host_names() {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    (!hosts.is_empty()).then_some(hosts)
}

/// The hosts that a name means: the one of that FQDN, else those of that short name.
pub(crate) fn called<'a>(hosts: &[&'a str], name: &str) -> Vec<&'a str> {
    let exact: Vec<&str> = hosts.iter().copied().filter(|host| *host == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    hosts.iter().copied().filter(|host| short_name(host) == name).collect()
}
