//! What the engine is told about who may do what, and what it remembers about it beside the store.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac;
use tokio::sync::Semaphore;
use xrdtest_model::Timestamp;
use xrdtest_model::api::Role;

use super::accounts::AccountError;
use super::password;
use super::throttle::Throttle;

/// Passwords that are looked at at once: each takes 19 MiB and a processor.
const HASHED_AT_ONCE: usize = 2;
/// How long one may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What may be done by who has not logged in.
    pub anonymous: Option<Role>,
    /// A session that nothing is asked in is over after this time.
    pub idle: Duration,
    /// Any session is over after this time.
    pub longest: Duration,
    /// How often it is looked whether who reads a stream still may.
    pub look_again: Duration,
    /// Proxies whose word about addresses counts.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            anonymous: None,
            idle: Duration::from_secs(12 * 3600),
            longest: Duration::from_secs(7 * 24 * 3600),
            look_again: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Who may do what.
pub struct Access {
    pub(super) settings: Settings,
    /// Signs cookies and forms.
    pub(super) key: hmac::Key,
    throttle: Mutex<Throttle>,
    hashing: Arc<Semaphore>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Access {
    /// `key`: the engine's secret that cookies and forms are signed with.
    pub fn new(settings: Settings, key: &[u8; 32]) -> Self {
        Self {
            settings,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            throttle: Mutex::default(),
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE)),
        }
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a session is over in which something was asked now.
    pub(super) fn ends(&self, created: Timestamp, now: Timestamp) -> Timestamp {
        created.after(self.settings.longest).min(now.after(self.settings.idle))
    }

    /// What is kept of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, AccountError> {
        let busy = || AccountError::Invalid("the engine is busy with other passwords; try again".to_owned());
        self.one_of_few(move || password::hash(&password)).await.ok_or_else(busy)?
    }

    /// Whether it is the password of which this was kept; `None`: too much to do.
    pub(super) async fn fits(&self, password: String, kept: Option<String>) -> Option<bool> {
        self.one_of_few(move || password::fits(&password, kept.as_deref())).await
    }

    async fn one_of_few<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = self.hashing.clone().acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn).await.ok()?.ok()?;
        let work = move || {
            // Held by the work itself: who does not wait any more does not make room for others before it is done.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_idle_or_old() {
        let access = Access::new(Settings::default(), &[0; 32]);
        let at = |hours: u64| Timestamp::from_millis(hours * 3_600_000);
        for (now, ends) in [(0, 12), (1, 13), (150, 162), (160, 168), (167, 168)] {
            assert_eq!(access.ends(at(0), at(now)), at(ends), "{now}");
        }
    }
}
