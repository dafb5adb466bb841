//! ## What it does
//! Reports a machine of a case that takes no part in the suite, because `ts.machines` leaves it out.
//!
//! ## Why is this bad?
//! The suite's initialize would not have run there.
//!
//! ## Example
//! ```rhai
//! ts.machines = ["ds1"];
//! ts.tests = [TestCase("copy", #{ machines: ["ds2"] })];
//! ```
//!
//! ## How to fix
//! Add the machine to `ts.machines`, or remove it from the case.

use std::collections::BTreeSet;

use xrdtest_model::Severity;

use super::unknown_machine::Hosts;
use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Context;
use crate::rules::Rule;
use crate::suggest::list;

pub(crate) const RULE: Rule =
    Rule::new("XT1010", "machine-not-in-suite", Severity::Error, include_str!("machine_not_in_suite.rs"));

pub(crate) fn check(suite: &Suite, context: &Context<'_>, findings: &mut Findings) {
    if suite.machines.is_empty() {
        return;
    }
    let Some(hosts) = Hosts::of(suite, context) else {
        return;
    };
    let of_suite: BTreeSet<&str> =
        suite.machines.iter().flat_map(|machine| hosts.called(&machine.value)).copied().collect();
    for case in &suite.tests {
        for machine in &case.machines {
            // Unknown and ambiguous ones are another rule's.
            if let [host] = hosts.called(&machine.value)
                && !of_suite.contains(host)
            {
                let message = format!("`{}` takes no part in the suite", machine.value);
                let known: Vec<_> = of_suite.iter().copied().collect();
                let help = format!("add it to `machines` of the suite: {}", list(&known));
                findings.add_with_help(&RULE, &machine.place, message, help);
            }
        }
    }
}
