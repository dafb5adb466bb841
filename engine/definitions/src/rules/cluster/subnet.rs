//! Arithmetic of IPv4 networks.

use std::fmt;
use std::net::Ipv4Addr;

use super::{network_prefix, parsed};
use crate::draft::cluster::Network;

/// The addresses of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    first: u32,
    prefix: u8,
}

impl Subnet {
    /// The network's own; `None` where its address or netmask is missing or malformed.
    pub(crate) fn of(network: &Network) -> Option<Self> {
        Some(Self::new(parsed(network.ip.as_ref())?, network_prefix(network)?))
    }

    fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let mut subnet = Self { first: 0, prefix };
        subnet.first = address.to_bits() & !subnet.host_bits();
        subnet
    }

    fn host_bits(&self) -> u32 {
        u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0)
    }

    fn last(&self) -> u32 {
        self.first | self.host_bits()
    }

    /// The lowest and the highest address that a host can have.
    pub(crate) fn hosts(&self) -> (Ipv4Addr, Ipv4Addr) {
        (
            Ipv4Addr::from_bits(self.first.saturating_add(1)),
            Ipv4Addr::from_bits(self.last().saturating_sub(1)),
        )
    }

    /// Whether a host can have the address.
    pub(crate) fn has_host(&self, address: Ipv4Addr) -> bool {
        let (lowest, highest) = self.hosts();
        (lowest..=highest).contains(&address)
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.first), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(address: &str, prefix: u8) -> Subnet {
        Subnet::new(address.parse().expect("an address"), prefix)
    }

    #[test]
    fn hosts_lie_between_the_ends() {
        let net = subnet("192.168.127.77", 24);
        assert_eq!(net.to_string(), "192.168.127.0/24");
        for (address, expect) in [
            ("192.168.127.0", false),
            ("192.168.127.1", true),
            ("192.168.127.254", true),
            ("192.168.127.255", false),
            ("192.168.128.1", false),
        ] {
            assert_eq!(net.has_host(address.parse().expect("an address")), expect, "{address}");
        }
        assert!(subnet("1.2.3.4", 0).has_host("9.9.9.9".parse().expect("an address")));
    }

    #[test]
    fn overlaps() {
        assert!(subnet("10.0.0.1", 8).overlaps(&subnet("10.9.0.1", 24)));
        assert!(!subnet("10.0.0.1", 24).overlaps(&subnet("10.0.1.1", 24)));
    }
}
