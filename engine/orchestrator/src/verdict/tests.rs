//! Rule 8 as a table: outcomes in, verdict and reason out.

use super::*;

/// `a=passed b=failed:3 c=lost`: outcomes by host, with an exit code or a signal where there is one.
fn outcomes(text: &str) -> Outcomes {
    text.split_whitespace()
        .map(|item| {
            let (host, told) = item.split_once('=').unwrap();
            let (word, number) = told.split_once(':').unwrap_or((told, ""));
            let outcome = serde_json::from_value(serde_json::Value::from(word)).unwrap();
            let number = number.parse().ok();
            let brief = Brief {
                outcome,
                exit_code: number.filter(|_| outcome == Outcome::Failed),
                signal: number.filter(|_| outcome == Outcome::Killed),
                reason: String::new(),
            };
            (host.to_owned(), brief)
        })
        .collect()
}

fn cancelled() -> Option<Stop> {
    Some(Stop::Cancelled("cancelled by alice".to_owned()))
}

fn lost() -> Option<Stop> {
    Some(Stop::Lost("z was lost: no contact for 30 s".to_owned()))
}

fn out_of_time() -> Option<Stop> {
    Some(Stop::TimedOut("run limit of 1 h".to_owned()))
}

/// Initialize, run and finalize of a case; `""` where the stage has no script or was not come to.
fn check_case(stages: [&str; 3], stop: Option<Stop>, expected: &str) {
    check_forced_case(stages, stop, false, expected);
}

fn check_forced_case(stages: [&str; 3], stop: Option<Stop>, forced: bool, expected: &str) {
    let kinds = [StageKind::Initialize, StageKind::Run, StageKind::Finalize];
    let stages = stages.map(outcomes);
    let stages = kinds.into_iter().zip(&stages).filter(|(_, outcomes)| !outcomes.is_empty());
    let end = of_case(&CaseFacts { stages: stages.collect(), stop: stop.as_ref(), forced });
    assert_eq!(told(end.verdict, &end.reason), expected);
}

fn told(verdict: Verdict, reason: &str) -> String {
    format!("{verdict}: {reason}").trim_end_matches(": ").to_owned()
}

#[test]
fn cases() {
    check_case(["a=passed", "a=passed", "a=passed"], None, "passed");
    check_case(["", "a=passed b=passed", ""], None, "passed");
    check_case(["a=failed:3", "a=not_run", ""], None, "failed: initialize failed on a (exit code 3)");
    check_case(["", "a=passed b=failed:1", ""], None, "failed: run failed on b (exit code 1)");
    check_case(["", "a=killed:9", ""], None, "failed: run was killed on a (signal 9)");
    check_case(["", "a=passed", "a=failed:2"], None, "failed: finalize failed on a (exit code 2)");
    check_case(["", "a=timed_out", ""], None, "timed out: run timed out on a");
    check_case(["", "a=passed", "a=timed_out"], None, "timed out: finalize timed out on a");
    check_case(["", "", ""], None, "error: nothing was run");
}

#[test]
fn the_first_verdict_that_fits() {
    check_case(
        ["", "a=timed_out b=failed:1", "a=passed"],
        None,
        "failed: run failed on b (exit code 1), timed out on a",
    );
    check_case(
        ["", "a=failed:1 b=failed:1 c=lost", ""],
        lost(),
        "error: run was lost on c, failed on a and b (exit code 1)",
    );
    check_case(["", "a=cancelled b=lost c=failed:1", ""], cancelled(), "cancelled: cancelled by alice");
}

#[test]
fn cases_that_the_run_cut_short() {
    let initialized = ["a=passed", "a=not_run", "a=passed"];
    check_case(initialized, cancelled(), "cancelled: cancelled by alice");
    check_case(initialized, lost(), "error: not run: z was lost: no contact for 30 s");
    check_case(initialized, out_of_time(), "timed out: not run: run limit of 1 h");
    check_case(initialized, None, "error: nothing was run");
    // What failed by itself is not excused by what came later.
    let failed = ["a=failed:1", "a=not_run", "a=passed"];
    check_case(failed, cancelled(), "failed: initialize failed on a (exit code 1)");
    check_case(failed, lost(), "failed: initialize failed on a (exit code 1)");
    check_case(failed, out_of_time(), "failed: initialize failed on a (exit code 1)");
    // What passed before the run ended stays passed, unless it was not allowed to clean up.
    let passed = ["a=passed", "a=passed", ""];
    check_case(passed, cancelled(), "passed");
    check_forced_case(passed, cancelled(), true, "cancelled: cancelled by alice");
}

fn end(verdict: Verdict, reason: &str) -> CaseEnd {
    CaseEnd { verdict, reason: reason.to_owned() }
}

/// A run of two cases: its suite initialize, its cases, its suite finalize.
fn check_run(stages: (&str, &[CaseEnd], &str), expected: &str) {
    check_ended_run(stages, |_| {}, expected);
}

/// The same, where something else is to be considered.
fn check_ended_run(stages: (&str, &[CaseEnd], &str), change: impl FnOnce(&mut RunFacts<'_>), expected: &str) {
    let (initialize, cases, finalize) = stages;
    let (initialize, finalize) = (outcomes(initialize), outcomes(finalize));
    let mut facts = RunFacts {
        initialize: Some(&initialize).filter(|outcomes| !outcomes.is_empty()),
        finalize: Some(&finalize).filter(|outcomes| !outcomes.is_empty()),
        cases: ["copy", "look"].into_iter().zip(cases).collect(),
        planned: 2,
        ..RunFacts::default()
    };
    change(&mut facts);
    let (verdict, reason) = of_run(&facts);
    assert_eq!(told(verdict, &reason), expected);
}

const FINE: &str = "a=passed b=passed";
const BAD: &str = "a=passed b=failed:3";
const LOST: &str = "a=lost b=failed:1";

#[test]
fn runs() {
    let good = [end(Verdict::Passed, ""), end(Verdict::Passed, "")];
    let one = [end(Verdict::Passed, ""), end(Verdict::TimedOut, "run timed out on a")];
    let both = [end(Verdict::Failed, "x"), end(Verdict::TimedOut, "y")];
    check_run((FINE, &good, FINE), "passed");
    check_run((FINE, &good, ""), "passed");
    check_run((FINE, &good, BAD), "failed: suite finalize failed on b (exit code 3)");
    check_run((BAD, &[], FINE), "failed: suite initialize failed on b (exit code 3); no case was run");
    check_run((FINE, &one, FINE), "failed: 1 of 2 cases did not pass: look timed out: run timed out on a");
    check_run((FINE, &both, FINE), "failed: 2 of 2 cases did not pass: copy failed: x, look timed out: y");
    check_ended_run((FINE, &both[..1], FINE), |run| run.planned = 1, "failed: copy failed: x");
}

#[test]
fn a_run_with_many_cases_that_did_not_pass_names_the_first() {
    let initialize = outcomes(FINE);
    let names: Vec<String> = (1..=13).map(|number| format!("c{number}")).collect();
    let bad = end(Verdict::Failed, "x");
    let reason = |number: usize| {
        let cases = names[..number].iter().map(|name| (name.as_str(), &bad)).collect();
        let facts = RunFacts { initialize: Some(&initialize), cases, planned: number, ..RunFacts::default() };
        of_run(&facts).1
    };
    let first = "c1 failed: x, c2 failed: x, c3 failed: x";
    assert_eq!(reason(3), format!("3 of 3 cases did not pass: {first}"));
    assert_eq!(reason(4), format!("4 of 4 cases did not pass: {first} and 1 more"));
    assert_eq!(reason(13), format!("13 of 13 cases did not pass: {first} and 10 more"));
}

#[test]
fn runs_in_which_nothing_ran_are_never_passed() {
    check_ended_run((FINE, &[], FINE), |run| run.planned = 0, "error: no case was run");
    check_run((FINE, &[], FINE), "error: no case was run");
    check_run((FINE, &[end(Verdict::Passed, "")], FINE), "error: not every case was run");
    check_run(("", &[], ""), "error: no case was run");
}

#[test]
fn the_first_verdict_of_a_run_that_fits() {
    let good = [end(Verdict::Passed, ""), end(Verdict::Passed, "")];
    let failed = [end(Verdict::Failed, "x")];
    let error = [end(Verdict::Failed, "x"), end(Verdict::Error, "run was lost on a")];
    let cancelled = |run: &mut RunFacts<'_>| run.cancelled = Some("cancelled by alice".to_owned());
    let late = |run: &mut RunFacts<'_>| run.timed_out = Some("run limit of 1 h".to_owned());
    let lost = |run: &mut RunFacts<'_>| run.lost = Some("a was lost: gone".to_owned());
    let not_up = |run: &mut RunFacts<'_>| run.not_up = Some("no such image".to_owned());
    check_run((FINE, &error, FINE), "error: look: run was lost on a");
    check_run(
        (LOST, &[], FINE),
        "error: suite initialize was lost on a, failed on b (exit code 1); no case was run",
    );
    check_ended_run((FINE, &error, FINE), cancelled, "cancelled: cancelled by alice");
    check_ended_run((FINE, &error, FINE), late, "error: look: run was lost on a");
    check_ended_run((FINE, &failed, FINE), late, "timed out: run limit of 1 h");
    check_ended_run((FINE, &good, FINE), late, "timed out: run limit of 1 h");
    check_ended_run((FINE, &failed, FINE), lost, "error: a was lost: gone");
    check_ended_run(("", &[], ""), not_up, "error: no such image");
    // A lost finalize stage of a machine that is still there is a stage that is not passed.
    check_run((FINE, &good, LOST), "failed: suite finalize was lost on a, failed on b (exit code 1)");
}
