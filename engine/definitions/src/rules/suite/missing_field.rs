//! ## What it does
//! Reports a suite without one of its mandatory fields: `name`, `clusters`, `tests`, `initialize` (manual 6.1.1); and a
//! TestCase object without a name.
//!
//! ## Why is this bad?
//! Without them there is nothing to run, or nowhere to run it.
//!
//! ## Example
//! ```rhai
//! fn getTestSuite() {
//!     let ts = TestSuite("ts_001_mm");
//!     ts.clusters = ["cluster_001_mm"];
//!     ts.tests = ["copy_to"];
//!     ts                                  // no ts.initialize
//! }
//! ```
//!
//! ## How to fix
//! Add the field. A suite that has nothing to prepare still has a script that says so: `ts.initialize =
//! "#!/bin/sh\ntrue";`.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT1001", "missing-suite-field", Severity::Error, include_str!("missing_field.rs"));

const FIELDS: [(&str, &str); 4] = [
    ("name", "the name of this file without `.rhai`"),
    ("clusters", "the clusters that it needs: `[\"cluster_001_mm\"]`"),
    ("tests", "the names of its cases, which are folders below `tc/`: `[\"copy_to\"]`"),
    ("initialize", "the script that prepares all machines: `\"file://suite_init.sh\"`"),
];

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    for (field, meaning) in FIELDS {
        let given_otherwise = field == "tests" && !suite.tests.is_empty();
        let empty = field == "clusters" && suite.clusters.is_empty() && suite.has("clusters");
        if (suite.lacks(field) && !given_otherwise) || empty {
            let message = if empty {
                format!("the suite names no {field}")
            } else {
                format!("the suite has no `{field}`")
            };
            let help = format!("set `{field}`: {meaning}");
            findings.add_with_help(&RULE, &suite.place_of(field), message, help);
        }
    }
    for case in suite.tests.iter().filter(|case| !case.has_name) {
        let help = "name it: `TestCase(\"copy_to\")`";
        findings.add_with_help(&RULE, &case.place, "a test case has no `name`", help);
    }
}
