//! JUnit XML: one `testsuite` per run, one `testcase` per case and per suite stage.

use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use xrdtest_model::document::{CaseRecord, RunRecord, StageRecord};
use xrdtest_model::{Outcome, StageKind, Verdict};

use crate::summary::{case_title, ending, stage_title};

/// Runs as a JUnit document.
///
/// # Errors
/// Where the XML can't be made.
pub fn junit(runs: &[RunRecord]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("xrdtest");
    report.set_time(runs.iter().map(|run| Duration::from_millis(run.duration_ms)).sum());
    report.add_test_suites(runs.iter().map(suite));
    report.to_string()
}

fn suite(run: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new(&run.suite);
    suite.set_time(Duration::from_millis(run.duration_ms));
    suite.extra.insert("id".into(), run.id.as_str().into());
    for (name, value) in
        [("run", run.id.as_str()), ("verdict", verdict_word(run)), ("reason", run.reason.as_str())]
    {
        suite.add_property((name, value));
    }
    suite.add_test_cases(suite_stage(run, StageKind::Initialize));
    suite.add_test_cases(run.cases.iter().map(|record| case(run, record)));
    suite.add_test_cases(suite_stage(run, StageKind::Finalize));
    // A run that ended as an error before any stage must not look green.
    if suite.test_cases.iter().all(|case| matches!(case.status, TestCaseStatus::Skipped { .. }))
        && run.verdict != Some(Verdict::Passed)
    {
        let mut case = TestCase::new("run", status(run.verdict, &run.reason));
        case.set_classname(run.suite.as_str());
        suite.add_test_case(case);
    }
    suite
}

/// The verdict's word; empty while there is none.
fn verdict_word(run: &RunRecord) -> &'static str {
    run.verdict.map_or("", Verdict::as_str)
}

fn suite_stage(run: &RunRecord, kind: StageKind) -> Option<TestCase> {
    let stages: Vec<_> =
        run.stages.iter().filter(|stage| stage.case_index.is_none() && stage.stage == kind).collect();
    let first = stages.first()?;
    let worst = stages.iter().map(|stage| stage.outcome).max_by_key(|outcome| rank(*outcome))?;
    let reason = format!("{} {worst}", stage_title(run, first));
    Some(test_case(run, &stage_title(run, first), status(Some(verdict_of(worst)), &reason), &stages))
}

/// How bad an outcome is for the stage as a whole.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Passed => 0,
        Outcome::NotRun => 1,
        Outcome::TimedOut => 2,
        Outcome::Failed => 3,
        Outcome::Killed => 4,
        Outcome::Lost => 5,
        Outcome::Cancelled => 6,
    }
}

fn verdict_of(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Passed => Verdict::Passed,
        Outcome::Failed | Outcome::Killed | Outcome::NotRun => Verdict::Failed,
        Outcome::TimedOut => Verdict::TimedOut,
        Outcome::Lost => Verdict::Error,
        Outcome::Cancelled => Verdict::Cancelled,
    }
}

fn case(run: &RunRecord, record: &CaseRecord) -> TestCase {
    let stages: Vec<_> = run.stages.iter().filter(|stage| stage.case_index == Some(record.index)).collect();
    test_case(run, &case_title(run, record.index), status(record.verdict, &record.reason), &stages)
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

fn test_case(run: &RunRecord, name: &str, status: TestCaseStatus, stages: &[&StageRecord]) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(run.suite.as_str());
    let begin = stages.iter().map(|stage| stage.offset_ms).min().unwrap_or(0);
    let end = stages.iter().map(|stage| stage.offset_ms + stage.duration_ms).max().unwrap_or(begin);
    case.set_time(Duration::from_millis(end - begin));
    let bad: Vec<_> = stages.iter().filter(|stage| stage.outcome != Outcome::Passed).collect();
    let mut text = String::new();
    for stage in &bad {
        let _ = writeln!(text, "{} on {}: {}", stage_title(run, stage), stage.machine, ending(stage));
    }
    if !bad.is_empty() {
        case.status.set_description(text);
    }
    let mut output = String::new();
    for stage in bad.iter().filter(|stage| !stage.output.is_empty()) {
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
