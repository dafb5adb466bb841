//! Findings as workflow commands of GitHub Actions, which shows them at their lines in a pull request.

use std::fmt::Write;

use xrdtest_model::{Diagnostic, Severity};

/// One command per finding.
pub fn github(findings: &[Diagnostic]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        let _ = writeln!(text, "{}", command(finding));
        text
    })
}

fn command(finding: &Diagnostic) -> String {
    let (level, span) = (level(finding.severity), finding.span);
    let mut command = format!(
        "::{level} title={},file={},line={},endLine={}",
        property(&finding.code),
        property(&finding.file),
        span.line,
        span.end_line
    );
    // Columns are refused where a finding has several lines.
    if span.line == span.end_line {
        let _ = write!(command, ",col={},endColumn={}", span.column, span.end_column);
    }
    let _ = write!(command, "::{}", data(&finding.message));
    if let Some(help) = &finding.help {
        let _ = write!(command, " ({})", data(help));
    }
    for related in &finding.related {
        let _ = write!(command, " ({})", data(&super::note(related)));
    }
    command
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use xrdtest_model::Span;

    use super::*;
    use crate::findings::tests::finding;

    #[test]
    fn commands() {
        let mut odd = finding(Span { line: 3, column: 5, end_line: 4, end_column: 2 }, None);
        odd.file = "suites/a,b/100%:\n.rhai".into();
        odd.severity = Severity::Warning;
        odd.message = "50% of\nit".to_owned();
        let findings = [finding(Span::on_line(2, 32, 11), Some("did you mean `alert_emails`?")), odd];
        insta::assert_snapshot!(github(&findings), @r"
        ::error title=XT1001,file=suites/a/a.rhai,line=2,endLine=2,col=32,endColumn=43::unknown field `alert_emial` (did you mean `alert_emails`?)
        ::warning title=XT1001,file=suites/a%2Cb/100%25%3A%0A.rhai,line=3,endLine=4::50%25 of%0Ait
        ");
    }
}
