//! ## What it does
//! Reports an entry of `alert_emails` that can't be a mail address.
//!
//! ## Why is this bad?
//! The mail would not arrive, and one bad address may keep it from the others.
//!
//! ## Example
//! ```rhai
//! ts.alert_emails = ["ops(at)example.org"];
//! ```
//!
//! ## How to fix
//! Write an address such as `"ops@example.org"`, one per entry.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT1006", "bad-email", Severity::Error, include_str!("bad_email.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    for email in suite.alert_emails.iter().filter(|email| !is_address(&email.value)) {
        findings.add_with_help(
            &RULE,
            &email.place,
            format!("`{}` is no mail address", email.value),
            "write one address per entry: `\"ops@example.org\"`",
        );
    }
}

/// Whether a text may be an address. What is refused here could not be delivered, or could smuggle in headers.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let local_ok =
        !local.is_empty() && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let domain_ok = domain
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    text.len() <= 254 && local_ok && domain_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expect) in [
            ("ops@example.org", true),
            ("a.b+c@localhost", true),
            ("ops", false),
            ("ops@", false),
            ("@example.org", false),
            ("a b@example.org", false),
            ("a@b@example.org", false),
            ("ops@example..org", false),
            ("ops@example.org, b@example.org", false),
            ("ops@example.org\nBcc: x@y.z", false),
        ] {
            assert_eq!(is_address(text), expect, "{text}");
        }
    }
}
