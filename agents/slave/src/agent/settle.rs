//! What becomes of a stage's outcome: crashes and log files are collected, and the final report is written down.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xrdtest_model::order::FinishedReport;

use super::Place;
use crate::crash::{self, Collected, Collection, Ledger, Patience};
use crate::logs::Update;
use crate::stage::{Assignment, StageFolder};

/// What is written down when an attempt is through: it is never worked out again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) report: FinishedReport,
    logs: Option<Update>,
    #[serde(default)]
    crashes: Option<Ledger>,
}

impl Record {
    /// Without anything collected.
    pub(super) fn of(report: FinishedReport) -> Self {
        Self { report, logs: None, crashes: None }
    }

    /// Takes the collection over, which an agent before this one has made.
    pub(super) fn apply(&self, place: &Place) {
        let mut book = place.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(update) = &self.logs {
            book.apply(update);
        }
        if let Some(ledger) = &self.crashes {
            book.crashes.apply(ledger);
        }
    }
}

/// Whether what the supervisor has written down is all that there is to report.
pub(super) fn is_all(folder: &StageFolder, assignment: &Assignment, outcome: &FinishedReport) -> bool {
    let order = &assignment.order;
    order.logs.is_empty() && (order.cores.is_none() || folder.is_uneventful()) && is_stated(folder, outcome)
}

fn is_stated(folder: &StageFolder, outcome: &FinishedReport) -> bool {
    folder.outcome().is_ok_and(|stated| stated.as_ref() == Some(outcome))
}

/// Collects what crashed and the logs, and writes the final report down. `stop`: somebody does not want to wait.
pub(super) fn settle(
    place: &Place,
    folder: &StageFolder,
    assignment: &Assignment,
    outcome: FinishedReport,
    stop: &Arc<AtomicBool>,
) -> Record {
    let mut record = Record::of(outcome);
    let order = &assignment.order;
    // Back-traces take long, and who begins a run needs the book.
    let crashed = crashes(place, folder, assignment, &record.report, stop);
    // Held until the report is on disk: collections have an order.
    let mut book = place.book.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(crashed) = crashed {
        // Also that nothing was found is noted: what an agent after this one finds belongs to the next stage.
        let nothing = crashed.is_nothing() && order.logs.is_empty() && is_stated(folder, &record.report);
        let before = book.crashes.clone();
        book.crashes.apply(&crashed.ledger);
        if nothing && folder.note_uneventful().is_ok() {
            // Where daemons stand that a script has started, say.
            if book.crashes != before {
                place.save_book(&book);
            }
            return record;
        }
        record.crashes = Some(crashed.ledger);
        record.report.logs.extend(crashed.files);
        record.report.crashes = crashed.crashes;
        record.report.no_cores = crashed.no_cores;
    }
    let first = record.report.logs.len();
    match book.collect(&order.logs, order.log_limit, &folder.logs(), first) {
        Ok((logs, update)) => {
            book.apply(&update);
            record.report.logs.extend(logs);
            record.logs = Some(update);
        }
        Err(error) => {
            tracing::warn!(%error, attempt = %order.attempt, "cannot collect log files");
            append(&mut record.report.reason, &format!("log files could not be collected: {error}"));
        }
    }
    if let Err(error) = folder.write_whole("report.json", &record) {
        tracing::warn!(%error, attempt = %order.attempt, "cannot write the report down");
    }
    // Should the agent die just here, the next one takes the collection over from the report.
    place.save_book(&book);
    record
}

/// Collects what crashed, where the order says so.
fn crashes(
    place: &Place,
    folder: &StageFolder,
    assignment: &Assignment,
    outcome: &FinishedReport,
    stop: &Arc<AtomicBool>,
) -> Option<Collected> {
    let order = assignment.order.cores?;
    let limit = Duration::from_millis(assignment.order.timeout_ms);
    let taken = Duration::from_millis(outcome.duration_ms);
    let collection = Collection {
        ground: crash::ground(assignment.work.clone()),
        boot_id: &place.boot_id,
        order,
        folder,
        first: outcome.logs.len(),
        patience: Patience::after(limit, taken, Arc::clone(stop)),
    };
    let mut ledger = place.book.lock().unwrap_or_else(PoisonError::into_inner).crashes.clone();
    if ledger.is_lost() {
        let ordered = std::fs::metadata(folder.path().join("order.json"));
        let ordered = ordered.ok().and_then(|there| u64::try_from(there.ctime()).ok());
        ledger.begin_with(ordered.unwrap_or(0).saturating_mul(1_000_000_000), Path::new("/"));
    }
    let crashed = collection.collect(&ledger);
    for crash in &crashed.crashes {
        tracing::warn!(attempt = %assignment.order.attempt, "crashed: {crash}");
    }
    Some(crashed)
}

fn append(reason: &mut String, words: &str) {
    if !reason.is_empty() {
        reason.push_str("; ");
    }
    reason.push_str(words);
}
