//! JUnit XML: one `testsuite` per run, one `testcase` per case and per suite stage.
//!
//! What it consists of is what the schema of Jenkins's xunit plugin (`junit-10.xsd`) knows, so the properties of a run
//! are its suite's: test cases have none there.

use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use xrdtest_model::Verdict;
use xrdtest_model::document::RunRecord;

use crate::clean::clean;
use crate::points::{Point, points, properties};
use crate::summary::{ending, stage_title};

/// Runs as a JUnit document.
///
/// # Errors
/// Where the XML can't be made.
pub fn junit(runs: &[RunRecord]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("xrdtest");
    report.set_time(runs.iter().map(|run| Duration::from_millis(run.duration_ms)).sum());
    report.add_test_suites(runs.iter().map(|run| suite(&clean(run))));
    document(&report)
}

/// The text of a document, valid by that schema: the root has no `skipped` there, and always one by the crate. Before it
/// there is only our name.
pub(crate) fn document(report: &Report) -> Result<String, quick_junit::SerializeError> {
    Ok(report.to_string()?.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1))
}

fn suite(run: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new(&run.suite);
    suite.set_time(Duration::from_millis(run.duration_ms));
    suite.extra.insert("timestamp".into(), run.started.as_str().into());
    suite.extra.insert("id".into(), run.id.as_str().into());
    for (name, value) in properties(run) {
        suite.add_property((name, value));
    }
    suite.add_test_cases(points(run).iter().map(|point| test_case(run, point)));
    suite
}

fn status(verdict: Option<Verdict>, reason: &str) -> TestCaseStatus {
    let (kind, verdict) = match verdict {
        Some(Verdict::Passed) => return TestCaseStatus::success(),
        None => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            return status;
        }
        Some(verdict @ (Verdict::Failed | Verdict::TimedOut)) => (NonSuccessKind::Failure, verdict),
        Some(verdict @ (Verdict::Error | Verdict::Cancelled)) => (NonSuccessKind::Error, verdict),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(reason).set_type(verdict.as_str());
    status
}

fn test_case(run: &RunRecord, point: &Point<'_>) -> TestCase {
    let mut case = TestCase::new(point.name.as_str(), status(point.verdict, &point.reason));
    case.set_classname(run.suite.as_str());
    let (_, duration) = point.span();
    case.set_time(Duration::from_millis(duration));
    let mut text = String::new();
    for stage in point.bad() {
        let _ = writeln!(text, "{} on {}: {}", stage_title(run, stage), stage.machine, ending(stage));
    }
    if !text.is_empty() {
        case.status.set_description(text);
    }
    let mut output = String::new();
    for stage in point.bad().filter(|stage| !stage.output.is_empty()) {
        let _ = writeln!(
            output,
            "--- {} on {}\n{}",
            stage_title(run, stage),
            stage.machine,
            stage.output.trim_end()
        );
    }
    if !output.is_empty() {
        case.set_system_out(output);
    }
    case
}
