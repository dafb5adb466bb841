//! ## What it does
//! Reports a number in `vcpus` that is not a whole number from 1 to 64.
//!
//! ## Why is this bad?
//! The machine can't be made with it.
//!
//! ## Example
//! ```rhai
//! host.vcpus = 0;
//! ```
//!
//! ## How to fix
//! Write a whole number: `host.vcpus = 2;`. Leave it out for one virtual core.

use xrdtest_model::Severity;

use crate::draft::cluster::{Cluster, MOST_VCPUS, vcpus};
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT2022", "bad-vcpus", Severity::Error, include_str!("bad_vcpus.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    for host in cluster.each_host() {
        if let Some(text) = host.vcpus.as_ref().filter(|text| vcpus(text).is_none()) {
            let message = format!("`{}` is no number of virtual cores for {}", text.value, host.title());
            let help = format!("write a whole number from 1 to {MOST_VCPUS}");
            findings.add_with_help(&RULE, &text.place, message, help);
        }
    }
}
