//! What becomes of a stage in which something crashed, and how much of core dumps a run may keep.

use xrdtest_model::crash::{CoreOrder, Crash, CrashKind};
use xrdtest_model::definition::CoreDumps;
use xrdtest_model::event::CollectedLog;
use xrdtest_model::order::StageReport;
use xrdtest_model::{EventBody, FinishedReport, Outcome};

use crate::common::report;
use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

/// The report of a script beside which `boom` crashed, with a core dump of so many bytes.
fn crashed(outcome: Outcome, code: i32, core: u64) -> FinishedReport {
    let path = "/crash/core.boom.7.zst".to_owned();
    let crash = Crash {
        kind: CrashKind::Process,
        subject: "boom".to_owned(),
        signal: Some(11),
        core: path.clone(),
        ..Crash::default()
    };
    let file = CollectedLog { path, length: core, note: String::new(), artifact: true };
    let log =
        CollectedLog { path: "/var/log/x".to_owned(), length: 1000, note: String::new(), artifact: true };
    FinishedReport { crashes: vec![crash], logs: vec![log, file], ..report(outcome, Some(code), 10) }
}

fn ends(lab: &mut Lab, machine: &str, report: FinishedReport) {
    let attempt = lab.attempt(machine);
    let length = report.evidence_length();
    lab.report(&attempt, StageReport::Finished(Box::new(report)));
    lab.output(&attempt, length);
}

fn crashes_told(lab: &Lab) -> usize {
    let results = lab.journal.iter().filter_map(|event| match &event.body {
        EventBody::StageFinished { result, .. } => Some(result.crashes.len()),
        _ => None,
    });
    results.sum()
}

#[test]
fn a_crash_is_told_and_the_script_decides() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        ends(lab, "a", crashed(Outcome::Passed, 0, 5));
        for _ in 0..10 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
        assert_eq!(crashes_told(lab), 1);
    });
}

#[test]
fn a_crash_fails_the_stage_where_the_suite_says_so() {
    scenario(|lab| {
        let mut plan = pair();
        plan.core_dumps = CoreDumps::Fail;
        lab.up(&plan);
        lab.pass_until("0-run");
        ends(lab, "a", crashed(Outcome::Passed, 0, 5));
        for _ in 0..10 {
            lab.all_pass();
        }
        lab.verdict("r1", "failed: copy failed: run failed on a (crashed: boom (SIGSEGV))");
        let reason = lab.journal.iter().find_map(|event| match &event.body {
            EventBody::CaseFinished { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(reason.unwrap(), "run failed on a (crashed: boom (SIGSEGV))");
    });
}

#[test]
fn a_stage_that_did_not_pass_keeps_its_outcome() {
    scenario(|lab| {
        let mut plan = pair();
        plan.core_dumps = CoreDumps::Fail;
        lab.up(&plan);
        lab.pass_until("0-run");
        let mut late = crashed(Outcome::TimedOut, 0, 5);
        (late.exit_code, late.signal) = (None, Some(15));
        ends(lab, "a", late);
        let told = lab.journal.iter().find_map(|event| match &event.body {
            EventBody::StageFinished { result, .. } if !result.crashes.is_empty() => Some(result.outcome),
            _ => None,
        });
        assert_eq!(told, Some(Outcome::TimedOut));
    });
}

#[test]
fn machines_share_what_the_run_may_still_keep() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.run_core_bytes = 1000;
        (plan.limits.core_bytes, plan.limits.cores) = (400, 3);
        lab.up(&plan);
        lab.pass_until("0-run");
        let share = |total| Some(CoreOrder { each: 400, count: 3, total });
        assert_eq!((lab.order("a").cores, lab.order("b").cores), (share(500), share(500)));
        ends(lab, "a", crashed(Outcome::Passed, 0, 300));
        lab.passes("b");
        assert_eq!(lab.order("a").cores, share(350));
        ends(lab, "a", crashed(Outcome::Passed, 0, 5000));
        lab.passes("b");
        lab.pass_until("finalize");
        assert_eq!(lab.order("a").cores, share(0));
    });
}

#[test]
fn nobody_looks_where_the_suite_says_so() {
    scenario(|lab| {
        let mut plan = pair();
        plan.core_dumps = CoreDumps::Off;
        lab.up(&plan);
        lab.pass_until("0-run");
        assert_eq!(lab.order("a").cores, None);
    });
}
