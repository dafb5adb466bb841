//! What is told about runs, and how it gets there: [`follow`] makes deliveries of what the journal says and keeps them in
//! the store, [`send`] sends what is kept. A delivery is forgotten only when its target has taken it, or after days.
//!
//! Who is told what in which words, and the way out, are a [`Target`]'s: mail, each webhook.

mod follow;
mod send;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use xrdtest_model::api::{DeliveryInfo, MailInfo};
use xrdtest_model::document::RunRecord;
use xrdtest_model::{RunId, RunPlan, Timestamp};
use xrdtest_report::webhook::{Before, Happened};
use xrdtest_store::StoreError;
use xrdtest_store::outbox::{DeliveriesWaiting, DeliveryOrder, KeptDelivery, NewDelivery};

use self::follow::Follower;
use self::send::Sender;
use crate::handle::EngineHandle;

/// The target of mails.
pub(crate) const MAIL: &str = "mail";
/// How targets begin that are webhooks.
pub(crate) const WEBHOOK: &str = "webhook/";

/// Why something was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    /// Nothing would be: the server can't be reached, does not let the engine in, or a file is missing. In words.
    #[error("{0}")]
    Way(String),
    /// The same, and the server says how long it wants to be left alone.
    #[error("{0}")]
    Later(String, Duration),
    /// This one is refused, others may not be. In words.
    #[error("{0}")]
    Refused(String),
    /// No try of this one can succeed. In words.
    #[error("{0}")]
    Hopeless(String),
}

/// Something that happened to a run, with all that there is to say about it.
pub(crate) struct Story {
    pub(crate) run: RunId,
    pub(crate) at: Timestamp,
    pub(crate) happened: Happened,
    pub(crate) plan: RunPlan,
    pub(crate) record: RunRecord,
    pub(crate) before: Before,
}

/// Somebody who is told.
pub(crate) trait Target: Send + Sync + 'static {
    /// Its name in the store, in `status` and in metrics.
    fn name(&self) -> String;

    /// The way there in words, without secrets.
    fn way(&self) -> String;

    /// Which deliveries go first.
    fn order(&self) -> DeliveryOrder;

    /// Whether it can be told of a run at all.
    fn is_told_of(&self, plan: &RunPlan) -> bool;

    /// Whether it can be told of something that happened.
    fn may_be_told(&self, plan: &RunPlan, happened: Happened) -> bool;

    /// What it is told.
    ///
    /// # Errors
    /// Where that can't be kept, which is nothing that a run or a definition can bring about.
    fn deliveries(&self, story: &Story) -> Result<Vec<NewDelivery>, serde_json::Error>;

    /// Tells it.
    fn deliver<'a>(&'a self, kept: &'a KeptDelivery) -> BoxFuture<'a, Result<(), Unsent>>;
}

impl EngineHandle {
    /// Tells these targets about runs until `end`, and what is being told then; nobody else is told of what happens
    /// meanwhile. [`Self::look_what_waits`] is before it.
    pub(crate) async fn deliver(self, targets: Vec<Arc<dyn Target>>, end: CancellationToken) {
        if let Err(error) = self.follow_and_send(targets, end).await {
            error!(%error, "nothing is sent any more, neither mails nor webhooks; runs go on");
        }
    }

    /// What is told of deliveries from the start on: what waits for these targets since an earlier one, and why.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub(crate) async fn look_what_waits(&self, targets: &[Arc<dyn Target>]) -> Result<(), StoreError> {
        let waiting = self.store.deliveries_waiting().await?;
        self.forget_others(targets, &waiting).await?;
        let infos = targets.iter().map(|target| {
            let (name, way) = (target.name(), target.way());
            let found = waiting.iter().find(|waiting| waiting.target == name).cloned();
            let (waiting, error) = found.map(|found| (found.count, found.error)).unwrap_or_default();
            DeliveryInfo { target: name, way, waiting, error, ..DeliveryInfo::default() }
        });
        self.deliveries.send_replace(infos.collect());
        Ok(())
    }

    async fn follow_and_send(
        &self,
        targets: Vec<Arc<dyn Target>>,
        end: CancellationToken,
    ) -> Result<(), StoreError> {
        let new: Vec<Arc<Notify>> = targets.iter().map(|_| Arc::default()).collect();
        let follower = Follower::start(self.clone(), targets.clone(), new.clone(), end.clone()).await?;
        let senders = targets.into_iter().zip(new).enumerate();
        let senders = senders
            .map(|(place, (target, new))| Sender::new(self.clone(), target, place, new, end.clone()).run());
        tokio::try_join!(follower.run(), try_join_all(senders))?;
        Ok(())
    }

    /// What waits for a webhook that is not in the configuration any more will never be sent. Mails may have a way out
    /// again some day.
    async fn forget_others(
        &self,
        targets: &[Arc<dyn Target>],
        waiting: &[DeliveriesWaiting],
    ) -> Result<(), StoreError> {
        for DeliveriesWaiting { target, count, .. } in waiting {
            if target.starts_with(WEBHOOK) && !targets.iter().any(|known| known.name() == *target) {
                self.store.remove_deliveries(target.clone()).await?;
                warn!(to = target, count, "given up: that webhook is not in the configuration any more");
            }
        }
        Ok(())
    }

    /// How it goes with mail; `None` where none is sent.
    pub(crate) fn mail_info(&self) -> Option<MailInfo> {
        let infos = self.deliveries.borrow();
        let mail = infos.iter().find(|info| info.target == MAIL)?;
        // That one was given up does not mean that any waits.
        let error = if mail.waiting > 0 { mail.error.clone() } else { String::new() };
        Some(MailInfo { waiting: mail.waiting, error })
    }
}
