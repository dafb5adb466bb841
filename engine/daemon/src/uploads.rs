//! Output and log files on their way from the agents to the disk.
//!
//! Files are only appended to. An upload begins where the file ends, so a broken connection costs nothing, and no
//! byte is stored twice. What has arrived is told to the core as one number per attempt, the bytes of its output and
//! collected logs together: a stage is not over before its evidence is here.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{Mutex as AsyncMutex, broadcast, watch};
use xrdtest_model::size::human_bytes;
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
    /// Counts what arrives.
    arrived: watch::Sender<u64>,
}

impl Uploads {
    pub(crate) fn new(
        runs: PathBuf,
        live: broadcast::Sender<OutputChunk>,
        arrived: watch::Sender<u64>,
    ) -> Self {
        Self { runs, busy: Mutex::default(), live, arrived }
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
        let mut file = Growing::open(self, path).await?;
        file.acknowledge(&mut stream).await?;
        while let Some(chunk) = stream.next_chunk().await? {
            if file.have + chunk.len() as u64 > limit {
                return Err(UploadError::TooLong(limit));
            }
            file.append(&chunk).await?;
            if let Some(attempt) = attempt
                && self.live.receiver_count() > 0
            {
                let _ = self.live.send(OutputChunk { attempt: attempt.clone(), bytes: chunk });
            }
            file.tell(&mut stream).await?;
        }
        file.end(stream).await
    }

    /// Takes what a machine writes to its console. Where the file has `limit` bytes it ends with a line that says so, and
    /// the upload is refused, now and later; answers whether that has happened just now.
    pub(crate) async fn receive_console(
        &self,
        run: &RunId,
        relative: &Path,
        limit: u64,
        mut stream: IncomingStream,
    ) -> Result<bool, UploadError> {
        let path = RunFiles::new(&self.runs, run).path(relative);
        let lock = self.lock(&path);
        let _held = lock.lock().await;
        let mut file = Growing::open(self, path).await?;
        if file.ends_with(FULL).await? {
            return Ok(false);
        }
        if file.have < limit {
            file.acknowledge(&mut stream).await?;
        }
        while file.have < limit {
            let Some(chunk) = stream.next_chunk().await? else {
                file.end(stream).await?;
                return Ok(false);
            };
            let room = usize::try_from(limit - file.have).unwrap_or(usize::MAX);
            file.append(&chunk[..chunk.len().min(room)]).await?;
            file.tell(&mut stream).await?;
        }
        let limit = human_bytes(limit);
        file.append(format!("\n[… the rest is left out by xrdtest: limit {limit}{FULL}").as_bytes()).await?;
        file.sync().await?;
        // The agent is told by the end of the stream: nobody reads on.
        Ok(true)
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

/// How a console ends that has reached its limit.
const FULL: &str = " (key limits.console) …]\n";

/// A file that grows by an upload.
struct Growing<'a> {
    uploads: &'a Uploads,
    path: PathBuf,
    file: File,
    /// Its length.
    have: u64,
    acknowledged: u64,
}

impl<'a> Growing<'a> {
    async fn open(uploads: &'a Uploads, path: PathBuf) -> Result<Self, UploadError> {
        let opened = async {
            let file = open(&path).await?;
            let have = file.metadata().await?.len();
            Ok((file, have))
        };
        match opened.await {
            Ok((file, have)) => Ok(Self { uploads, path, file, have, acknowledged: have }),
            Err(source) => Err(UploadError::Write { path, source }),
        }
    }

    fn failed(&self, source: io::Error) -> UploadError {
        UploadError::Write { path: self.path.clone(), source }
    }

    async fn append(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.file.write_all(bytes).await.map_err(|source| self.failed(source))?;
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// Tells those who wait for files that there is more, and the agent from time to time.
    async fn tell(&mut self, stream: &mut IncomingStream) -> Result<(), UploadError> {
        if self.uploads.arrived.receiver_count() > 0 {
            self.file.flush().await.map_err(|source| self.failed(source))?;
            self.uploads.arrived.send_modify(|count| *count += 1);
        }
        if self.have - self.acknowledged >= ACK_EVERY {
            self.file.flush().await.map_err(|source| self.failed(source))?;
            self.acknowledge(stream).await?;
        }
        Ok(())
    }

    async fn acknowledge(&mut self, stream: &mut IncomingStream) -> Result<(), UploadError> {
        self.acknowledged = self.have;
        Ok(stream.acknowledge(self.have).await?)
    }

    async fn sync(&mut self) -> Result<(), UploadError> {
        self.file.flush().await.map_err(|source| self.failed(source))?;
        self.file.sync_data().await.map_err(|source| self.failed(source))
    }

    /// Confirms the whole file.
    async fn end(mut self, mut stream: IncomingStream) -> Result<u64, UploadError> {
        // After this word the agent forgets the file, so it has to outlive a power cut here.
        self.sync().await?;
        self.acknowledge(&mut stream).await?;
        stream.finish();
        Ok(self.have)
    }

    /// Whether these are its last bytes.
    async fn ends_with(&self, words: &str) -> Result<bool, UploadError> {
        let Some(from) = self.have.checked_sub(words.len() as u64) else { return Ok(false) };
        let read = async {
            let mut file = File::open(&self.path).await?;
            file.seek(SeekFrom::Start(from)).await?;
            let mut end = vec![0; words.len()];
            file.read_exact(&mut end).await?;
            Ok(end == words.as_bytes())
        };
        read.await.map_err(|source| self.failed(source))
    }
}

/// Opens a file to append to. Where it is new, its folder is synced, so that the name outlives a power cut as well.
async fn open(path: &Path) -> io::Result<File> {
    if let Ok(file) = OpenOptions::new().append(true).open(path).await {
        return Ok(file);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let known = folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned);
    tokio::fs::create_dir_all(folder).await?;
    let file = OpenOptions::new().append(true).create(true).open(path).await?;
    for changed in folder.ancestors() {
        File::open(changed).await?.sync_all().await?;
        if Some(changed) == known.as_deref() {
            break;
        }
    }
    Ok(file)
}

/// A file of an attempt's evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvidenceFile {
    /// The output.
    Output,
    /// The log at this position in the report.
    Log(u32),
}

/// What has arrived of each attempt that is not over.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    attempts: HashMap<AttemptId, BTreeMap<EvidenceFile, u64>>,
}

impl Arrivals {
    /// A file is here, with that many bytes; answers the bytes of all files together. A file that was sent again
    /// counts once.
    pub(crate) fn arrived(&mut self, attempt: &AttemptId, file: EvidenceFile, length: u64) -> u64 {
        let files = self.attempts.entry(attempt.clone()).or_default();
        files.insert(file, length);
        files.values().fold(0, |sum, length| sum.saturating_add(*length))
    }

    /// Whether that many bytes are here.
    pub(crate) fn have(&self, attempt: &AttemptId, length: u64) -> bool {
        let have = self.attempts.get(attempt).map_or(0, |files| files.values().sum::<u64>());
        have >= length
    }

    /// The attempt is over.
    pub(crate) fn forget(&mut self, attempt: &AttemptId) {
        self.attempts.remove(attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xrdtest_model::{MachineId, StageId};

    #[test]
    fn files_are_counted_once() {
        let machine = MachineId::new("i".into(), "h");
        let attempt = AttemptId { run: "r".into(), stage: StageId::SUITE_INITIALIZE, machine, number: 1 };
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.arrived(&attempt, EvidenceFile::Output, 5), 5);
        assert_eq!(arrivals.arrived(&attempt, EvidenceFile::Log(1), 3), 8);
        assert_eq!(arrivals.arrived(&attempt, EvidenceFile::Log(1), 3), 8);
        arrivals.forget(&attempt);
        assert_eq!(arrivals.arrived(&attempt, EvidenceFile::Log(0), 1), 1);
    }
}
