//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// The address that asks; what proxies say about it counts only where the proxy is one of ours. `None`: a socket of this
/// machine.
pub(super) fn of(parts: &Parts, trusted: &[IpAddr]) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let headers = parts.headers.get_all("x-forwarded-for");
    let said: Vec<&str> = headers.iter().filter_map(|value| value.to_str().ok()).collect();
    Some(behind(peer.ip(), &said.join(","), trusted))
}

/// The last address on the way here that is not a trusted proxy: each of these has added who asked it, and what stands
/// before is anybody's invention.
fn behind(peer: IpAddr, said: &str, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer.to_canonical();
    for part in said.rsplit(',') {
        if !trusted.contains(&address) {
            break;
        }
        match part.trim().parse::<IpAddr>() {
            Ok(before) => address = before.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpAddr> = ["127.0.0.1", "10.0.0.1"].map(|text| text.parse().unwrap()).to_vec();
        for (peer, said, expected) in [
            ("192.0.2.7", "1.1.1.1", "192.0.2.7"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
            ("127.0.0.1", "6.6.6.6,198.51.100.1 , 10.0.0.1", "198.51.100.1"),
            ("127.0.0.1", "6.6.6.6, garbage", "127.0.0.1"),
            ("127.0.0.1", "10.0.0.1", "10.0.0.1"),
            ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ] {
            let address = behind(peer.parse().unwrap(), said, &trusted);
            assert_eq!(address, expected.parse::<IpAddr>().unwrap(), "{peer} {said}");
        }
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(behind(peer, "6.6.6.6", &[]), peer, "by default nobody is believed");
    }
}
