//! ## What it does
//! Reports a value of `alert_success` or `alert_failure` that is no policy.
//!
//! ## Why is this bad?
//! Mail would be sent to nobody, or about everything.
//!
//! ## Example
//! ```rhai
//! ts.alert_failure = "ALL";
//! ```
//!
//! ## How to fix
//! Use `"SUITE"` (one mail about the whole run), `"CASE"` (mails about each case as well) or `"NONE"`. The defaults are
//! `SUITE` for success and `CASE` for failure.

use xrdtest_model::Severity;

use crate::draft::suite::{Suite, policy};
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::did_you_mean;

pub(crate) const RULE: Rule =
    Rule::new("XT1005", "bad-alert-policy", Severity::Error, include_str!("bad_alert_policy.rs"));

const POLICIES: [&str; 3] = ["SUITE", "CASE", "NONE"];

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let fields = [("alert_success", &suite.alert_success), ("alert_failure", &suite.alert_failure)];
    for (field, text) in fields {
        if let Some(text) = text
            && policy(Some(text)).is_none()
        {
            let message = format!("`{}` is no policy for `{field}`", text.value);
            let help = did_you_mean(&text.value, POLICIES, "the policies are");
            findings.push(&RULE, &text.place, message, help);
        }
    }
}
