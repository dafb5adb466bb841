//! Mails that are not sent yet.

use xrdtest_model::{RunId, Timestamp};

use crate::Answer;

/// Where mails are kept until they are sent; part of [`crate::Store`].
pub trait Outbox {
    /// Up to which event it was considered who gets mail; `None`: nobody considers.
    fn mail_considered(&self) -> Answer<'_, Option<u64>>;

    /// Keeps that the events up to `considered` were considered, and the mails that they led to, all or nothing.
    /// A mail about the same thing of the same run to the same address that is kept already stays as it is.
    fn keep_mails(&self, considered: Option<u64>, mails: Vec<NewMail>) -> Answer<'_, ()>;

    /// Mails that are not sent, at most `limit`: those that are due first, first; of the same time, as they were kept.
    fn mails(&self, limit: u32) -> Answer<'_, Vec<KeptMail>>;

    /// How many are not sent, and the last error of any of them.
    fn mails_waiting(&self) -> Answer<'_, (u64, String)>;

    /// Notes that a mail could not be sent, and when it is tried again.
    fn mail_failed(&self, id: u64, error: String, due: Timestamp) -> Answer<'_, ()>;

    /// Removes a mail that was sent, or given up.
    fn remove_mail(&self, id: u64) -> Answer<'_, ()>;
}

/// A mail to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// The run that it is about.
    pub run: RunId,
    /// What of the run: `run`, `case-3`.
    pub about: String,
    /// The address that it goes to.
    pub recipient: String,
    /// All of it, as the sender understands it.
    pub content: String,
    /// When that is.
    pub queued: Timestamp,
}

/// A mail that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMail {
    /// Its number.
    pub id: u64,
    /// What was kept.
    pub mail: NewMail,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Timestamp,
    /// What came of the last try; empty before the first.
    pub error: String,
}
