//! Takes one attempt from wherever it is to its final report.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use xrdtest_model::order::FinishedReport;
use xrdtest_model::{AttemptId, Outcome, Timestamp};

use super::Place;
use super::contact::{Contact, last_line};
use super::patience::Patience;
use super::settle::{Record, is_all, settle};
use crate::stage::wire::{Command, News};
use crate::stage::{Assignment, StageFolder};
use crate::supervisor::course::GOING_DOWN;
use crate::supervisor::notes::Notes;

/// Supervisors that are started for one attempt until one of them accepts it.
const TRIES: u32 = 3;
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// How much of an attempt's output there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// Bytes.
    pub length: u64,
    /// It will not become more.
    pub whole: bool,
}

/// What others hear of a running stage.
#[derive(Debug)]
pub struct StageNews {
    /// Its output.
    pub grown: watch::Sender<Grown>,
    /// Gets the attempt when its script has announced a boot of the machine.
    pub rebooting: mpsc::UnboundedSender<AttemptId>,
}

/// Attends one attempt. `news` hears of it, `commands` go to its supervisor. The report is final: it is on
/// disk, and asking again yields the same.
pub async fn attend(
    place: Arc<Place>,
    folder: StageFolder,
    assignment: Assignment,
    news: StageNews,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> FinishedReport {
    let recorded = folder.read::<Record>("report.json").ok().flatten();
    let record = match recorded {
        Some(record) => {
            record.apply(&place);
            record
        }
        None => {
            let outcome = outcome(&place, &folder, &assignment, &news, &mut commands).await;
            let outcome =
                outcome.unwrap_or_else(|error| lost(&folder, format!("its journal cannot be used: {error}")));
            news.grown.send_replace(Grown { length: outcome.output_length, whole: true });
            if is_all(&folder, &assignment, &outcome) {
                return outcome;
            }
            settle_unless_stopped(&place, &folder, assignment, outcome, &mut commands).await
        }
    };
    news.grown.send_replace(Grown { length: record.report.output_length, whole: true });
    record.report
}

/// Writes the final report down. Who wants the stage to end meanwhile ends what takes long of that.
async fn settle_unless_stopped(
    place: &Arc<Place>,
    folder: &StageFolder,
    assignment: Assignment,
    outcome: FinishedReport,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> Record {
    let fallback = Record::of(outcome.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let (place, folder, stopped) = (Arc::clone(place), folder.clone(), Arc::clone(&stop));
    let mut through =
        tokio::task::spawn_blocking(move || settle(&place, &folder, &assignment, outcome, &stopped));
    let through = tokio::select! {
        done = &mut through => done,
        Some(_) = commands.recv() => {
            stop.store(true, Ordering::Relaxed);
            through.await
        }
    };
    through.unwrap_or(fallback)
}

/// Finds out how the attempt ended; waits until it has.
async fn outcome(
    place: &Place,
    folder: &StageFolder,
    assignment: &Assignment,
    news: &StageNews,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> io::Result<FinishedReport> {
    let mut spare = place.spare_of(&assignment.order.attempt.run);
    let mut tries = 0;
    let mut complaints = None;
    loop {
        if let Some(outcome) = folder.outcome()? {
            return Ok(outcome);
        }
        if assignment.order.boot_id != place.boot_id {
            if folder.is_reboot_announced() {
                return Ok(booted(folder));
            }
            return Ok(lost(folder, "the machine was started anew before the script had ended"));
        }
        let mut contact = if let Some(accepted) = folder.accepted()? {
            match folder.connect()? {
                Some(stream) => Contact::new(stream, accepted.pid)?,
                None => {
                    if folder.is_reboot_announced() {
                        // It goes when the machine goes down, and then this agent will too.
                        tokio::time::sleep(GOING_DOWN).await;
                    }
                    // It may have stated the outcome between the two looks.
                    let stated = folder.outcome()?;
                    return Ok(
                        stated.unwrap_or_else(|| lost(folder, "its supervisor is gone without an outcome"))
                    );
                }
            }
        } else if let Some(mut spare) = spare.take() {
            // One that is gone meanwhile is noticed by listening.
            let _ = spare.say(&Command::Supervise { folder: folder.path().to_owned() }).await;
            spare
        } else if tries < TRIES {
            tries += 1;
            match Contact::start(&place.supervisor, folder) {
                Ok((contact, errors)) => {
                    complaints = Some(errors);
                    contact
                }
                // What ran before may have left no room for another process; that may pass.
                Err(error) if tries < TRIES => {
                    tracing::warn!(%error, "cannot start a supervisor; trying again");
                    tokio::time::sleep(TRY_AGAIN).await;
                    continue;
                }
                Err(error) => return Ok(lost(folder, format!("no supervisor could be started: {error}"))),
            }
        } else {
            let why = complaints.as_ref().map(last_line).unwrap_or_default();
            return Ok(lost(folder, format!("no supervisor could be started{why}")));
        };
        let limit = Duration::from_millis(assignment.order.timeout_ms);
        let patience = Patience::new(contact.process.clone(), limit);
        let attempt = &assignment.order.attempt;
        if let Some((outcome, free)) =
            listen(&mut contact, (folder, attempt), patience, news, commands).await?
        {
            if free {
                place.keep_spare(&attempt.run, contact);
            }
            return Ok(outcome);
        }
        contact.ended().await?;
    }
}

/// Listens to a supervisor, and passes commands on, until the outcome comes, with whether the supervisor takes another
/// stage, or patience is over; `None` where the connection ends first.
async fn listen(
    contact: &mut Contact,
    (folder, attempt): (&StageFolder, &AttemptId),
    mut patience: Patience,
    news: &StageNews,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> io::Result<Option<(FinishedReport, bool)>> {
    let mut more_commands = true;
    let mut told = false;
    loop {
        tokio::select! {
            heard = contact.hear() => match heard? {
                None => return Ok(None),
                Some(News::Running { length, rebooting }) => {
                    news.grown.send_replace(Grown { length, whole: false });
                    if rebooting && !told {
                        told = true;
                        // The desk is there as long as anybody attends a stage.
                        let _ = news.rebooting.send(attempt.clone());
                    }
                }
                Some(News::Over { outcome, free }) => return Ok(Some((*outcome, free))),
                // The script's own business, or a newer supervisor's.
                Some(News::RebootRefused { .. } | News::Noted { .. } | News::Unknown) => {}
            },
            command = commands.recv(), if more_commands => match command {
                Some(command) => {
                    // A supervisor that is gone is noticed by listening.
                    let _ = contact.say(&command).await;
                    patience.outcome_is_due();
                }
                None => more_commands = false,
            },
            () = patience.over() => {
                patience.end_supervisor().await;
                let stated = folder.outcome()?;
                let outcome =
                    stated.unwrap_or_else(|| lost(folder, "its supervisor did not answer and was killed"));
                return Ok(Some((outcome, false)));
            }
        }
    }
}

/// The report on an attempt whose end nobody knows; what there is of its output still counts.
fn lost(folder: &StageFolder, why: impl Into<String>) -> FinishedReport {
    let output = std::fs::metadata(folder.output());
    let accepted = std::fs::metadata(folder.path().join("accepted")).and_then(|accepted| accepted.modified());
    let started =
        accepted.unwrap_or_else(|_| SystemTime::now()).duration_since(UNIX_EPOCH).unwrap_or_default();
    // What can't be read is as lost as the end.
    let Notes { artifacts, metrics } = Notes::of(folder).unwrap_or_default();
    FinishedReport {
        started: Timestamp::from_millis(xrdtest_model::time::millis(started)),
        output_length: output.map_or(0, |output| output.len()),
        output_lost: 0,
        logs: artifacts,
        metrics,
        ..lost_without_trace(why)
    }
}

/// The report on an attempt whose script had its machine booted, as it had announced.
fn booted(folder: &StageFolder) -> FinishedReport {
    let end_lost = folder.output().with_extension("tail").exists();
    let report = lost(
        folder,
        if end_lost {
            "the machine was booted as announced; of the output, which is over its limit, the end is lost"
        } else {
            "the machine was booted as announced"
        },
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let duration_ms = xrdtest_model::time::millis(now).saturating_sub(report.started.as_millis());
    FinishedReport { outcome: Outcome::Passed, exit_code: Some(0), duration_ms, ..report }
}

/// The report on an attempt of which this machine has nothing.
pub fn lost_without_trace(why: impl Into<String>) -> FinishedReport {
    FinishedReport {
        outcome: Outcome::Lost,
        exit_code: None,
        signal: None,
        reason: why.into(),
        started: Timestamp::default(),
        duration_ms: 0,
        output_length: 0,
        output_lost: 0,
        leftovers: Vec::new(),
        logs: Vec::new(),
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }
}
