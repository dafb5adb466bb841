//! Words to the service manager (systemd) that started the agent; without one they go nowhere.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior};

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}

/// The agent has what it needs on this machine and is about to look for the engine.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// How it goes, in words for people.
pub fn status(words: &str) {
    notify(&[NotifyState::Status(words)]);
}

/// The agent is about to end.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Signs of life, where the service manager wants them.
#[derive(Debug)]
pub struct Watchdog {
    due: Option<Interval>,
}

impl Watchdog {
    /// Half as often as would be needed at least.
    pub fn new() -> Self {
        let within = sd_notify::watchdog_enabled().filter(|within| !within.is_zero());
        let due = within.map(|within| {
            let mut due = tokio::time::interval((within / 2).max(Duration::from_millis(1)));
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            due
        });
        Self { due }
    }

    /// Gives a sign of life whenever one is due, for ever; may be dropped and called again.
    pub async fn keep(&mut self) -> std::convert::Infallible {
        let Some(due) = &mut self.due else { return std::future::pending().await };
        loop {
            due.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new()
    }
}
