//! Takes one attempt from wherever it is to its final report.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream as StdStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::MemfdFlags;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use xrdtest_model::order::FinishedReport;
use xrdtest_model::{AttemptId, Outcome, Timestamp};

use super::Place;
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
        let (stream, child) = if folder.accepted()?.is_some() {
            match folder.connect()? {
                Some(stream) => (stream, None),
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
        } else if tries < TRIES {
            tries += 1;
            match start_supervisor(place, folder) {
                Ok((stream, child, errors)) => {
                    complaints = Some(errors);
                    (stream, Some(child))
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
        let supervisor = match &child {
            Some(child) => child.id(),
            None => folder.accepted()?.map(|accepted| accepted.pid),
        };
        let patience = Patience::new(supervisor, Duration::from_millis(assignment.order.timeout_ms));
        if let Some(outcome) =
            listen(stream, (folder, &assignment.order.attempt), patience, news, commands).await?
        {
            return Ok(outcome);
        }
        if let Some(mut child) = child {
            // It has closed its connection, so it is about to end.
            child.wait().await?;
        }
    }
}

/// Starts a supervisor. Its standard input is the other end of the stream, its standard error a file without a name,
/// as it may outlive this agent. Should it find the attempt taken, by one that an agent before this one started, it goes
/// away again.
///
/// No working directory is asked for: a child that is to change it is, in a static program, made by a full copy of this
/// process. The agent is in `/` itself.
fn start_supervisor(
    place: &Place,
    folder: &StageFolder,
) -> io::Result<(StdStream, tokio::process::Child, File)> {
    let (ours, theirs) = StdStream::pair()?;
    let complaints = File::from(rustix::fs::memfd_create("complaints", MemfdFlags::CLOEXEC)?);
    let child = tokio::process::Command::new(&place.supervisor)
        .arg("supervise")
        .arg(folder.path())
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(complaints.try_clone()?))
        .spawn()?;
    Ok((ours, child, complaints))
}

/// Listens to a supervisor, and passes commands on, until the outcome comes or patience is over; `None` where the
/// connection ends first.
async fn listen(
    stream: StdStream,
    (folder, attempt): (&StageFolder, &AttemptId),
    mut patience: Patience,
    news: &StageNews,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> io::Result<Option<FinishedReport>> {
    stream.set_nonblocking(true)?;
    let (read, mut write) = UnixStream::from_std(stream)?.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut more_commands = true;
    let mut told = false;
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return Ok(None) };
                match serde_json::from_str(&line)? {
                    News::Running { length, rebooting } => {
                        news.grown.send_replace(Grown { length, whole: false });
                        if rebooting && !told {
                            told = true;
                            // The desk is there as long as anybody attends a stage.
                            let _ = news.rebooting.send(attempt.clone());
                        }
                    }
                    News::Over { outcome } => return Ok(Some(*outcome)),
                    // The script's own business, or a newer supervisor's.
                    News::RebootRefused { .. } | News::Noted { .. } | News::Unknown => {}
                }
            }
            command = commands.recv(), if more_commands => match command {
                Some(command) => {
                    let mut line = serde_json::to_vec(&command)?;
                    line.push(b'\n');
                    // A supervisor that is gone is noticed by reading.
                    let _ = write.write_all(&line).await;
                    patience.outcome_is_due();
                }
                None => more_commands = false,
            },
            () = patience.over() => {
                patience.end_supervisor().await;
                let stated = folder.outcome()?;
                return Ok(Some(
                    stated.unwrap_or_else(|| lost(folder, "its supervisor did not answer and was killed")),
                ));
            }
        }
    }
}

/// The last thing that a supervisor complained about, for a reason's end.
fn last_line(complaints: &File) -> String {
    let mut text = [0; 4096];
    let length = complaints.read_at(&mut text, 0).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..length]);
    text.lines().last().map_or_else(String::new, |line| format!(": {line}"))
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
