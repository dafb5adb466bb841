//! What fake slaves say about stages.

use std::time::Duration;

use xrdtest_model::order::{FinishedReport, StageOrder, StageReport};
use xrdtest_model::time::millis;
use xrdtest_model::{AttemptId, Outcome, RunId, Timestamp};

/// A script that exited.
pub(super) fn exited(code: i32, output: u64, started: Timestamp, now: Timestamp) -> FinishedReport {
    let outcome = if code == 0 { Outcome::Passed } else { Outcome::Failed };
    FinishedReport { exit_code: Some(code), output_length: output, ..ended(outcome, "", started, now) }
}

/// A script that ended in another way.
pub(super) fn ended(outcome: Outcome, reason: &str, started: Timestamp, now: Timestamp) -> FinishedReport {
    FinishedReport {
        outcome,
        exit_code: None,
        signal: None,
        reason: reason.to_owned(),
        started,
        duration_ms: millis(now.since(started)),
        output_length: 0,
        output_lost: 0,
        leftovers: Vec::new(),
        logs: Vec::new(),
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }
}

/// Lies: about another machine, about another run, about an attempt that nobody made, and at last about the order
/// itself, with an outcome that contradicts the exit code and a length that will never arrive.
pub(super) fn lies(order: &StageOrder, now: Timestamp) -> Vec<(AttemptId, StageReport)> {
    let truth = &order.attempt;
    let passed = StageReport::Finished(Box::new(exited(0, 0, now, now)));
    let mut other_machine = truth.clone();
    other_machine.machine.host = format!("not-{}", truth.machine.host);
    let other_run = AttemptId { run: RunId::new(format!("not-{}", truth.run)), ..truth.clone() };
    let never_made = AttemptId { number: truth.number.saturating_add(7), ..truth.clone() };
    let contradiction = FinishedReport {
        exit_code: Some(1),
        signal: Some(9),
        output_length: 1 << 50,
        output_lost: 0,
        ..ended(Outcome::Passed, "it was not me", now.after(Duration::from_secs(1 << 30)), now)
    };
    vec![
        (other_machine, passed.clone()),
        (other_run, passed.clone()),
        (never_made, passed),
        (truth.clone(), StageReport::Finished(Box::new(contradiction))),
    ]
}
