//! How long instances are kept without word from the engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// How long an agent that starts waits for the engine at least before it takes instances away.
const GRACE: Duration = Duration::from_secs(60);

/// The lease of all instances: each word of the engine renews it. Pure: time is an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// `None`: for ever.
    length: Option<Duration>,
    end: Option<Instant>,
}

impl Lease {
    /// A lease after which the engine was silent for `silence` already, in an earlier process of this agent. However
    /// long that is, the engine is given `GRACE` from now on to be heard.
    pub(crate) fn new(length: Option<Duration>, silence: Duration, now: Instant) -> Self {
        let left = length.map(|length| length.saturating_sub(silence).max(GRACE.min(length)));
        Self { length, end: left.and_then(|left| now.checked_add(left)) }
    }

    /// The engine was heard of.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.end = self.length.and_then(|length| now.checked_add(length));
    }

    /// When it lapses; `None` where it never does, or has already.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Notes that it has lapsed: that is said and acted upon once.
    pub(crate) fn lapse(&mut self) {
        self.end = None;
    }

    /// How long it is, as it was given.
    pub(crate) fn given(&self) -> Option<Duration> {
        self.length
    }

    /// How long it is.
    pub(crate) fn length(&self) -> Duration {
        self.length.unwrap_or(Duration::MAX)
    }
}

/// The file that remembers when the engine was last heard of, for an agent whose machines outlive it.
#[derive(Clone, Debug)]
pub(crate) struct LastHeard(PathBuf);

impl LastHeard {
    /// The file in an agent's folder.
    pub(crate) fn in_folder(state: &Path) -> Self {
        Self(state.join("engine-last-heard"))
    }

    /// The engine was heard of just now.
    pub(crate) fn note(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Err(error) = fs::write(&self.0, format!("{now}\n")) {
            tracing::warn!(file = %self.0.display(), %error, "the lease can't be noted");
        }
    }

    /// How long ago that was; nothing where it is not known.
    pub(crate) fn silence(&self) -> Duration {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let Ok(seconds) = text.trim().parse() else { return Duration::ZERO };
        let then = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
        SystemTime::now().duration_since(then).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lapses_once_per_silence() {
        let begin = Instant::now();
        let hour = Duration::from_secs(3600);
        let mut lease = Lease::new(Some(hour), Duration::ZERO, begin);
        assert_eq!(lease.end(), Some(begin + hour));
        lease.renew(begin + hour / 2);
        assert_eq!(lease.end(), Some(begin + hour * 3 / 2));
        lease.lapse();
        assert_eq!(lease.end(), None);
        lease.renew(begin + hour * 2);
        assert_eq!(lease.end(), Some(begin + hour * 3));
        assert_eq!(Lease::new(None, hour, begin).end(), None);
    }

    #[test]
    fn silence_before_the_start_counts() {
        let begin = Instant::now();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (length, silence, left) in [(60, 20, 40), (60, 59, 1), (60, 600, 1), (60, 0, 60)] {
            let lease = Lease::new(Some(minutes(length)), minutes(silence), begin);
            assert_eq!(lease.end(), Some(begin + minutes(left)), "{length} {silence}");
        }
        let short = Duration::from_secs(5);
        assert_eq!(Lease::new(Some(short), minutes(9), begin).end(), Some(begin + short));
    }

    #[test]
    fn the_silence_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let heard = LastHeard::in_folder(folder.path());
        assert!(heard.silence() < Duration::from_secs(2));
        fs::write(folder.path().join("engine-last-heard"), "1000000\n").unwrap();
        assert!(heard.silence() > Duration::from_secs(1_000_000_000));
        heard.note();
        assert!(heard.silence() < Duration::from_secs(5));
    }
}
