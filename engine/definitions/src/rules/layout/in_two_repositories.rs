//! ## What it does
//! Reports a suite or a cluster that an earlier one of the engine's repositories defines as well.
//!
//! ## Why is this bad?
//! Runs, schedules and results go by name. Of two definitions with the same name the one in the repository that stands
//! first in the engine's configuration counts; the other is never run. `xrdtest check` reports it where it is given paths of
//! several repositories, and takes their order for that of the engine.
//!
//! ## Example
//! `suites/ts_001_mm.rhai` in two folders that `engine.toml` names.
//!
//! ## How to fix
//! Rename one of the two, or remove it.

use std::sync::Arc;

use xrdtest_model::{Diagnostic, Related, Severity, Span};

use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0107", "in-two-repositories", Severity::Error, include_str!("in_two_repositories.rs"));

/// The finding about a definition that does not count because another repository has one of the same name. `kind` is
/// `suite` or `cluster`, `other` the file that counts, by its absolute path.
pub fn in_two_repositories(kind: &str, name: &str, file: Arc<str>, other: &str) -> Diagnostic {
    Diagnostic {
        file,
        span: Span::START,
        code: RULE.code.to_owned(),
        severity: RULE.severity,
        message: format!(
            "{kind} `{name}` is defined in another repository as well, by {other}; this one is not used"
        ),
        help: Some("rename one of the two, or remove it".to_owned()),
        related: vec![Related {
            file: Arc::from(other),
            span: Span::START,
            message: format!("this {kind} counts, as its repository comes first"),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_both_files() {
        let found = in_two_repositories("suite", "a", Arc::from("/two/suites/a.rhai"), "/one/suites/a.rhai");
        assert_eq!((&*found.file, found.code.as_str()), ("/two/suites/a.rhai", "XT0107"));
        assert_eq!(
            found.related.iter().map(|other| &*other.file).collect::<Vec<_>>(),
            ["/one/suites/a.rhai"]
        );
        assert!(found.is_error() && found.message.contains("by /one/suites/a.rhai"), "{}", found.message);
    }
}
