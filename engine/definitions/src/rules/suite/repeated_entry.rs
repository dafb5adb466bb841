//! ## What it does
//! Reports an entry that stands twice in `clusters`, in `machines` or in `alert_emails`. (In `tests` repeats are allowed:
//! the case is run again.)
//!
//! ## Why is this bad?
//! The second one has no effect. Probably something else was meant.
//!
//! ## Example
//! ```rhai
//! ts.machines = ["ds1", "ds1"];          // ds2 was meant
//! ```
//!
//! ## How to fix
//! Remove or correct one of the two.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT1009", "repeated-entry", Severity::Warning, include_str!("repeated_entry.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    for (field, entries) in
        [("clusters", &suite.clusters), ("machines", &suite.machines), ("alert_emails", &suite.alert_emails)]
    {
        for (index, entry) in entries.iter().enumerate() {
            if entries[..index].iter().any(|earlier| earlier.value == entry.value) {
                let message = format!("`{}` stands twice in `{field}`", entry.value);
                findings.add_with_help(&RULE, &entry.place, message, "remove one of them");
            }
        }
    }
}
