//! Sends what is kept for a target, and tries again what could not be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use xrdtest_model::Timestamp;
use xrdtest_store::StoreError;
use xrdtest_store::outbox::{DeliveryOrder, KeptDelivery};

use super::{Target, Unsent};
use crate::handle::EngineHandle;

/// Deliveries that are looked at at once.
const PAGE: u32 = 50;
/// After this time a delivery is given up.
const OLDEST: Duration = Duration::from_secs(3 * 24 * 3600);
/// Between two tries of the way out, and of one delivery that is refused: the first, and the longest.
const WAY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
const REFUSED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// For longer no server is left alone, whatever it says.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// The one who sends.
pub(super) struct Sender {
    engine: EngineHandle,
    target: Arc<dyn Target>,
    /// Its name.
    name: String,
    /// Its place in what the engine tells of deliveries.
    place: usize,
    new: Arc<Notify>,
    end: CancellationToken,
    /// Failures of the way out since something went.
    failures: u32,
    /// Nothing is tried before.
    not_before: Timestamp,
    /// What was kept before this time is tried at once: an engine that was just started may have another way out.
    started: Timestamp,
    sent: u64,
    failed: u64,
    /// Why the latest that was tried was given up; empty where it was not.
    given_up: String,
}

impl Sender {
    pub(super) fn new(
        engine: EngineHandle,
        target: Arc<dyn Target>,
        place: usize,
        new: Arc<Notify>,
        end: CancellationToken,
    ) -> Self {
        let (started, name) = (engine.clock.now(), target.name());
        Self {
            engine,
            target,
            name,
            place,
            new,
            end,
            failures: 0,
            not_before: Timestamp::default(),
            started,
            sent: 0,
            failed: 0,
            given_up: String::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        loop {
            let next = self.round().await?;
            self.tell().await?;
            let wait = async {
                match next {
                    Some(at) => tokio::time::sleep_until(self.engine.clock.instant(at).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.end.cancelled() => return Ok(()),
                () = self.new.notified() => {}
                () = wait => {}
            }
        }
    }

    /// Sends what is due; answers when there is something to do again.
    async fn round(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let order = self.target.order();
        loop {
            let kept = self.engine.store.deliveries(self.name.clone(), order, PAGE).await?;
            let Some(first) = kept.first() else { return Ok(None) };
            let now = self.engine.clock.now();
            let nothing_is_due = match order {
                DeliveryOrder::Due => kept.iter().all(|kept| !self.is_due(kept, now)),
                DeliveryOrder::Kept => !self.is_due(first, now),
            };
            if nothing_is_due {
                return Ok(Some(first.due.max(self.not_before)));
            }
            let mut kept = kept;
            if order == DeliveryOrder::Due {
                // What was refused waits; the others go in the order in which they were kept, as before it could not.
                kept.retain(|kept| self.is_due(kept, now));
                kept.sort_by_key(|kept| kept.id);
            }
            for kept in kept {
                let now = self.engine.clock.now();
                if now < self.not_before {
                    return Ok(Some(self.not_before));
                }
                if self.end.is_cancelled() {
                    return Ok(None);
                }
                let done = self.is_due(&kept, now) && self.one(kept, now).await?;
                if !done && order == DeliveryOrder::Kept {
                    break;
                }
            }
            self.started = Timestamp::default();
            self.tell().await?;
        }
    }

    fn is_due(&self, kept: &KeptDelivery, now: Timestamp) -> bool {
        kept.due <= now || kept.delivery.queued < self.started
    }

    /// Tries one; answers whether that is done with it.
    async fn one(&mut self, kept: KeptDelivery, now: Timestamp) -> Result<bool, StoreError> {
        let delivery = &kept.delivery;
        let (way, run, about, to) = (&self.name, &delivery.run, &delivery.about, &delivery.recipient);
        if now.since(delivery.queued) > OLDEST {
            error!(way, %run, about, to, error = kept.error, "given up after three days");
            return self.give_up(kept.id, kept.error).await;
        }
        match self.target.deliver(&kept).await {
            Ok(()) => {
                info!(way, %run, about, to, "sent");
                (self.failures, self.sent, self.given_up) = (0, self.sent + 1, String::new());
                self.engine.store.remove_delivery(kept.id).await?;
                Ok(true)
            }
            Err(Unsent::Hopeless(why)) => {
                error!(way, %run, about, to, error = why, "given up");
                self.failures = 0;
                self.give_up(kept.id, why).await
            }
            Err(Unsent::Refused(why)) => {
                self.failures = 0;
                let due = now.after(pause(kept.attempts, REFUSED));
                warn!(way, %run, about, to, error = why, "refused; it is tried again");
                self.engine.store.delivery_failed(kept.id, why, due).await?;
                Ok(false)
            }
            Err(Unsent::Way(why)) => self.no_way(kept.id, why, Duration::ZERO).await,
            Err(Unsent::Later(why, pause)) => self.no_way(kept.id, why, pause).await,
        }
    }

    async fn give_up(&mut self, id: u64, why: String) -> Result<bool, StoreError> {
        (self.failed, self.given_up) = (self.failed + 1, why);
        self.engine.store.remove_delivery(id).await?;
        Ok(true)
    }

    /// Nothing goes for a while, at least for as long as the server wants.
    async fn no_way(&mut self, id: u64, why: String, least: Duration) -> Result<bool, StoreError> {
        let (way, now) = (&self.name, self.engine.clock.now());
        self.not_before = now.after(pause(self.failures, WAY).max(least.min(LONGEST)));
        if self.failures == 0 {
            warn!(way, error = why, "nothing can be sent; it is kept and tried again for three days");
        } else {
            debug!(way, error = why, "still nothing can be sent");
        }
        self.failures = self.failures.saturating_add(1);
        self.engine.store.delivery_failed(id, why, self.not_before).await?;
        Ok(false)
    }

    async fn tell(&self) -> Result<(), StoreError> {
        let waiting = self.engine.store.deliveries_waiting().await?;
        let found = waiting.into_iter().find(|waiting| waiting.target == self.name);
        let (waiting, error) = found.map(|found| (found.count, found.error)).unwrap_or_default();
        let error = if error.is_empty() { self.given_up.clone() } else { error };
        self.engine.deliveries.send_modify(|infos| {
            if let Some(info) = infos.get_mut(self.place) {
                (info.waiting, info.error) = (waiting, error);
                (info.sent, info.failed) = (self.sent, self.failed);
            }
        });
        Ok(())
    }
}

/// Twice as long after each failure, and never the same for two engines that lost the same server.
fn pause(failures: u32, (first, longest): (Duration, Duration)) -> Duration {
    let pause = first.saturating_mul(1 << failures.min(16)).min(longest);
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    pause * (192 + random / 2) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for (failures, least, most) in
            [(0, 3, 7), (1, 7, 13), (3, 29, 51), (7, 449, 751), (u32::MAX, 449, 751)]
        {
            let pause = pause(failures, WAY).as_secs();
            assert!((least..=most).contains(&pause), "{failures}: {pause}");
        }
    }
}
