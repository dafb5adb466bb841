//! What is to be delivered and is not yet: mails, webhooks.

use xrdtest_model::{RunId, Timestamp};

use crate::Answer;

/// Where deliveries are kept until they are made; part of [`crate::Store`]. A *target* is a way out, by name.
pub trait Outbox {
    /// From now on these targets are told what happens, and no others. Answers up to which event each was considered,
    /// in their order; `last` for those that were told nothing before.
    fn tell_targets(&self, targets: Vec<String>, last: u64) -> Answer<'_, Vec<u64>>;

    /// Keeps that for these targets the events up to `considered` were considered, and the deliveries that they led to,
    /// all or nothing. A delivery about the same thing of the same run to the same recipient of the same target that is
    /// kept already stays as it is.
    fn keep_deliveries(
        &self,
        targets: Vec<String>,
        considered: u64,
        deliveries: Vec<NewDelivery>,
    ) -> Answer<'_, ()>;

    /// Deliveries of a target that are not made, at most `limit`.
    fn deliveries(&self, target: String, order: DeliveryOrder, limit: u32) -> Answer<'_, Vec<KeptDelivery>>;

    /// How many are not made, by target; those with none are left out.
    fn deliveries_waiting(&self) -> Answer<'_, Vec<DeliveriesWaiting>>;

    /// Notes that a delivery could not be made, and when it is tried again.
    fn delivery_failed(&self, id: u64, error: String, due: Timestamp) -> Answer<'_, ()>;

    /// Removes a delivery that was made, or given up.
    fn remove_delivery(&self, id: u64) -> Answer<'_, ()>;

    /// Removes all deliveries of a target; answers how many.
    fn remove_deliveries(&self, target: String) -> Answer<'_, u64>;
}

/// Which deliveries of a target come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// Those that are due first; of the same time, as they were kept.
    Due,
    /// As they were kept.
    Kept,
}

/// A delivery to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The way that it goes: `mail`, `webhook/NAME`.
    pub target: String,
    /// The run that it is about.
    pub run: RunId,
    /// What of the run: `run`, `case-3`, `started`.
    pub about: String,
    /// The address that it goes to, where the target has several; else empty.
    pub recipient: String,
    /// All of it, as the sender understands it.
    pub content: String,
    /// When that is.
    pub queued: Timestamp,
}

/// A delivery that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDelivery {
    /// Its number.
    pub id: u64,
    /// What was kept.
    pub delivery: NewDelivery,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Timestamp,
    /// What came of the last try; empty before the first.
    pub error: String,
}

/// What waits for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveriesWaiting {
    /// The target.
    pub target: String,
    /// How many deliveries.
    pub count: u64,
    /// The last error of any of them; empty where there was none.
    pub error: String,
}
