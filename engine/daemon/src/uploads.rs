//! Output, log and console files on their way from the agents to the disk.
//!
//! Files are only appended to. An upload begins where the file ends, so a broken connection costs nothing, and no
//! byte is stored twice. What has arrived is told to the core as one number per attempt, when the output and every
//! collected log of that attempt are there: a stage is not over before its evidence is.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex as AsyncMutex, broadcast};
use xrdtest_model::order::FinishedReport;
use xrdtest_model::{AttemptId, RunId};
use xrdtest_protocol::ProtocolError;
use xrdtest_protocol::stream::{ACK_EVERY, IncomingStream};

use crate::handle::OutputChunk;
use crate::run_files::RunFiles;

/// Why an upload was given up. The agent tries again on its next connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("{}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("more than the limit of {0} bytes")]
    TooLong(u64),
}

/// Stores uploads below the folder of all runs.
#[derive(Debug)]
pub(crate) struct Uploads {
    runs: PathBuf,
    busy: Mutex<HashMap<PathBuf, Weak<AsyncMutex<()>>>>,
    live: broadcast::Sender<OutputChunk>,
}

impl Uploads {
    pub(crate) fn new(runs: PathBuf, live: broadcast::Sender<OutputChunk>) -> Self {
        Self { runs, busy: Mutex::default(), live }
    }

    /// Takes an upload to its end; answers the length of the whole file. `attempt` is set for output that people
    /// may be watching.
    pub(crate) async fn receive(
        &self,
        run: &RunId,
        relative: &Path,
        attempt: Option<&AttemptId>,
        limit: u64,
        mut stream: IncomingStream,
    ) -> Result<u64, UploadError> {
        let path = RunFiles::new(&self.runs, run).path(relative);
        let lock = self.lock(&path);
        // A connection that broke may still hold the file for a moment.
        let _held = lock.lock().await;
        let failed = |source| UploadError::Write { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(failed)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).open(&path).await.map_err(failed)?;
        let mut have = file.metadata().await.map_err(failed)?.len();
        stream.acknowledge(have).await?;
        let mut acknowledged = have;
        while let Some(chunk) = stream.next_chunk().await? {
            if have + chunk.len() as u64 > limit {
                return Err(UploadError::TooLong(limit));
            }
            file.write_all(&chunk).await.map_err(failed)?;
            have += chunk.len() as u64;
            if let Some(attempt) = attempt
                && self.live.receiver_count() > 0
            {
                let _ = self.live.send(OutputChunk { attempt: attempt.clone(), bytes: chunk });
            }
            if have - acknowledged >= ACK_EVERY {
                file.flush().await.map_err(failed)?;
                stream.acknowledge(have).await?;
                acknowledged = have;
            }
        }
        file.flush().await.map_err(failed)?;
        stream.acknowledge(have).await?;
        stream.finish();
        Ok(have)
    }

    fn lock(&self, path: &Path) -> Arc<AsyncMutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = busy.get(path).and_then(Weak::upgrade) {
            return lock;
        }
        busy.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(AsyncMutex::new(()));
        busy.insert(path.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

/// What has arrived of each attempt that is not over.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    attempts: HashMap<AttemptId, Arrival>,
}

#[derive(Debug, Default)]
struct Arrival {
    expected: Option<Expected>,
    output: Option<u64>,
    logs: BTreeSet<u32>,
}

#[derive(Debug)]
struct Expected {
    output_length: u64,
    logs: BTreeSet<u32>,
}

impl Arrivals {
    /// The machine has said how the stage ended. Each method answers the output's length once everything is here.
    pub(crate) fn reported(&mut self, attempt: &AttemptId, report: &FinishedReport) -> Option<u64> {
        let logs =
            (0u32..).zip(&report.logs).filter(|(_, log)| log.length > 0).map(|(index, _)| index).collect();
        self.update(attempt, |arrival| {
            arrival.expected = Some(Expected { output_length: report.output_length, logs });
        })
    }

    /// The output's upload has ended with that many bytes.
    pub(crate) fn output(&mut self, attempt: &AttemptId, length: u64) -> Option<u64> {
        self.update(attempt, |arrival| arrival.output = Some(length))
    }

    /// A log's upload has ended.
    pub(crate) fn log(&mut self, attempt: &AttemptId, index: u32) -> Option<u64> {
        self.update(attempt, |arrival| {
            arrival.logs.insert(index);
        })
    }

    /// The attempt is over.
    pub(crate) fn forget(&mut self, attempt: &AttemptId) {
        self.attempts.remove(attempt);
    }

    fn update(&mut self, attempt: &AttemptId, change: impl FnOnce(&mut Arrival)) -> Option<u64> {
        let arrival = self.attempts.entry(attempt.clone()).or_default();
        change(arrival);
        let expected = arrival.expected.as_ref()?;
        let length = arrival.output.unwrap_or(0);
        (length >= expected.output_length && arrival.logs.is_superset(&expected.logs)).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xrdtest_model::event::CollectedLog;
    use xrdtest_model::{MachineId, Outcome, StageId, Timestamp};

    fn attempt() -> AttemptId {
        let machine = MachineId::new("i".into(), "h");
        AttemptId { run: "r".into(), stage: StageId::SUITE_INITIALIZE, machine, number: 1 }
    }

    fn report(output_length: u64, logs: &[u64]) -> FinishedReport {
        let log = |length: &u64| CollectedLog { path: "/l".to_owned(), length: *length, note: String::new() };
        FinishedReport {
            outcome: Outcome::Passed,
            exit_code: Some(0),
            signal: None,
            reason: String::new(),
            started: Timestamp::default(),
            duration_ms: 0,
            output_length,
            leftovers: Vec::new(),
            logs: logs.iter().map(log).collect(),
        }
    }

    #[test]
    fn complete_only_with_output_and_all_logs_in_any_order() {
        let attempt = attempt();
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.output(&attempt, 5), None);
        assert_eq!(arrivals.reported(&attempt, &report(5, &[0, 3, 9])), None);
        assert_eq!(arrivals.log(&attempt, 2), None);
        assert_eq!(arrivals.log(&attempt, 1), Some(5));
        arrivals.forget(&attempt);
        assert_eq!(arrivals.reported(&attempt, &report(0, &[0])), Some(0));
    }
}
