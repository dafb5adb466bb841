//! ## What it does
//! Reports `timezone`, `missed`, `overlap` or `jitter` in a suite that has no `schedule`.
//!
//! ## Why is this bad?
//! They have no effect: the suite is run by hand only.
//!
//! ## Example
//! ```rhai
//! ts.timezone = "Europe/Zurich";          // and no ts.schedule
//! ```
//!
//! ## How to fix
//! Add a `schedule`, or remove the line.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new(
    "XT3008",
    "timing-without-schedule",
    Severity::Warning,
    include_str!("timing_without_schedule.rs"),
);

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    if !suite.lacks("schedule") {
        return;
    }
    let fields = [
        ("timezone", &suite.timezone),
        ("missed", &suite.missed),
        ("overlap", &suite.overlap),
        ("jitter", &suite.jitter),
    ];
    for (field, text) in fields {
        if let Some(text) = text {
            let message = format!("`{field}` has no effect: the suite has no schedule");
            findings.add_with_help(&RULE, &text.place, message, "add `ts.schedule`, or remove this");
        }
    }
}
