//! ## What it does
//! Reports a cluster that the suite needs and that this repository does not define.
//!
//! ## Why is this bad?
//! There are no machines to run the suite on.
//!
//! ## Example
//! ```rhai
//! ts.clusters = ["cluster_001_nm"];      // the file is clusters/cluster_001_mm.rhai
//! ```
//!
//! ## How to fix
//! Use the name of a file below `clusters/`, without folder and `.rhai`.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Context;
use crate::rules::Rule;
use crate::suggest::did_you_mean;

pub(crate) const RULE: Rule =
    Rule::new("XT1003", "unknown-cluster", Severity::Error, include_str!("unknown_cluster.rs"));

pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    for cluster in &suite.clusters {
        if !context.clusters.contains_key(cluster.value.as_str()) {
            let known = context.clusters.keys().copied();
            let help = did_you_mean(&cluster.value, known, "the clusters of this repository are")
                .unwrap_or_else(|| "this repository defines no clusters".to_owned());
            let message = format!("there is no cluster `{}` in this repository", cluster.value);
            findings.add_with_help(&RULE, &cluster.place, message, help);
        }
    }
}
