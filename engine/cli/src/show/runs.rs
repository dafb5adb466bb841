//! Runs and the queue.

use std::time::Duration;

use xrdtest_model::api::{QueueEntry, RunSummary};
use xrdtest_model::time::human;
use xrdtest_model::{Timestamp, Verdict};

use super::table::{Cell, table, table_within};
use super::{BAD, DIM, GOOD, since};

/// Runs, one per line.
pub(crate) fn runs(now: Timestamp, runs: &[RunSummary]) -> String {
    let row = |run: &RunSummary| {
        vec![
            Cell::from(run.run.as_str()),
            verdict(run),
            since(now, Some(run.queued)),
            Cell::from(took(now, run)),
            Cell::new(run.trigger.as_str(), DIM),
            Cell::new(notes(run), DIM),
            Cell::from(run.reason.as_str()),
        ]
    };
    // The reason is cut by a terminal; `xrdtest show` tells it in full.
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    let headings = ["RUN", "VERDICT", "QUEUED", "TOOK", "BY", "", "REASON"];
    table_within(terminal, &headings, runs.iter().map(row).collect())
}

/// One run in one line: what was done about it is said beside it.
pub(crate) fn run_line(run: &RunSummary) -> String {
    let word = word(run);
    let reason = if run.reason.is_empty() { String::new() } else { format!(": {}", run.reason) };
    format!("{} {word}{reason}", run.run)
}

fn word(run: &RunSummary) -> String {
    match (run.verdict, run.started) {
        (Some(verdict), _) => verdict.to_string(),
        (None, Some(_)) => "runs".to_owned(),
        // Without a reason it has its place already.
        (None, None) if run.reason.is_empty() => "starts".to_owned(),
        (None, None) => "waits".to_owned(),
    }
}

/// A verdict, or what a run without one does.
pub(super) fn verdict(run: &RunSummary) -> Cell {
    let style = match run.verdict {
        Some(Verdict::Passed) => GOOD,
        Some(_) => BAD,
        None => DIM,
    };
    Cell::new(word(run), style)
}

fn took(now: Timestamp, run: &RunSummary) -> String {
    let time = run.started.map(|started| run.finished.unwrap_or(now).since(started));
    // Fractions of seconds of a run that goes on are over when they are read.
    let whole =
        |time: Duration| if run.finished.is_some() { time } else { Duration::from_secs(time.as_secs()) };
    time.map(|time| human(whole(time))).unwrap_or_default()
}

fn notes(run: &RunSummary) -> String {
    let notes = [
        (run.pinned, "pinned"),
        (run.archive.is_some(), "archived"),
        (run.evidence_removed.is_some() && run.archive.is_none(), "outputs removed"),
    ];
    notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect::<Vec<_>>().join(", ")
}

/// Waiting runs in the order in which they get a place.
pub(crate) fn queue(now: Timestamp, entries: &[QueueEntry]) -> String {
    let row = |entry: &QueueEntry| {
        vec![
            Cell::from(entry.position.to_string()),
            Cell::from(entry.run.as_str()),
            since(now, Some(entry.queued)),
            Cell::new(entry.trigger.as_str(), DIM),
            Cell::from(entry.reason.as_str()),
        ]
    };
    table(&["", "RUN", "QUEUED", "BY", "WAITS BECAUSE"], entries.iter().map(row).collect())
}
