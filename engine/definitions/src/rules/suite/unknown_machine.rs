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

use std::collections::BTreeMap;

use xrdtest_model::Severity;
use xrdtest_model::definition::short_name;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Context;
use crate::rules::Rule;
use crate::suggest::{Suggestions, list};

pub(crate) const RULE: Rule =
    Rule::new("XT1004", "unknown-machine", Severity::Error, include_str!("unknown_machine.rs"));

/// Findings of one suite: cases may share long lists of machines, and nobody reads a million findings.
const MOST: usize = 200;

pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    let Some(hosts) = Hosts::of(suite, context) else {
        return;
    };
    let mut suggestions = Suggestions::default();
    let of_cases = suite.tests.iter().flat_map(|case| &case.machines);
    let not_one = |machine: &&Located<String>| !matches!(hosts.called(&machine.value), [_]);
    for machine in suite.machines.iter().chain(of_cases).filter(not_one).take(MOST) {
        match hosts.called(&machine.value) {
            [] => {
                let near = suggestions.nearest(&machine.value, hosts.named.keys().copied());
                let help = near.map_or_else(
                    || format!("the hosts of its clusters are {}", list(&hosts.all)),
                    |near| format!("did you mean `{near}`?"),
                );
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

/// The hosts of a suite's clusters.
pub(crate) struct Hosts<'a> {
    all: Vec<&'a str>,
    /// By FQDN and by short name.
    named: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Hosts<'a> {
    /// `None` where a cluster is not known, as it might have any host.
    pub(crate) fn of(suite: &Suite, context: &Context<'a>) -> Option<Self> {
        let mut hosts = Self { all: Vec::new(), named: BTreeMap::new() };
        for name in &suite.clusters {
            let cluster = (*context.clusters.get(name.value.as_str())?)?;
            for host in cluster.host_names() {
                hosts.add(host);
            }
        }
        (!hosts.all.is_empty()).then_some(hosts)
    }

    fn add(&mut self, host: &'a str) {
        let known = self.named.get(host).is_some_and(|hosts| hosts.contains(&host));
        if known {
            return;
        }
        self.all.push(host);
        self.named.entry(host).or_default().push(host);
        if short_name(host) != host {
            self.named.entry(short_name(host)).or_default().push(host);
        }
    }

    /// The hosts that a name means: the one of that FQDN, else those of that short name.
    pub(crate) fn called(&self, name: &str) -> &[&'a str] {
        let found = self.named.get(name).map_or(&[][..], Vec::as_slice);
        match found.iter().position(|host| *host == name) {
            Some(exact) => &found[exact..=exact],
            None => found,
        }
    }
}
