//! ## What it does
//! Reports a value of a network's `forward` that has no meaning.
//!
//! ## Why is this bad?
//! Machines would reach more, or less, than their scripts count on.
//!
//! ## Example
//! ```rhai
//! net.forward = "route";
//! ```
//!
//! ## How to fix
//! Use `"nat"` (machines reach what the hypervisor's machine reaches; the default) or `"isolated"` (only each other).

use xrdtest_model::Severity;

use crate::draft::cluster::{Cluster, FORWARDS, forward};
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::did_you_mean;

pub(crate) const RULE: Rule =
    Rule::new("XT2024", "bad-forward", Severity::Error, include_str!("bad_forward.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    if let Some(text) = cluster.network.forward.as_ref().filter(|text| forward(text).is_none()) {
        let message = format!("`{}` is no way to forward", text.value);
        let help = did_you_mean(&text.value, FORWARDS.map(|(word, _)| word), "`forward` is one of");
        findings.push(&RULE, &text.place, message, help);
    }
}
