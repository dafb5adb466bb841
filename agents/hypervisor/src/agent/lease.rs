//! How long instances are kept without word from the engine.

use std::time::Duration;

use tokio::time::Instant;

/// The lease of all instances: each word of the engine renews it. Pure: time is an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// `None`: for ever.
    length: Option<Duration>,
    silent_since: Instant,
    lapsed: bool,
}

impl Lease {
    /// A lease that begins now.
    pub(crate) fn new(length: Option<Duration>, now: Instant) -> Self {
        Self { length, silent_since: now, lapsed: false }
    }

    /// The engine was heard of.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.silent_since = now;
        self.lapsed = false;
    }

    /// When it lapses; `None` where it never does, or has already.
    pub(crate) fn end(&self) -> Option<Instant> {
        if self.lapsed { None } else { self.silent_since.checked_add(self.length?) }
    }

    /// Notes that it has lapsed: that is said and acted upon once.
    pub(crate) fn lapse(&mut self) {
        self.lapsed = true;
    }

    /// How long it is.
    pub(crate) fn length(&self) -> Duration {
        self.length.unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lapses_once_per_silence() {
        let begin = Instant::now();
        let hour = Duration::from_secs(3600);
        let mut lease = Lease::new(Some(hour), begin);
        assert_eq!(lease.end(), Some(begin + hour));
        lease.renew(begin + hour / 2);
        assert_eq!(lease.end(), Some(begin + hour * 3 / 2));
        lease.lapse();
        assert_eq!(lease.end(), None);
        lease.renew(begin + hour * 2);
        assert_eq!(lease.end(), Some(begin + hour * 3));
        assert_eq!(Lease::new(None, begin).end(), None);
    }
}
