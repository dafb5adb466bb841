//! How often passwords may be tried.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Failures that cost nothing.
const FREE: u32 = 5;
/// What the next one costs; each further one twice as much.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after this time without another one.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Accounts and addresses that are remembered at most.
const REMEMBERED: usize = 10_000;

/// Whose failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Whether there is such an account or not.
    Account(String),
    /// A host; of IPv6, whose hosts choose their addresses, the network.
    Address(IpAddr),
}

impl Counted {
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => four.into(),
                None => std::net::Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)).into(),
            },
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT.saturating_mul(1 << more.min(16)).min(LONGEST_WAIT),
        }
    }

    fn is_forgotten(self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= FORGOTTEN
    }
}

/// Remembers failures. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: HashMap<Counted, Failures>,
}

impl Throttle {
    /// Begins an attempt, which counts as a failure until it is known to be none, so that many at once are no way
    /// around. Where it may not begin now: for how long it has to wait; then nothing is counted.
    pub(super) fn begin(&mut self, who: &[Counted], now: Instant) -> Result<(), Duration> {
        let wait = who.iter().filter_map(|one| {
            let known = self.failures.get(one).filter(|known| !known.is_forgotten(now))?;
            known.wait().checked_sub(now.saturating_duration_since(known.last))
        });
        if let Some(wait) = wait.max().filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        self.make_room(now);
        for one in who {
            let known = self.failures.entry(one.clone()).or_insert(Failures { count: 0, last: now });
            if known.is_forgotten(now) {
                known.count = 0;
            }
            *known = Failures { count: known.count.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// The attempt was good: the account's failures are forgotten, of the address only this one, so that who has one
    /// account can't try others for ever.
    pub(super) fn succeeded(&mut self, who: &[Counted]) {
        for one in who {
            match (one, self.failures.get_mut(one)) {
                (Counted::Address(_), Some(known)) if known.count > 1 => known.count -= 1,
                _ => drop(self.failures.remove(one)),
            }
        }
    }

    /// Memory is bounded whoever tries: what is forgotten goes, else the half that failed longest ago.
    fn make_room(&mut self, now: Instant) {
        if self.failures.len() < REMEMBERED {
            return;
        }
        self.failures.retain(|_, known| !known.is_forgotten(now));
        if self.failures.len() >= REMEMBERED {
            let mut times: Vec<_> = self.failures.values().map(|known| known.last).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            self.failures.retain(|_, known| known.last > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Counted {
        Counted::Account(name.to_owned())
    }

    fn address(text: &str) -> Counted {
        Counted::address(text.parse().unwrap())
    }

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let mut throttle = Throttle::default();
        let who = [account("alice")];
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..15 {
            match throttle.begin(&who, now) {
                Ok(()) => waits.push(0),
                Err(wait) => {
                    waits.push(wait.as_secs());
                    assert!(throttle.begin(&who, now + wait - Duration::from_millis(1)).is_err());
                    now += wait;
                    throttle.begin(&who, now).unwrap();
                }
            }
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        throttle.begin(&who, now + FORGOTTEN).unwrap();
        throttle.begin(&who, now + FORGOTTEN).unwrap();
        assert!(throttle.begin(&[account("bob")], now).is_ok(), "others are free");
    }

    #[test]
    fn a_good_login_frees_the_account_but_not_its_address() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        let (mallory, place) = (account("mallory"), address("192.0.2.1"));
        for number in 0..5 {
            throttle.begin(&[account(&format!("victim{number}")), place.clone()], now).unwrap();
        }
        let mut later = now + FIRST_WAIT;
        for _ in 0..2 {
            throttle.begin(&[mallory.clone(), place.clone()], later).unwrap();
            throttle.succeeded(&[mallory.clone(), place.clone()]);
            assert!(throttle.begin(&[account("victim"), place.clone()], later).is_err());
            later += FIRST_WAIT;
        }
        assert!(throttle.begin(&[mallory], later).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..30_000u32 {
            let later = now + Duration::from_millis(u64::from(number));
            throttle.begin(&[account(&number.to_string())], later).unwrap();
            assert!(throttle.failures.len() <= REMEMBERED);
        }
    }
}
