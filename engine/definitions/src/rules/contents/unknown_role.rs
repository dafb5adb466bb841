//! ## What it does
//! Reports a name that a script gives to `role`, of `functions.sh`, and that no machine of the suite's clusters has, be it
//! the full or the short name of a host or an alias.
//!
//! ## Why is this bad?
//! What follows is done on no machine: the script does nothing, and passes.
//!
//! ## Example
//! ```bash
//! role clinet1 && xrdcp /tmp/file root://srv1.xrd.test//data/file
//! ```
//!
//! ## How to fix
//! Correct the name. In a script outside of the suite's folder, which other suites may share, machines of all clusters of
//! the repository count. Names with variables, tags or patterns in them are not looked at, so `role 'gpu*'` may stand for
//! no machine of this cluster.

use std::collections::BTreeSet;

use xrdtest_model::Severity;
use xrdtest_model::definition::short_name;

use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Context;
use crate::rules::Rule;
use crate::suggest::{Suggestions, list};

pub(crate) const RULE: Rule =
    Rule::new("XT5007", "unknown-role", Severity::Warning, include_str!("unknown_role.rs"));

/// The names that machines go by.
pub(crate) struct Roles<'a> {
    /// Of the suite's clusters; `None` where one of these is not known, as it might have any.
    own: Option<BTreeSet<&'a str>>,
    hosts: Vec<&'a str>,
}

impl<'a> Roles<'a> {
    pub(crate) fn of(suite: &Suite, context: &Context<'a>) -> Self {
        let known = |name: &str| *context.clusters.get(name)?;
        let clusters: Option<Vec<&Cluster>> = suite.clusters.iter().map(|name| known(&name.value)).collect();
        let clusters = clusters.filter(|clusters| !clusters.is_empty());
        let hosts = clusters.iter().flatten().flat_map(|cluster| cluster.host_names()).collect();
        Self { own: clusters.map(|clusters| clusters.into_iter().flat_map(names).collect()), hosts }
    }
}

/// Names of a cluster's machines: full, short, aliases.
fn names(cluster: &Cluster) -> impl Iterator<Item = &str> {
    let of_host = cluster.hosts.iter().flat_map(|host| host.name.iter().chain(&host.aliases));
    of_host.flat_map(|name| [name.value.as_str(), short_name(&name.value)])
}

/// `is_shared`: the script lies outside of the suite's folder.
pub(crate) fn check(
    findings: &mut Findings,
    place: &Place,
    name: &str,
    roles: &Roles<'_>,
    is_shared: bool,
    context: &Context<'_>,
    suggestions: &mut Suggestions,
) {
    let Some(own) = roles.own.as_ref().filter(|own| !own.contains(name)) else { return };
    let of_repository: BTreeSet<&str> = match is_shared {
        // A cluster that could not be evaluated might have it.
        true if context.clusters.values().any(Option::is_none) => return,
        true => context.clusters.values().flatten().flat_map(|cluster| names(cluster)).collect(),
        false => BTreeSet::new(),
    };
    if of_repository.contains(name) {
        return;
    }
    // The same words for all suites that share a script.
    let whose = if is_shared { "repository" } else { "suite" };
    let help = match suggestions.nearest(name, own.union(&of_repository).copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if is_shared => None,
        None => Some(format!("the hosts of the suite's clusters are {}", list(&roles.hosts))),
    };
    findings.push(&RULE, place, format!("no machine of the {whose}'s clusters is called `{name}`"), help);
}
