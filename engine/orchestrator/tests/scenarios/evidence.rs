//! Evidence that is on the engine's disk when it starts again. Agents that saw its last acknowledgement say nothing about
//! it any more, so the engine looks at its own files.

use xrdtest_model::{AttemptId, EventBody, Outcome};
use xrdtest_orchestrator::{Config, Effect, Input, Orchestrator};

use crate::lab::Lab;
use crate::outcomes::pair;

/// A stage's last result is reported by `b`; its 10 bytes of output are on the engine's disk, but the engine was killed
/// before it knew.
fn reported() -> (Lab, AttemptId) {
    let mut lab = Lab::new(false);
    lab.up(&pair());
    lab.pass_until("0-run");
    lab.passes("a");
    let attempt = lab.reports("b", Outcome::Passed, Some(0));
    (lab, attempt)
}

fn restored(lab: &Lab) -> Orchestrator {
    Orchestrator::restore(Config::default(), lab.journal.clone())
}

/// Whether the result of `b` is final, and then whether it is complete.
fn complete(effects: &[Effect]) -> Option<bool> {
    let events = effects.iter().filter_map(|effect| match effect {
        Effect::Persist(events) => Some(events),
        _ => None,
    });
    events.flatten().find_map(|event| match &event.body {
        EventBody::StageFinished { result, .. } if result.machine.host == "b" => Some(result.output_complete),
        _ => None,
    })
}

#[test]
fn it_is_asked_for() {
    let (lab, attempt) = reported();
    let open = restored(&lab).open_attempts();
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].attempt, attempt);
    assert_eq!(open[0].reported.as_ref().map(xrdtest_model::event::StageResult::evidence_length), Some(10));
}

#[test]
fn it_completes_a_stage_before_any_agent_is_back() {
    let (lab, attempt) = reported();
    let mut core = restored(&lab);
    let effects = core.resume_with(lab.now, [Input::EvidenceArrived { attempt, length: 10 }]);
    assert_eq!(complete(&effects), Some(true));
}

#[test]
fn it_may_be_said_after_the_agents_are_back() {
    let (mut lab, attempt) = reported();
    lab.core = restored(&lab);
    assert_eq!(complete(&lab.core.resume(lab.now)), None);
    for machine in ["a", "b"] {
        let id = lab.machine(machine);
        let known = match machine {
            "b" => vec![(attempt.clone(), lab.report_of(&attempt))],
            _ => Vec::new(),
        };
        let hello = Input::SlaveConnected { machine: id, boot_id: "boot 0".to_owned(), known };
        assert_eq!(complete(&lab.core.handle(lab.now, hello)), None);
    }
    let effects = lab.core.handle(lab.now, Input::EvidenceArrived { attempt, length: 10 });
    assert_eq!(complete(&effects), Some(true));
}

/// The script ended while the engine was away, and its agent had sent all output before that.
#[test]
fn it_may_be_there_before_the_report() {
    let mut lab = Lab::new(false);
    lab.up(&pair());
    lab.pass_until("0-run");
    lab.passes("a");
    let attempt = lab.attempt("b");
    let (hello, machine) = ("boot 0".to_owned(), lab.machine("b"));
    lab.core = restored(&lab);
    let evidence = Input::EvidenceArrived { attempt: attempt.clone(), length: 10 };
    lab.core.resume_with(lab.now, [evidence.clone()]);
    lab.reports("b", Outcome::Passed, Some(0));
    let known = vec![(attempt.clone(), lab.report_of(&attempt))];
    // Said again, as it is whenever a report comes in.
    let connected = Input::SlaveConnected { machine, boot_id: hello, known };
    let effects = lab.core.handle_all(lab.now, [evidence, connected]);
    assert_eq!(complete(&effects), Some(true));
}

/// A cancel by force waits for nobody; but what is there is not called incomplete.
#[test]
fn it_counts_in_a_run_that_waits_for_nothing() {
    let (mut lab, attempt) = reported();
    lab.cancel("r1", true);
    let asked = |event: &xrdtest_model::Event| matches!(event.body, EventBody::CancelRequested { .. });
    let end = lab.journal.iter().position(asked).unwrap();
    lab.journal.truncate(end + 1);
    let effects = restored(&lab)
        .resume_with(lab.now, [Input::EvidenceArrived { attempt: attempt.clone(), length: 10 }]);
    assert_eq!(complete(&effects), Some(true));
    let effects = restored(&lab).resume_with(lab.now, [Input::EvidenceArrived { attempt, length: 9 }]);
    assert_eq!(complete(&effects), Some(false));
}
