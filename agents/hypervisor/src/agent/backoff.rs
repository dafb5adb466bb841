//! How long to wait before the next attempt.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that grow, each shortened by chance so that many agents do not come back at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next wait: between a half of its turn and the whole.
    pub(crate) fn next(&mut self) -> Duration {
        let chance = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0;
        let wait = self.next.mul_f64(0.5 + chance / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let mut backoff = Backoff::default();
        for turn in [200, 400, 800, 1600, 3200, 5000, 5000, 5000] {
            let turn = Duration::from_millis(turn);
            let wait = backoff.next();
            assert!(turn / 2 <= wait && wait <= turn, "{wait:?} in a turn of {turn:?}");
        }
    }
}
