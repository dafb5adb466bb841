//! Who may come in: limits on connections in all, and on those that have not said hello yet.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The door of a listener. Slots that were given out come back when they are dropped.
#[derive(Debug)]
pub(crate) struct Door {
    max_connections: usize,
    max_greeting: usize,
    max_frame: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    greeting: usize,
    /// Those of `greeting` that come from the same place.
    from: HashMap<IpAddr, usize>,
}

/// What becomes of a connection attempt.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It may greet.
    Welcome(GreetingSlot),
    /// It must first show that its address is its own.
    Prove,
    /// No room; whoever means it well tries again.
    Refused,
}

impl Door {
    pub(crate) fn new(max_connections: usize, max_greeting: usize, max_frame: usize) -> Arc<Self> {
        Arc::new(Self { max_connections, max_greeting, max_frame, taken: Mutex::default() })
    }

    /// Bytes of the longest message that somebody who came in may send.
    pub(crate) fn max_frame(&self) -> usize {
        self.max_frame
    }

    pub(crate) fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Somebody at this address wants to greet. While the door is half empty everybody may; beyond that, those whose
    /// address is proven. One place alone never gets more than half of the room, so a flood from there does not keep
    /// others out.
    pub(crate) fn knock(self: &Arc<Self>, address: IpAddr, proven: bool) -> Admission {
        let place = place(address);
        let half = self.max_greeting.div_ceil(2);
        let mut taken = self.taken();
        let from_there = taken.from.get(&place).copied().unwrap_or(0);
        if taken.greeting >= self.max_greeting || from_there >= half {
            return Admission::Refused;
        }
        if taken.greeting >= half && !proven {
            return Admission::Prove;
        }
        taken.greeting += 1;
        *taken.from.entry(place).or_default() += 1;
        Admission::Welcome(GreetingSlot { door: self.clone(), place })
    }

    /// Room for one more connection; `None` where there is none.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<ConnectionSlot> {
        let mut taken = self.taken();
        if taken.connections >= self.max_connections {
            return None;
        }
        taken.connections += 1;
        Some(ConnectionSlot { door: self.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one address of version 6 usually has all that share its first half.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Room for a connection that has not said hello yet.
#[derive(Debug)]
pub(crate) struct GreetingSlot {
    door: Arc<Door>,
    place: IpAddr,
}

impl GreetingSlot {
    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }
}

impl Drop for GreetingSlot {
    fn drop(&mut self) {
        let mut taken = self.door.taken();
        taken.greeting -= 1;
        if let Some(count) = taken.from.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                taken.from.remove(&self.place);
            }
        }
    }
}

/// Room for a connection of an agent.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    door: Arc<Door>,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.door.taken().connections -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::MAX_FRAME;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn one_place_never_gets_more_than_half() {
        let door = Door::new(10, 4, MAX_FRAME);
        let mut flood = Vec::new();
        while let Admission::Welcome(slot) = door.knock(address(1), true) {
            flood.push(slot);
        }
        assert_eq!(flood.len(), 2);
        assert!(matches!(door.knock(address(2), false), Admission::Prove));
        let other = door.knock(address(2), true);
        assert!(matches!(other, Admission::Welcome(_)));
        flood.pop();
        assert!(matches!(door.knock(address(1), true), Admission::Welcome(_)));
    }

    #[test]
    fn all_together_get_the_limit_and_give_it_back() {
        let door = Door::new(10, 4, MAX_FRAME);
        let knock = |last| match door.knock(address(last), true) {
            Admission::Welcome(slot) => Some(slot),
            _ => None,
        };
        let slots: Vec<_> = (0..10).filter_map(knock).collect();
        assert_eq!(slots.len(), 4);
        drop(slots);
        assert_eq!((0..10).filter_map(knock).collect::<Vec<_>>().len(), 4);
        assert!(door.taken().from.is_empty(), "nothing is remembered of who has gone");
    }

    #[test]
    fn addresses_of_one_network_are_one_place() {
        let place = |text: &str| super::place(text.parse().unwrap());
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:2"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }

    #[test]
    fn connections_are_counted() {
        let door = Door::new(1, 4, MAX_FRAME);
        let slot = door.enter();
        assert!(slot.is_some() && door.enter().is_none());
        drop(slot);
        assert!(door.enter().is_some());
    }
}
