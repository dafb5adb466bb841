//! Findings about definitions, as text: with the source (`full`), one line each (`concise`), as JSON; and for the
//! programs of others: GitHub's workflow commands, SARIF, JUnit.

mod github;
mod junit;
mod sarif;

use std::fmt::{self, Write};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;
use xrdtest_model::{Diagnostic, Severity, Span};

pub use self::github::github;
pub use self::junit::junit;
pub use self::sarif::{RuleInfo, sarif};

/// A finding as programs read it. The format is stable: fields are only ever added.
#[derive(Debug, Serialize)]
pub(crate) struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    message: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    help: Option<&'a str>,
}

impl<'a> Finding<'a> {
    pub(crate) fn of(finding: &'a Diagnostic) -> Self {
        Self {
            code: &finding.code,
            severity: finding.severity,
            message: &finding.message,
            file: &finding.file,
            line: finding.span.line,
            column: finding.span.column,
            end_line: finding.span.end_line,
            end_column: finding.span.end_column,
            help: finding.help.as_deref(),
        }
    }
}

/// A JSON array, with a line break at its end.
pub fn json(findings: &[Diagnostic]) -> String {
    let findings: Vec<_> = findings.iter().map(Finding::of).collect();
    // Serialising strings and numbers into a string can't fail.
    serde_json::to_string_pretty(&findings).unwrap_or_default() + "\n"
}

/// One line per finding: `file:line:column: severity[CODE]: message (help)`.
pub fn concise(findings: &[Diagnostic]) -> String {
    findings.iter().fold(
        String::new(),
        |mut text, Diagnostic { file, span, code, severity, message, help }| {
            let _ = write!(text, "{file}:{}:{}: {severity}[{code}]: {message}", span.line, span.column);
            if let Some(help) = help {
                let _ = write!(text, " ({help})");
            }
            text.push('\n');
            text
        },
    )
}

/// Each finding with the line that it is about, carets below the place, and what to do.
/// `source` gives the text of a file by the name that the finding has for it.
pub fn full(findings: &[Diagnostic], source: impl Fn(&str) -> Option<Arc<str>>, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{}\n", with_source(finding, source(&finding.file).as_deref(), &renderer));
    }
    text
}

fn with_source(finding: &Diagnostic, source: Option<&str>, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&*finding.message).id(&*finding.code);
    let mut group = if let Some(source) = source
        && let Some(range) = bytes_of(source, finding.span)
    {
        let annotation = AnnotationKind::Primary.span(range);
        title.element(Snippet::source(source).path(&*finding.file).annotation(annotation))
    } else {
        let (line, column) = (finding.span.line as usize, finding.span.column as usize);
        title.element(Origin::path(&*finding.file).line(line).char_column(column))
    };
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}

/// The bytes of a span; `None` where the text has no such place (the file has changed since).
fn bytes_of(source: &str, span: Span) -> Option<std::ops::Range<usize>> {
    let start = byte_at(source, span.line, span.column)?;
    let end = byte_at(source, span.end_line, span.end_column).unwrap_or(start);
    Some(start..end.max(start))
}

fn byte_at(source: &str, line: u32, column: u32) -> Option<usize> {
    let index = (line as usize).saturating_sub(1);
    // Behind the last line break there is one more line, if only an empty one.
    let text = source.split('\n').nth(index)?;
    let before: usize = source.split_inclusive('\n').take(index).map(str::len).sum();
    let within =
        text.char_indices().map(|(at, _)| at).chain([text.len()]).nth((column as usize).saturating_sub(1))?;
    Some(before + within)
}

/// `2 errors and 1 warning in 3 files`; `no problems found` where there are none.
pub fn count(findings: &[Diagnostic]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let files = findings.iter().map(|finding| &finding.file).collect::<std::collections::BTreeSet<_>>().len();
    let parts: Vec<_> = [(errors, "error"), (findings.len() - errors, "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| plural(number, word))
        .collect();
    if parts.is_empty() {
        return "no problems found".to_owned();
    }
    format!("{} in {}", parts.join(" and "), plural(files, "file"))
}

/// `1 file`, `2 files`.
pub fn plural<N: fmt::Display + PartialEq + From<u8>>(number: N, word: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {word}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn finding(span: Span, help: Option<&str>) -> Diagnostic {
        Diagnostic {
            file: "suites/a/a.rhai".into(),
            span,
            code: "XT1001".to_owned(),
            severity: Severity::Error,
            message: "unknown field `alert_emial`".to_owned(),
            help: help.map(str::to_owned),
        }
    }

    const SOURCE: &str = "fn getTestSuite() {\n    let ts = TestSuite(\"ä\"); ts.alert_emial = [];\n}\n";

    #[test]
    fn formats() {
        let findings = [
            finding(Span::on_line(2, 32, 11), Some("did you mean `alert_emails`?")),
            finding(Span::on_line(99, 1, 1), None),
        ];
        insta::assert_snapshot!(full(&findings, |_| Some(SOURCE.into()), false));
        insta::assert_snapshot!(concise(&findings));
        insta::assert_snapshot!(json(&findings[..1]));
        assert_eq!(count(&findings), "2 errors in 1 file");
        assert_eq!(count(&[]), "no problems found");
    }

    #[test]
    fn any_span_of_any_text_is_no_panic() {
        for source in ["", "\n", "ä", "a\nb", SOURCE] {
            for line in 0..5 {
                for column in 0..60 {
                    let span = Span { line, column, end_line: line + column % 3, end_column: column / 2 };
                    let _ = full(&[finding(span, None)], |_| Some(source.into()), true);
                }
            }
        }
    }
}
