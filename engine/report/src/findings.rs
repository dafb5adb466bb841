//! Findings about definitions, as text: with the source (`full`), one line each (`concise`), as JSON; and for the
//! programs of others: GitHub's workflow commands, SARIF, JUnit.

mod github;
mod junit;
mod sarif;

use std::fmt::{self, Write};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;
use xrdtest_model::{Diagnostic, Related, Severity, Span};

pub use self::github::github;
pub use self::junit::junit;
pub use self::sarif::{RuleInfo, sarif};

/// A finding as programs read it. The format is stable: fields are only ever added.
#[derive(Debug, Serialize)]
pub(crate) struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    #[serde(flatten)]
    place: Told<'a>,
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Told<'a>>,
}

/// What is said of a place.
#[derive(Debug, Serialize)]
struct Told<'a> {
    message: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

impl<'a> Finding<'a> {
    pub(crate) fn of(finding: &'a Diagnostic) -> Self {
        let other = |related: &'a Related| Told::of(&related.message, &related.file, related.span);
        Self {
            code: &finding.code,
            severity: finding.severity,
            place: Told::of(&finding.message, &finding.file, finding.span),
            help: finding.help.as_deref(),
            related: finding.related.iter().map(other).collect(),
        }
    }
}

impl<'a> Told<'a> {
    fn of(message: &'a str, file: &'a str, span: Span) -> Self {
        let Span { line, column, end_line, end_column } = span;
        Self { message, file, line, column, end_line, end_column }
    }
}

/// `FILE:LINE:COLUMN: WORDS` of another place.
fn note(related: &Related) -> String {
    let Related { file, span, message } = related;
    format!("{file}:{}:{}: {message}", span.line, span.column)
}

/// A JSON array, with a line break at its end.
pub fn json(findings: &[Diagnostic]) -> String {
    let findings: Vec<_> = findings.iter().map(Finding::of).collect();
    // Serialising strings and numbers into a string can't fail.
    serde_json::to_string_pretty(&findings).unwrap_or_default() + "\n"
}

/// One line per finding: `file:line:column: severity[CODE]: message (help)`, and in parentheses other places.
pub fn concise(findings: &[Diagnostic]) -> String {
    findings.iter().fold(
        String::new(),
        |mut text, Diagnostic { file, span, code, severity, message, help, related }| {
            let _ = write!(text, "{file}:{}:{}: {severity}[{code}]: {message}", span.line, span.column);
            if let Some(help) = help {
                let _ = write!(text, " ({help})");
            }
            for related in related {
                let _ = write!(text, " ({})", note(related));
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
        let sources: Vec<_> = finding.related.iter().map(|related| source(&related.file)).collect();
        let own = source(&finding.file);
        let mut groups = vec![with_source(finding, own.as_deref())];
        let notes = finding.related.iter().zip(&sources);
        groups.extend(notes.map(|(related, source)| with_note(related, source.as_deref())));
        let _ = writeln!(text, "{}\n", renderer.render(&groups));
    }
    text
}

fn with_source<'a>(finding: &'a Diagnostic, source: Option<&'a str>) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&*finding.message).id(&*finding.code);
    let group = title.element(at(&finding.file, finding.span, source));
    match &finding.help {
        Some(help) => group.element(Level::HELP.message(&**help)),
        None => group,
    }
}

fn with_note<'a>(related: &'a Related, source: Option<&'a str>) -> Group<'a> {
    Level::NOTE.secondary_title(&*related.message).element(at(&related.file, related.span, source))
}

/// A place with its line and carets below it; by numbers only where the text has no such place.
fn at<'a>(file: &'a str, span: Span, source: Option<&'a str>) -> Element<'a> {
    match source.and_then(|source| Some((source, bytes_of(source, span)?))) {
        Some((source, range)) => {
            Snippet::source(source).path(file).annotation(AnnotationKind::Primary.span(range)).into()
        }
        None => Origin::path(file).line(span.line as usize).char_column(span.column as usize).into(),
    }
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
            related: Vec::new(),
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
        let other = Related {
            file: "clusters/ä.rhai".into(),
            span: Span::on_line(2, 14, 10),
            message: "cluster `ä` has it from here".to_owned(),
        };
        let related = [Diagnostic { related: vec![other], ..findings[0].clone() }];
        insta::assert_snapshot!(full(&related, |_| Some(SOURCE.into()), false));
        insta::assert_snapshot!(full(&related, |file| file.starts_with('s').then(|| SOURCE.into()), false));
        insta::assert_snapshot!(concise(&related));
        insta::assert_snapshot!(json(&related));
        insta::assert_snapshot!(github(&related));
        assert!(
            junit(&related).expect("a document").contains("note: clusters/ä.rhai:2:14: cluster `ä` has it")
        );
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
