//! ## What it does
//! Reports a `uuid` that is none, and one that two hosts have.
//!
//! ## Why is this bad?
//! The machine can't be made: a hypervisor knows its machines by their UUIDs.
//!
//! ## Example
//! ```rhai
//! host.uuid = "1234";
//! ```
//!
//! ## How to fix
//! Write 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, or leave `uuid` out: each instance then gets a new one.

use std::collections::BTreeMap;

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT2013", "bad-uuid", Severity::Error, include_str!("bad_uuid.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for host in cluster.each_host() {
        let Some(uuid) = &host.uuid else { continue };
        let message = if !is_uuid(&uuid.value) {
            format!("`{}` is no UUID", uuid.value)
        } else if let Some(owner) = seen.insert(uuid.value.to_ascii_lowercase(), host.title()) {
            format!("the UUID `{}` belongs to {owner} already", uuid.value)
        } else {
            continue;
        };
        let help = "leave `uuid` out to have one made for each instance";
        findings.add_with_help(&RULE, &uuid.place, message, help);
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}
