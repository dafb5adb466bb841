//! Sends what is kept, and tries again what could not be sent.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use xrdtest_model::Timestamp;
use xrdtest_model::api::MailInfo;
use xrdtest_store::StoreError;
use xrdtest_store::outbox::KeptMail;

use super::Settings;
use super::way::Unsent;
use crate::handle::EngineHandle;

/// Mails that are looked at at once.
const PAGE: u32 = 50;
/// After this time a mail is given up.
const OLDEST: Duration = Duration::from_secs(3 * 24 * 3600);
/// Between two tries of the way out, and of one mail that is refused: the first, and the longest.
const WAY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
const REFUSED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// The one who sends.
pub(super) struct Sender {
    engine: EngineHandle,
    settings: Arc<Settings>,
    new: Arc<Notify>,
    end: CancellationToken,
    /// Failures of the way out since a mail went.
    failures: u32,
    /// Nothing is tried before.
    not_before: Timestamp,
    /// What was kept before this time is tried at once: an engine that was just started may have another way out.
    started: Timestamp,
}

impl Sender {
    pub(super) fn new(
        engine: EngineHandle,
        settings: Arc<Settings>,
        new: Arc<Notify>,
        end: CancellationToken,
    ) -> Self {
        let started = engine.clock.now();
        Self { engine, settings, new, end, failures: 0, not_before: Timestamp::default(), started }
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
        loop {
            let kept = self.engine.store.mails(PAGE).await?;
            if kept.is_empty() {
                return Ok(None);
            }
            let nothing_is_due = kept.iter().all(|kept| !self.is_due(kept, self.engine.clock.now()));
            if let (true, Some(first)) = (nothing_is_due, kept.first()) {
                return Ok(Some(first.due.max(self.not_before)));
            }
            for kept in kept {
                let now = self.engine.clock.now();
                if now < self.not_before {
                    return Ok(Some(self.not_before));
                }
                if self.end.is_cancelled() {
                    return Ok(None);
                }
                if self.is_due(&kept, now) {
                    self.one(kept, now).await?;
                }
            }
            self.started = Timestamp::default();
        }
    }

    fn is_due(&self, kept: &KeptMail, now: Timestamp) -> bool {
        kept.due <= now || kept.mail.queued < self.started
    }

    async fn one(&mut self, kept: KeptMail, now: Timestamp) -> Result<(), StoreError> {
        let KeptMail { id, mail, attempts, error: before, .. } = kept;
        let (run, about, to) = (&mail.run, &mail.about, &mail.recipient);
        if now.since(mail.queued) > OLDEST {
            error!(%run, about, to, error = before, "a mail is given up after three days");
            return self.engine.store.remove_mail(id).await;
        }
        let written = UNIX_EPOCH + Duration::from_millis(mail.queued.as_millis());
        let sent = match serde_json::from_str(&mail.content) {
            Ok(content) => self.settings.send(to, &content, written).await,
            Err(error) => Err(Unsent::Hopeless(format!("what is kept of it can't be read: {error}"))),
        };
        match sent {
            Ok(()) => {
                self.failures = 0;
                info!(%run, about, to, "mail sent");
                self.engine.store.remove_mail(id).await
            }
            Err(Unsent::Hopeless(why)) => {
                error!(%run, about, to, error = why, "a mail is given up");
                self.engine.store.remove_mail(id).await
            }
            Err(Unsent::Refused(why)) => {
                self.failures = 0;
                let due = now.after(pause(attempts, REFUSED));
                warn!(%run, about, to, error = why, "a mail is refused; it is tried again");
                self.engine.store.mail_failed(id, why, due).await
            }
            Err(Unsent::Way(why)) => {
                self.not_before = now.after(pause(self.failures, WAY));
                if self.failures == 0 {
                    warn!(error = why, "mails can't be sent; they are kept and tried again for three days");
                } else {
                    debug!(error = why, "mails still can't be sent");
                }
                self.failures = self.failures.saturating_add(1);
                self.engine.store.mail_failed(id, why, self.not_before).await
            }
        }
    }

    async fn tell(&self) -> Result<(), StoreError> {
        let (waiting, error) = self.engine.store.mails_waiting().await?;
        self.engine.mail.send_replace(Some(MailInfo { waiting, error }));
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
