//! One thing to write, and who waits for it.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use super::memory::Memory;
use crate::StoreError;

/// What a write works with: the transaction, and what the writer knows without asking.
#[derive(Debug)]
pub(super) struct Session<'a> {
    connection: &'a mut SqliteConnection,
    pub(super) memory: &'a mut Memory,
    /// Whether there is one write only.
    alone: bool,
    /// Whether the transaction is open.
    open: bool,
}

impl<'a> Session<'a> {
    /// For so many writes.
    pub(super) fn new(connection: &'a mut SqliteConnection, memory: &'a mut Memory, writes: usize) -> Self {
        Self { connection, memory, alone: writes == 1, open: false }
    }

    /// The connection, within the transaction.
    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        if !std::mem::replace(&mut self.open, true) {
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *self.connection).await?;
        }
        Ok(self.connection)
    }

    /// The connection for one statement that is all of a write. Where that is the only write, the statement is its own
    /// transaction: each way to the connection's thread and back counts while hundreds of machines wait for each other.
    pub(super) async fn single_statement(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        if self.alone { Ok(self.connection) } else { self.connection().await }
    }

    /// Ends the transaction, with one sync to the disk.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        if self.open {
            sqlx::query("COMMIT").execute(self.connection).await?;
        }
        Ok(())
    }
}

/// Why a write was not carried out.
#[derive(Debug)]
pub(super) enum WriteError {
    /// It makes no sense, in words. Said before anything of it was written: what else is in the transaction goes on.
    Refused(String),
    /// The back-end failed: the whole transaction is lost.
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

/// One thing to write.
pub(super) trait Write: Send + 'static {
    /// What the caller is told when it is durable.
    type Answer: Send + 'static;

    /// Writes it within the transaction.
    fn carry_out(
        self,
        session: &mut Session<'_>,
    ) -> impl Future<Output = Result<Self::Answer, WriteError>> + Send;
}

/// A [`Write`] of any kind with its caller.
pub(super) trait Pending: Send {
    /// Writes it. An error is the end of the transaction.
    fn carry_out<'a>(&'a mut self, session: &'a mut Session<'_>) -> BoxFuture<'a, Result<(), sqlx::Error>>;

    /// Tells the caller, once it is known what became of the transaction.
    fn tell(self: Box<Self>, committed: &Result<(), StoreError>);
}

/// What the caller waits for.
pub(super) type Told<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A write for the writer's queue, and where its answer comes.
pub(super) fn pending<W: Write>(write: W) -> (Box<dyn Pending>, Told<W::Answer>) {
    let (tell, told) = oneshot::channel();
    (Box::new(Waiting { write: Some(write), answer: None, tell }), told)
}

struct Waiting<W: Write> {
    write: Option<W>,
    answer: Option<Result<W::Answer, String>>,
    tell: oneshot::Sender<Result<W::Answer, StoreError>>,
}

impl<W: Write> Pending for Waiting<W> {
    fn carry_out<'a>(&'a mut self, session: &'a mut Session<'_>) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        async move {
            let Some(write) = self.write.take() else { return Ok(()) };
            self.answer = match write.carry_out(session).await {
                Ok(answer) => Some(Ok(answer)),
                Err(WriteError::Refused(why)) => Some(Err(why)),
                Err(WriteError::Failed(error)) => return Err(error),
            };
            Ok(())
        }
        .boxed()
    }

    fn tell(self: Box<Self>, committed: &Result<(), StoreError>) {
        let answer = match (self.answer, committed) {
            (Some(Err(why)), _) => Err(StoreError::Refused(why)),
            (_, Err(error)) => Err(error.clone()),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            // Dropping the sender tells the caller that nobody answers.
            (None, Ok(())) => return,
        };
        // Who does not wait any more need not know.
        let _ = self.tell.send(answer);
    }
}
