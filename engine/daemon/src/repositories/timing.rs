//! When to look at a repository. Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// A folder has to be quiet for that long before it is read: an editor's or git's next change is near.
const QUIET: Duration = Duration::from_millis(40);
/// A folder that is never quiet is read after that long.
const LONGEST: Duration = Duration::from_secs(1);
/// The first repeat after a failure.
const FIRST_REPEAT: Duration = Duration::from_secs(2);
/// The longest time between repeats, unless the interval is longer.
const LAST_REPEAT: Duration = Duration::from_secs(600);

/// Turns many changes into one look.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    /// The first and the last change that were not looked at.
    changes: Option<(Instant, Instant)>,
}

impl Debounce {
    /// Something has changed.
    pub(super) fn changed(&mut self, now: Instant) {
        let first = self.changes.map_or(now, |(first, _)| first);
        self.changes = Some((first, now));
    }

    /// When to look, where there is something to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        self.changes.map(|(first, last)| (last + QUIET).min(first + LONGEST))
    }

    /// A look begins.
    pub(super) fn looked(&mut self) {
        self.changes = None;
    }
}

/// How long to wait after so many failures in a row: the usual interval where there was none; else soon, and twice as
/// long each time.
pub(super) fn pause(interval: Duration, failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => interval,
        Some(repeats) => {
            let doubled = FIRST_REPEAT.saturating_mul(1 << repeats.min(20));
            doubled.min(LAST_REPEAT.max(interval))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_look() {
        let mut debounce = Debounce::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(debounce.due(), None);
        debounce.changed(at(0));
        assert_eq!(debounce.due(), Some(at(40)));
        debounce.changed(at(30));
        assert_eq!(debounce.due(), Some(at(70)));
        for millis in (30..2000).step_by(30) {
            debounce.changed(at(millis));
        }
        assert_eq!(debounce.due(), Some(at(1000)), "it is never quiet");
        debounce.looked();
        assert_eq!(debounce.due(), None);
    }

    #[test]
    fn repeats_come_less_and_less_often() {
        let seconds = |interval, failures| pause(Duration::from_secs(interval), failures).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 9, 10, 50].map(|failures| seconds(60, failures)),
            [60, 2, 4, 8, 512, 600, 600]
        );
        assert_eq!([0, 1, 9, 50].map(|failures| seconds(3600, failures)), [3600, 2, 512, 3600]);
    }
}
