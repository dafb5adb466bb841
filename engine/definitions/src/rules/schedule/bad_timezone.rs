//! ## What it does
//! Reports a `timezone` that is no time zone of the IANA's list.
//!
//! ## Why is this bad?
//! The suite would start at other times than meant.
//!
//! ## Example
//! ```rhai
//! ts.timezone = "Europe/Zürich";
//! ```
//!
//! ## How to fix
//! Write a name such as `"Europe/Zurich"`, `"America/New_York"` or `"UTC"`. Abbreviations such as `PST` do not say when
//! clocks are changed.

use xrdtest_model::Severity;
use xrdtest_schedule::Zone;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;
use crate::suggest::nearest;

pub(crate) const RULE: Rule =
    Rule::new("XT3004", "bad-timezone", Severity::Error, include_str!("bad_timezone.rs"));

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    let Some(text) = &suite.timezone else { return };
    if Zone::find(&text.value).is_some() {
        return;
    }
    let names = Zone::names();
    let help = match nearest(&text.value, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "write a name of the IANA's list, such as `\"Europe/Zurich\"` or `\"UTC\"`".to_owned(),
    };
    findings.add_with_help(&RULE, &text.place, format!("there is no time zone `{}`", text.value), help);
}
