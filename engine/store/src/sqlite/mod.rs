//! The store as one SQLite file.
//!
//! One task owns the only connection that writes. All requests that are pending when it is free become one
//! transaction, with one sync to the disk, and each caller is answered after it. Readers have connections of their own
//! and see what is durable. After the first error in writing nothing is written any more: every request is answered
//! with that error, so nothing is reported as durable that may not be.

mod access;
mod append;
mod checkpoints;
mod history;
pub mod inspect;
mod keep;
mod lock;
mod memory;
mod open;
mod outbox;
mod read;
mod rows;
mod schedules;
mod spelling;
mod tokens;
mod trends;
mod words;
mod write;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use xrdtest_model::api::{OutputEntry, RunSummary};
use xrdtest_model::chronicle::{Subject, SubjectKind, Transition};
use xrdtest_model::{Event, InstanceId, RunId, Timestamp};

use crate::{
    Answer, CaseVerdict, Measured, Revocation, RunFilter, ScheduleRecord, Store, StoreError, TokenPrefix,
    TokenRecord,
};
use append::Append;
use checkpoints::Checkpoints;
use keep::{EvidenceRemoved, Pin, RemoveRun};
use lock::Lock;
use memory::{Memory, Steps};
use read::Reader;
use schedules::KeepSchedules;
use tokens::{AddTokens, JoinAnew, Revoke, RevokeTokens, UseToken};
use trends::Latest;
use write::Write;
use writer::{Message, Writer};

/// One SQLite file (with its log `-wal`, `-shm`, and `.lock` beside it).
pub struct SqliteStore {
    path: PathBuf,
    requests: mpsc::UnboundedSender<Message>,
    readers: SqlitePool,
    steps: Steps,
    commits: Arc<AtomicU64>,
    latest: Latest,
}

impl SqliteStore {
    /// Opens the store at `path`, and creates it where there is none; its folder must be there. Needs a tokio runtime,
    /// which has to live as long as the store.
    ///
    /// # Errors
    /// In words with what to do: the folder or file can't be written, the disk is full, the file is torn, of another
    /// program or of a newer version, or another process has it open.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(path).await?;
        let mut connection = open::writer(path).await?;
        let memory = Memory::restore(&read::live_events(&mut connection, path).await?);
        let steps = memory.steps.clone();
        let checkpoints = Checkpoints::start(open::checkpointer(path).await?);
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            path: path.to_owned(),
            connection,
            memory,
            commits: Arc::clone(&commits),
            checkpoints,
            lock,
        };
        let readers = open::readers(path);
        Ok(Self {
            path: path.to_owned(),
            requests: writer.start(),
            readers,
            steps,
            commits,
            latest: Latest::default(),
        })
    }

    /// Transactions so far, each with one sync to the disk: how well requests are grouped.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Looks through the whole file for damage, however large it is; about a second per gigabyte. [`Self::open`] does
    /// so for files up to 64 MiB.
    ///
    /// # Errors
    /// What does not hold together, in words with what to do.
    pub async fn examine(&self) -> Result<(), StoreError> {
        let connection = self.readers.acquire().await;
        let mut connection = connection.map_err(|error| words::broken("read", &self.path, &error))?;
        open::examine(&mut connection, &self.path).await
    }

    fn reader(&self) -> Reader<'_> {
        Reader { pool: &self.readers, path: &self.path, steps: &self.steps }
    }

    /// Takes its place in the queue at once, not only when somebody waits for the answer.
    fn write<W: Write>(&self, write: W) -> Answer<'_, W::Answer> {
        let (pending, told) = write::pending(write);
        // What is sent to a writer that has ended is dropped, and so is who would have told.
        let _ = self.requests.send(Message::Write(pending));
        async move { told.await.map_err(|_| words::closed(&self.path))? }.boxed()
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn append(&self, events: Vec<Event>) -> Answer<'_, ()> {
        if events.is_empty() {
            return futures::future::ready(Ok(())).boxed();
        }
        // Here and not in the writer's task, which everybody waits for.
        let told = events.into_iter().map(|event| match serde_json::to_string(&event.body) {
            Ok(body) => Ok((event, body)),
            Err(error) => {
                Err(StoreError::Refused(format!("event {} can't be written: {error}", event.number)))
            }
        });
        match told.collect() {
            Ok(events) => self.write(Append { events }),
            Err(error) => futures::future::ready(Err(error)).boxed(),
        }
    }

    fn live_events(&self) -> Answer<'_, Vec<Event>> {
        read::live_events(&self.readers, &self.path).boxed()
    }

    fn events(&self, run: Option<RunId>, after: u64, limit: u32) -> Answer<'_, Vec<Event>> {
        async move { self.reader().events(run, after, limit).await }.boxed()
    }

    fn runs(&self, filter: RunFilter) -> Answer<'_, Vec<RunSummary>> {
        async move { self.reader().runs(filter).await }.boxed()
    }

    fn latest_runs(&self, of_each: u32) -> Answer<'_, Vec<RunSummary>> {
        async move { self.latest.of(&self.commits, of_each, &self.reader()).await }.boxed()
    }

    fn cases(&self, suite: String, runs: u32) -> Answer<'_, Vec<CaseVerdict>> {
        async move { self.reader().cases(suite, runs).await }.boxed()
    }

    fn metrics(&self, suite: String, runs: u32) -> Answer<'_, Vec<Measured>> {
        async move { self.reader().metrics(suite, runs).await }.boxed()
    }

    fn verdicts(&self) -> Answer<'_, Vec<(xrdtest_model::Verdict, u64)>> {
        async move { self.reader().verdicts().await }.boxed()
    }

    fn run(&self, run: RunId) -> Answer<'_, Option<RunSummary>> {
        async move { self.reader().run(run).await }.boxed()
    }

    fn outputs(&self, run: RunId) -> Answer<'_, Vec<OutputEntry>> {
        async move { self.reader().outputs(run).await }.boxed()
    }

    fn states(&self, kind: SubjectKind) -> Answer<'_, Vec<Transition>> {
        async move { self.reader().states(kind).await }.boxed()
    }

    fn machines(&self, instances: Vec<InstanceId>) -> Answer<'_, Vec<Transition>> {
        async move { self.reader().machines(&instances).await }.boxed()
    }

    fn history(&self, subject: Subject, limit: u32) -> Answer<'_, Vec<Transition>> {
        async move { self.reader().history(subject, limit).await }.boxed()
    }

    fn add_tokens(&self, tokens: Vec<TokenRecord>) -> Answer<'_, ()> {
        self.write(AddTokens { tokens })
    }

    fn use_token(&self, digest: String, key: String, now: Timestamp) -> Answer<'_, Option<String>> {
        self.write(UseToken { digest, key, now })
    }

    fn tokens(&self, now: Timestamp) -> Answer<'_, Vec<TokenRecord>> {
        async move { self.reader().tokens(now).await }.boxed()
    }

    fn revoke_tokens(&self, prefix: TokenPrefix) -> Answer<'_, u64> {
        self.write(RevokeTokens { prefix })
    }

    fn revoke(&self, revocation: Revocation) -> Answer<'_, ()> {
        self.write(Revoke { revocation })
    }

    fn joined_anew(&self, identity: String, at: Timestamp) -> Answer<'_, ()> {
        self.write(JoinAnew { identity, at })
    }

    fn revocations(&self) -> Answer<'_, Vec<Revocation>> {
        async move { self.reader().revocations().await }.boxed()
    }

    fn keep_schedules(&self, records: Vec<ScheduleRecord>) -> Answer<'_, ()> {
        if records.is_empty() {
            return futures::future::ready(Ok(())).boxed();
        }
        self.write(KeepSchedules { records })
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleRecord>> {
        async move { self.reader().schedules().await }.boxed()
    }

    fn pin(&self, run: RunId, pinned: bool) -> Answer<'_, bool> {
        self.write(Pin { run, pinned })
    }

    fn evidence_removed(&self, run: RunId, at: Timestamp, archive: Option<String>) -> Answer<'_, ()> {
        self.write(EvidenceRemoved { run, at, archive })
    }

    fn remove_run(&self, run: RunId) -> Answer<'_, ()> {
        self.write(RemoveRun { run })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.readers.close().await;
            let (tell, told) = oneshot::channel();
            // An error says that it has ended before.
            let _ = self.requests.send(Message::Close(tell));
            let _ = told.await;
        }
        .boxed()
    }
}
