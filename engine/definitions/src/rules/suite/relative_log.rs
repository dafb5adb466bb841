//! ## What it does
//! Reports an entry of `logs` that is no absolute path.
//!
//! ## Why is this bad?
//! There is no folder to which it could be relative: scripts run in a folder that is made for the run.
//!
//! ## Example
//! ```rhai
//! ts.logs = ["xrootd.log"];
//! ```
//!
//! ## How to fix
//! Write the whole path: `"/var/log/xrootd/@slavename@/xrootd.log"`.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT1011", "relative-log", Severity::Error, include_str!("relative_log.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    for log in &suite.logs {
        // A tag may stand for the beginning of the path.
        if !log.value.starts_with(['/', '@']) {
            findings.add_with_help(
                &RULE,
                &log.place,
                format!("the log `{}` is no absolute path", log.value),
                "begin it with `/`; tags such as `@slavename@` may stand in it",
            );
        }
    }
}
