//! The one task that writes. What is pending when it is free becomes one transaction, so one sync to the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::checkpoints::Checkpoints;
use super::lock::Lock;
use super::memory::Memory;
use super::write::{Pending, Session};
use super::{open, words};
use crate::StoreError;

/// The most requests of one transaction.
const BATCH: usize = 1024;

/// Rows written between two checkpoints. Each is over before the next barrier of hundreds of machines; and where one
/// catches up with the writer, the log begins anew and need not grow, which makes each sync shorter.
const ROWS_PER_CHECKPOINT: u64 = 1024;

/// What the writer is asked.
pub(super) enum Message {
    /// To write something.
    Write(Box<dyn Pending>),
    /// To finish what was asked before, and to end.
    Close(oneshot::Sender<()>),
}

/// The writer's task.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) connection: SqliteConnection,
    pub(super) memory: Memory,
    /// Transactions so far.
    pub(super) commits: Arc<AtomicU64>,
    pub(super) checkpoints: Checkpoints,
    pub(super) lock: Lock,
}

impl Writer {
    /// Starts the task; answers where requests go. It ends when asked to, and when nobody is left who could ask.
    pub(super) fn start(self) -> mpsc::UnboundedSender<Message> {
        let (requests, queue) = mpsc::unbounded_channel();
        tokio::spawn(self.run(queue));
        requests
    }

    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Message>) {
        // After an error nothing is written any more, so that nothing is reported as durable.
        let mut broken = None;
        let mut messages = Vec::new();
        let mut closers = Vec::new();
        while queue.recv_many(&mut messages, BATCH).await > 0 {
            let mut batch = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Write(pending) => batch.push(pending),
                    Message::Close(tell) => closers.push(tell),
                }
            }
            let committed = match &broken {
                Some(error) => Err(StoreError::clone(error)),
                None => self.commit(&mut batch).await,
            };
            for pending in batch {
                pending.tell(&committed);
            }
            broken = committed.err();
            if !closers.is_empty() {
                // What has come in by now is still taken; nothing new is.
                queue.close();
            }
        }
        self.checkpoints.end().await;
        open::shut(self.connection).await;
        drop(self.lock);
        for tell in closers {
            let _ = tell.send(());
        }
    }

    async fn commit(&mut self, batch: &mut [Box<dyn Pending>]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let done = self.transaction(batch).await;
        self.commits.fetch_add(1, Ordering::Release);
        if self.memory.rows >= ROWS_PER_CHECKPOINT {
            self.memory.rows = 0;
            self.checkpoints.make_one();
        }
        done.map_err(|error| {
            let error = words::broken("write to", &self.path, &error);
            tracing::error!("{error}");
            error
        })
    }

    async fn transaction(&mut self, batch: &mut [Box<dyn Pending>]) -> Result<(), sqlx::Error> {
        let mut session = Session::new(&mut self.connection, &mut self.memory, batch.len());
        for pending in batch {
            pending.carry_out(&mut session).await?;
        }
        session.commit().await
    }
}
