//! ## What it does
//! Reports a `bridgeName` that no network interface can have.
//!
//! ## Why is this bad?
//! Linux allows at most 15 characters, and no blanks, slashes or colons.
//!
//! ## Example
//! ```rhai
//! net.bridgeName = "virbr_cluster_001_mm";
//! ```
//!
//! ## How to fix
//! Shorten it, or leave it out: a name is derived from the network's.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2011", "bad-bridge-name", Severity::Error, include_str!("bad_bridge_name.rs"));

const MOST: usize = 15;

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let Some(bridge) = &cluster.network.bridge_name else {
        return;
    };
    let text = bridge.value.as_str();
    let fine = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let message = if text.len() > MOST {
        format!("the bridge name `{text}` has {} characters, {MOST} are allowed", text.chars().count())
    } else if !fine || matches!(text, "." | "..") {
        format!("`{text}` can't be the name of a bridge")
    } else {
        return;
    };
    let help = "use at most 15 letters, digits, `_` and `-`, or leave `bridgeName` out to have one derived";
    findings.add_with_help(&RULE, &bridge.place, message, help);
}
