//! ## What it does
//! Reports a name in `tags` that can't be a tag: one with other characters than letters, digits and `_`, or one that the
//! system gives a meaning (`slavename`, `port`, `proto`, `diskmounts`).
//!
//! ## Why is this bad?
//! `@name@` in a script would not be replaced, or by something else.
//!
//! ## Example
//! ```rhai
//! ts.tags = #{ port: 1094 };
//! ```
//!
//! ## How to fix
//! Choose another name: `xrootd_port`.

use xrdtest_model::Severity;

use crate::draft::suite::Suite;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT1007", "bad-tag", Severity::Error, include_str!("bad_tag.rs"));

/// Tags that every script has.
pub(crate) const RESERVED: [&str; 4] = ["slavename", "port", "proto", "diskmounts"];

pub(crate) fn check(suite: &Suite, findings: &mut Findings) {
    for (name, _) in &suite.tags {
        let text = name.value.as_str();
        let (message, help) = if RESERVED.contains(&text) {
            (format!("the tag `@{text}@` has a meaning already"), "choose another name for it".to_owned())
        } else if is_tag(text) {
            continue;
        } else {
            (
                format!("`{text}` can't be the name of a tag"),
                "tags have letters, digits and `_`, and begin with a letter".to_owned(),
            )
        };
        findings.add_with_help(&RULE, &name.place, message, help);
    }
}

/// Whether a text can be the name of a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
