//! The engine's clock: the time of day at its start, then monotonic, so that a clock that is set does not move
//! limits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use xrdtest_model::Timestamp;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_millis: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { start: Instant::now(), start_millis: u64::try_from(since_epoch.as_millis()).unwrap_or(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.start_millis).after(self.start.elapsed())
    }

    /// When `at` is, on the monotonic clock; now where it is past.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.start + at.since(Timestamp::from_millis(self.start_millis))
    }
}

/// By how much another clock, which said this just now, is ahead of this machine's: both as they are on the wall.
pub(crate) fn ahead_ms(told: u64) -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let now = i64::try_from(now.as_millis()).ok()?;
    Some(i64::try_from(told).ok()?.saturating_sub(now))
}
