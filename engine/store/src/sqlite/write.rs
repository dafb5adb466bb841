//! One thing to write, and who waits for it.

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use super::memory::Memory;
use crate::StoreError;

/// What a write works with: the open transaction, and what the writer knows without asking.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) memory: &'a mut Memory,
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

    /// Writes it within the open transaction.
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
