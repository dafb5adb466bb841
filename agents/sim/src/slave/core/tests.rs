use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::order::FinishedReport;
use xrdtest_model::plan::Script;
use xrdtest_model::{StageId, StageKind};

use super::*;

const BOOT: &str = "boot-1";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn machine() -> MachineId {
    MachineId::new("i1".into(), "ds1.xrd.test")
}

fn core(rules: &[&str]) -> Core {
    let behaviours = Behaviours::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
    Core::new(machine(), BOOT.to_owned(), behaviours, Random::new(1, "ds1.xrd.test"))
}

fn attempt(number: u32) -> AttemptId {
    AttemptId { run: "r1".into(), stage: StageId::of_case(0, StageKind::Run), machine: machine(), number }
}

fn order(number: u32) -> Input {
    Input::Order(Box::new(StageOrder {
        attempt: attempt(number),
        boot_id: BOOT.to_owned(),
        suite: "s".to_owned(),
        case: Some("c".to_owned()),
        script: Arc::new(Script { origin: String::new(), digest: String::new(), text: String::new() }),
        tags: BTreeMap::new(),
        timeout_ms: 1000,
        output_limit: 1 << 20,
        logs: Vec::new(),
        log_limit: 0,
        aliases: Vec::new(),
        cores: None,
    }))
}

/// The only action, which must be a final report on attempt 1.
fn finished(actions: &[Action]) -> FinishedReport {
    match actions.last() {
        Some(Action::Report(about, StageReport::Finished(report))) if *about == attempt(1) => {
            (**report).clone()
        }
        other => panic!("{other:?}"),
    }
}

fn accepted() -> Action {
    Action::Report(attempt(1), StageReport::Accepted)
}

#[test]
fn prompt_ones_pass_at_once_and_answer_again_until_told_to_forget() {
    let mut core = core(&[]);
    let actions = core.handle(at(0), order(1));
    assert_eq!((finished(&actions).outcome, finished(&actions).exit_code), (Outcome::Passed, Some(0)));
    assert_eq!(core.handle(at(1), order(1)), actions, "a repeated order is answered with what is known");
    assert_eq!(core.known().len(), 1);
    assert!(core.handle(at(2), Input::Forget(attempt(1))).is_empty());
    assert!(core.known().is_empty());
    assert_eq!(core.next_wakeup(), None);
}

#[test]
fn slow_ones_take_their_time_also_without_connection() {
    let mut core = core(&["*=slow:5s"]);
    assert_eq!(core.handle(at(10), order(1)), [accepted()]);
    assert_eq!(core.next_wakeup(), Some(at(15)));
    assert!(core.handle(at(14), Input::Tick).is_empty());
    assert_eq!(core.known(), [(attempt(1), StageReport::Accepted)]);
    let report = finished(&core.handle(at(15), Input::Tick));
    assert_eq!((report.outcome, report.started, report.duration_ms), (Outcome::Passed, at(10), 5000));
    assert_eq!(core.known(), [(attempt(1), StageReport::Finished(Box::new(report)))]);
}

#[test]
fn a_stage_that_is_ended_stays_ended() {
    let mut core = core(&["*=slow:5s"]);
    core.handle(at(0), order(1));
    let end = Input::EndStage { attempt: attempt(1), why: EndCause::TimedOut };
    assert_eq!(finished(&core.handle(at(1), end.clone())).outcome, Outcome::TimedOut);
    assert!(core.handle(at(5), Input::Tick).is_empty());
    assert_eq!(finished(&core.handle(at(6), end)).outcome, Outcome::TimedOut, "said again");
    let unknown = Input::EndStage { attempt: attempt(2), why: EndCause::Cancelled };
    assert_eq!(core.handle(at(7), unknown), [Action::Report(attempt(2), StageReport::Unknown)]);
}

#[test]
fn output_is_sent_again_on_each_connection_until_it_is_there() {
    let mut core = core(&["*=output:1M"]);
    let upload = Action::Upload(attempt(1), Some(1 << 20));
    let actions = core.handle(at(0), order(1));
    assert_eq!(actions[0], upload);
    assert_eq!(finished(&actions).output_length, 1 << 20);
    assert_eq!(core.handle(at(1), Input::Connected), std::slice::from_ref(&upload));
    core.handle(at(2), Input::Forget(attempt(1)));
    assert_eq!(core.handle(at(3), Input::Connected), [upload], "forgotten, but not all of it is there");
    core.handle(at(4), Input::Uploaded(attempt(1)));
    assert!(core.handle(at(5), Input::Connected).is_empty());
    assert!(core.known().is_empty());
}

#[test]
fn output_that_was_not_taken_is_offered_again_while_somebody_may_want_it() {
    let mut core = core(&["*=output:1M"]);
    core.handle(at(0), order(1));
    assert!(core.handle(at(1), Input::UploadFailed(attempt(1))).is_empty());
    assert_eq!(core.next_wakeup(), Some(at(2)));
    assert_eq!(core.handle(at(2), Input::Tick), [Action::Upload(attempt(1), Some(1 << 20))]);
    core.handle(at(3), Input::Forget(attempt(1)));
    core.handle(at(4), Input::UploadFailed(attempt(1)));
    assert!(core.known().is_empty());
}

#[test]
fn failing_ones_say_their_code() {
    let report = finished(&core(&["ds*@*-run=fails:7"]).handle(at(0), order(1)));
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, Some(7)));
}

#[test]
fn dead_ones_accept_and_are_silent() {
    let mut core = core(&["*=dead"]);
    assert_eq!(core.handle(at(0), order(1)), [accepted()]);
    let end = Input::EndStage { attempt: attempt(1), why: EndCause::TimedOut };
    assert!(core.handle(at(1), end).is_empty());
    assert_eq!(core.next_wakeup(), None);
}

#[test]
fn gone_ones_leave_without_a_word() {
    assert_eq!(core(&["*=gone"]).handle(at(0), order(1)), [Action::Leave]);
}

#[test]
fn liars_speak_for_others_and_contradict_themselves() {
    let actions = core(&["*=lying"]).handle(at(0), order(1));
    let about: Vec<_> = actions
        .iter()
        .map(|action| match action {
            Action::Report(attempt, _) => attempt.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_ne!(about[1].machine, machine());
    assert_ne!(about[2].run, attempt(1).run);
    assert_ne!(about[3].number, 1);
    let report = finished(&actions);
    assert_eq!((report.outcome, report.exit_code), (Outcome::Passed, Some(1)));
}

#[test]
fn floods_end_when_they_are_ended() {
    let mut core = core(&["*=flooding"]);
    let actions = core.handle(at(0), order(1));
    assert_eq!(actions[1..], [Action::Upload(attempt(1), None), Action::Flood(attempt(1), FLOOD)]);
    let end = Input::EndStage { attempt: attempt(1), why: EndCause::TimedOut };
    assert_eq!(finished(&core.handle(at(1), end)).output_length, 1 << 20);
    core.handle(at(2), Input::Forget(attempt(1)));
    assert!(core.known().is_empty(), "nobody waits for output without end");
}

#[test]
fn flapping_ones_drop_every_connection_once() {
    let mut core = core(&["*=flapping:10s"]);
    for connected in [0, 100, 103] {
        assert!(core.handle(at(connected), Input::Connected).is_empty());
        let due = core.next_wakeup().unwrap();
        assert!(due >= at(connected + 5) && due <= at(connected + 15), "{due:?}");
    }
    assert_eq!(core.handle(at(200), Input::Tick), [Action::Drop]);
    assert_eq!(core.next_wakeup(), None);
}

#[test]
fn orders_for_others_or_another_boot_are_lost() {
    let Input::Order(good) = order(1) else { unreachable!() };
    let mut other_boot = good.clone();
    other_boot.boot_id = "boot-0".to_owned();
    let mut other_machine = good;
    other_machine.attempt.machine.host = "ds2.xrd.test".to_owned();
    for order in [other_boot, other_machine] {
        let actions = core(&[]).handle(at(0), Input::Order(order));
        let [Action::Report(_, StageReport::Finished(report))] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(report.outcome, Outcome::Lost);
    }
}
