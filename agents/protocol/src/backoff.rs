//! How agents that lost the engine try to reach it: for ever, soon at first, and not all at the same moment.

use std::time::Duration;

use crate::client::CONNECT_TIMEOUT;
use crate::error::ProtocolError;

/// Waits between tries, and how long each try may take. Begun anew after each connection that the engine accepted, so
/// that the first tries after its restart follow quickly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackOff {
    next: Duration,
    patience: Duration,
}

impl BackOff {
    /// The first wait.
    pub const FIRST: Duration = Duration::from_millis(200);
    /// The longest wait.
    pub const LONGEST: Duration = Duration::from_secs(5);
    /// How long the first try may take: where hundreds of agents come back at once, an engine is busy with them for a
    /// while, and tries that are given up half-way only keep it busier.
    pub const FIRST_PATIENCE: Duration = Duration::from_secs(2);

    /// Begins with the shortest.
    pub fn new() -> Self {
        Self { next: Self::FIRST, patience: Self::FIRST_PATIENCE }
    }

    /// After a connection that ended so. With the longest wait where another agent took its place: two of one name that
    /// come back at once would only throw each other out.
    pub fn after(end: &ProtocolError) -> Self {
        if end.is_displaced() { Self { next: Self::LONGEST, ..Self::new() } } else { Self::new() }
    }

    /// How long this try may take. A packet to an engine that is only being started is lost, and QUIC repeats it ever
    /// more rarely: a new try is answered sooner. An engine that is only slow gets more time with each.
    pub fn patience(&mut self) -> Duration {
        let patience = self.patience;
        self.patience = (patience * 2).min(CONNECT_TIMEOUT);
        patience
    }

    /// How long to wait now; the next time it is twice as long. Up to half of it is left to `chance` (see
    /// [`chance`]), so that many agents don't come back at the same moment.
    pub fn wait(&mut self, chance: u8) -> Duration {
        let wait = self.next - self.next / 2 * u32::from(chance) / 255;
        self.next = (self.next * 2).min(Self::LONGEST);
        wait
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new()
    }
}

/// A random byte; always the same where the system has no random numbers, which costs the spreading only.
pub fn chance() -> u8 {
    let mut byte = [0];
    let _ = rustls::crypto::ring::default_provider().secure_random.fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use quinn::VarInt;

    use super::*;
    use crate::server::DISPLACED;

    #[test]
    fn waits_grow_to_a_limit() {
        for chance in [0, 1, 128, 255] {
            let mut back_off = BackOff::new();
            for turn in [200, 400, 800, 1600, 3200, 5000, 5000] {
                let turn = Duration::from_millis(turn);
                let wait = back_off.wait(chance);
                assert!(turn / 2 <= wait && wait <= turn, "{wait:?} in a turn of {turn:?}");
            }
        }
        assert_eq!(BackOff::new().wait(0), BackOff::FIRST);
        assert_eq!(BackOff::new().wait(255), BackOff::FIRST / 2);
    }

    #[test]
    fn who_was_thrown_out_waits_for_long() {
        let closed = |code: VarInt| {
            let close = quinn::ApplicationClose { error_code: code, reason: "words".into() };
            ProtocolError::Connection(quinn::ConnectionError::ApplicationClosed(close))
        };
        assert_eq!(BackOff::after(&closed(DISPLACED)).wait(0), BackOff::LONGEST);
        assert_eq!(BackOff::after(&closed(VarInt::from_u32(1))).wait(0), BackOff::FIRST);
        assert_eq!(BackOff::after(&ProtocolError::NoAnswer).wait(0), BackOff::FIRST);
    }

    #[test]
    fn patience_grows_to_the_limit_of_a_connection() {
        let mut back_off = BackOff::new();
        let tries: Vec<_> = (0..6).map(|_| back_off.patience().as_secs()).collect();
        assert_eq!(tries, [2, 4, 8, 10, 10, 10]);
    }
}
