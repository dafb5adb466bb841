//! Checkpoints: what was written goes from the log into the file, beside the writer, which does not wait for it.

use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::open;

/// The task that makes checkpoints.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wishes: mpsc::Sender<()>,
    task: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the task.
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (wishes, queue) = mpsc::channel(1);
        Self { wishes, task: tokio::spawn(run(connection, queue)) }
    }

    /// Has one made, if none is due anyway.
    pub(super) fn make_one(&self) {
        let _ = self.wishes.try_send(());
    }

    /// Ends the task; its connection is closed afterwards.
    pub(super) async fn end(self) {
        drop(self.wishes);
        // An error is an end as well.
        let _ = self.task.await;
    }
}

async fn run(mut connection: SqliteConnection, mut wishes: mpsc::Receiver<()>) {
    while wishes.recv().await.is_some() {
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await {
            // Nothing is lost: everything is in the log, and the writer meets the same trouble.
            tracing::warn!("checkpoint of the store: {error}");
        }
    }
    open::shut(connection).await;
}
