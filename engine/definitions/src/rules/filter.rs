//! Which findings are wanted, by their codes: `--select` and `--ignore`.

use xrdtest_model::Diagnostic;

use super::{Rule, all};
use crate::suggest::nearest;

/// Codes that are selected or ignored. Each is a code (`XT1003`), the beginning of one (`XT1`) or a rule's name.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Empty: all.
    select: Vec<String>,
    ignore: Vec<String>,
}

/// Text that stands for no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{code}`{}; `xrdtest rule` lists all rules", .near.map_or_else(String::new, |near| format!(", did you mean `{near}`?")))]
pub struct UnknownCode {
    /// As written.
    pub code: String,
    /// A rule's code or name that is like it.
    pub near: Option<&'static str>,
}

impl Filter {
    /// Reads what was selected (nothing: everything) and what is ignored.
    ///
    /// # Errors
    /// [`UnknownCode`] for the first text that stands for no rule.
    pub fn new(select: &[String], ignore: &[String]) -> Result<Self, UnknownCode> {
        let read = |codes: &[String]| codes.iter().map(|code| prefix_of(code)).collect::<Result<_, _>>();
        Ok(Self { select: read(select)?, ignore: read(ignore)? })
    }

    /// Whether a finding is wanted. Of a selected and an ignored code the longer one counts: `--select XT1003
    /// --ignore XT1` leaves `XT1003`.
    pub fn wants(&self, finding: &Diagnostic) -> bool {
        let longest = |prefixes: &[String]| {
            prefixes.iter().filter(|prefix| finding.code.starts_with(&***prefix)).map(String::len).max()
        };
        let selected = if self.select.is_empty() { Some(0) } else { longest(&self.select) };
        selected.is_some_and(|selected| longest(&self.ignore).is_none_or(|ignored| ignored < selected))
    }
}

/// The beginning of codes that a text stands for.
pub(crate) fn prefix_of(text: &str) -> Result<String, UnknownCode> {
    let text = text.trim();
    let upper = text.to_ascii_uppercase();
    let is_prefix = upper.starts_with("XT") && all().iter().any(|rule| rule.code.starts_with(&upper));
    if is_prefix {
        return Ok(upper);
    }
    let named = all().iter().find(|rule| rule.name.eq_ignore_ascii_case(text));
    named.map(|rule| rule.code.to_owned()).ok_or_else(|| unknown(text))
}

fn unknown(text: &str) -> UnknownCode {
    let names = all().iter().flat_map(|rule: &Rule| [rule.code, rule.name]);
    UnknownCode { code: text.to_owned(), near: nearest(text, names) }
}

#[cfg(test)]
mod tests {
    use xrdtest_model::{Severity, Span};

    use super::*;

    fn wants(select: &[&str], ignore: &[&str], code: &str) -> bool {
        let texts = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
        let finding = Diagnostic {
            file: "suites/a.rhai".into(),
            span: Span::START,
            code: code.to_owned(),
            severity: Severity::Error,
            message: String::new(),
            help: None,
            related: Vec::new(),
        };
        Filter::new(&texts(select), &texts(ignore)).expect("codes").wants(&finding)
    }

    #[test]
    fn the_longer_code_counts() {
        for (select, ignore, expect) in [
            (&[][..], &[][..], true),
            (&["XT1"], &[], true),
            (&["xt1003"], &[], true),
            (&["unknown-cluster"], &[], true),
            (&["XT2", "XT3"], &[], false),
            (&[], &["XT"], false),
            (&[], &["XT10"], false),
            (&[], &["XT1004"], true),
            (&["XT1003"], &["XT1"], true),
            (&["XT1"], &["unknown-cluster"], false),
            (&["XT1"], &["XT1"], false),
        ] {
            assert_eq!(wants(select, ignore, "XT1003"), expect, "{select:?} {ignore:?}");
        }
    }

    #[test]
    fn unknown_codes_are_refused() {
        for text in ["XT9", "XT10031", "", "E501", "unknown-clutser"] {
            let problem = Filter::new(&[text.to_owned()], &[]).expect_err(text);
            assert_eq!(problem.code, text);
        }
        assert_eq!(unknown("unknown-clutser").near, Some("unknown-cluster"));
    }
}
