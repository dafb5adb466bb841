//! Findings as JUnit XML: one `testsuite` per file, one `testcase` per finding, of what the schema of Jenkins knows. So the
//! line is in the names and texts.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use xrdtest_model::{Diagnostic, Severity};

use crate::junit::document;

/// Errors are failures; warnings are skipped tests, as they are shown there and break nothing. Where nothing was found
/// there is one test, which passed.
///
/// # Errors
/// Where the XML can't be made.
pub fn junit(findings: &[Diagnostic]) -> Result<String, SerializeError> {
    let mut report = Report::new("xrdtest check");
    let mut files: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for finding in findings {
        files.entry(&finding.file).or_default().push(finding);
    }
    for (file, findings) in files {
        let mut suite = TestSuite::new(file);
        suite.add_test_cases(findings.into_iter().map(case));
        report.add_test_suite(suite);
    }
    if findings.is_empty() {
        let mut suite = TestSuite::new("xrdtest check");
        suite.add_test_case(TestCase::new("no problems found", TestCaseStatus::success()));
        report.add_test_suite(suite);
    }
    document(&report)
}

fn case(finding: &Diagnostic) -> TestCase {
    let mut status = match finding.severity {
        Severity::Error => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Severity::Warning => TestCaseStatus::skipped(),
    };
    status.set_message(finding.message.as_str()).set_type(finding.code.as_str());
    let (line, column) = (finding.span.line, finding.span.column);
    let mut text = format!("{}:{line}:{column}: {}", finding.file, finding.message);
    if let Some(help) = &finding.help {
        text = format!("{text}\nhelp: {help}");
    }
    for related in &finding.related {
        text = format!("{text}\nnote: {}", super::note(related));
    }
    status.set_description(text);
    let mut case = TestCase::new(format!("{} {line}:{column}", finding.code), status);
    case.set_classname(&*finding.file);
    case
}

#[cfg(test)]
mod tests {
    use xrdtest_model::Span;

    use super::*;
    use crate::findings::tests::finding;

    #[test]
    fn documents() {
        let mut warning = finding(Span::on_line(3, 1, 4), None);
        warning.severity = Severity::Warning;
        let findings = [finding(Span::on_line(2, 32, 11), Some("did you mean `alert_emails`?")), warning];
        let document = junit(&findings).expect("a document");
        insta::with_settings!({filters => vec![(r"uuid=\S+", "uuid=U")]}, {
            insta::assert_snapshot!(document);
        });
        assert!(document.ends_with("</testsuites>\n"), "one line break at its end");
        let empty = junit(&[]).expect("a document");
        assert!(empty.contains(r#"tests="1" failures="0" errors="0""#), "{empty}");
    }
}
