//! Where the engine listens: free, or answered by the engine itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::client::probe;

use super::Finding;
use super::engine::Running;
use crate::config::Config;

const CHECK: &str = "ports";

/// An address, and what came of trying it.
pub(super) struct Port {
    /// `0.0.0.0:20000 (UDP)`.
    pub(super) place: String,
    /// The key that names it.
    pub(super) key: &'static str,
    pub(super) tried: Tried,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// No engine runs, and the port can be had.
    Free,
    /// No engine runs, and it can't be had.
    NotFree(io::ErrorKind, String),
    /// The engine answers over the loopback interface.
    Answered,
    /// An engine runs and does not answer there.
    Silent(String),
    /// It could not be tried.
    Unseen(String),
}

pub(super) async fn gather(config: &Config, running: &Running) -> Vec<Port> {
    // Port 0 is any: the engine knows which.
    let told = running.answer.as_ref().ok().and_then(|answer| answer.info.agents_address.parse().ok());
    let agents: SocketAddr = told.unwrap_or(config.listen);
    let tried = match running.is() {
        Some(true) => quic(config, agents).await,
        Some(false) => free(UdpSocket::bind(agents)),
        None => unknown(UdpSocket::bind(agents)),
    };
    let mut ports = vec![Port { place: format!("{agents} (UDP)"), key: "listen", tried }];
    if let Some(dashboard) = config.web.listen {
        let tried = match running.is() {
            Some(true) if dashboard.port() == 0 => Tried::Unseen("any port was asked for".to_owned()),
            Some(true) => match TcpStream::connect_timeout(&near(dashboard), Duration::from_secs(5)) {
                Ok(_) => Tried::Answered,
                Err(error) => Tried::Silent(error.to_string()),
            },
            Some(false) => free(TcpListener::bind(dashboard)),
            None => unknown(TcpListener::bind(dashboard)),
        };
        ports.push(Port { place: format!("{dashboard} (TCP)"), key: "listen in [web]", tried });
    }
    ports
}

async fn quic(config: &Config, agents: SocketAddr) -> Tried {
    let certificate = std::fs::read_to_string(config.state.join("ca/ca.pem"));
    let key = std::fs::read_to_string(config.state.join("ca/ca-key.pem"));
    let (certificate, key) = match (certificate, key) {
        (Ok(certificate), Ok(key)) => (certificate, key),
        (Err(error), _) | (_, Err(error)) => {
            return Tried::Unseen(format!("the engine's authority can't be read: {error}"));
        }
    };
    match Authority::from_pem(certificate, &key) {
        Err(error) => Tried::Unseen(error.to_string()),
        Ok(authority) => match probe(near(agents), authority.fingerprint()).await {
            Ok(()) => Tried::Answered,
            Err(error) => Tried::Silent(error.to_string()),
        },
    }
}

/// How this machine reaches it.
fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn free<T>(bound: io::Result<T>) -> Tried {
    bound.map_or_else(|error| Tried::NotFree(error.kind(), error.to_string()), |_| Tried::Free)
}

fn unknown<T>(bound: io::Result<T>) -> Tried {
    match free(bound) {
        Tried::NotFree(io::ErrorKind::AddrInUse, _) => {
            Tried::Unseen("it is taken; whether by the engine can't be seen by this user".to_owned())
        }
        other => other,
    }
}

pub(super) fn judge(ports: &[Port]) -> Vec<Finding> {
    ports.iter().map(|Port { place, key, tried }| match tried {
        Tried::Free => Finding::ok(CHECK, place, "it is free"),
        Tried::Answered => Finding::ok(CHECK, place, "the engine answers there"),
        Tried::NotFree(io::ErrorKind::AddrInUse, why) => Finding::problem(CHECK, place, "another program has it")
            .because(why.clone())
            .next(format!("find it with `ss -ltunp`, and end it or change `{key}`")),
        Tried::NotFree(io::ErrorKind::AddrNotAvailable, why) => {
            Finding::problem(CHECK, place, "that is no address of this machine")
                .because(why.clone())
                .next(format!("change `{key}`; `ip address` lists this machine's addresses"))
        }
        Tried::NotFree(_, why) => Finding::problem(CHECK, place, "the engine could not listen there")
            .because(why.clone())
            .next(format!("change `{key}`, or start the engine as a user who may")),
        Tried::Silent(why) => Finding::problem(CHECK, place, "an engine runs, and does not answer there")
            .because(why.clone())
            .next(format!("see whether `{key}` was changed since its start (then restart it), and what a firewall lets through")),
        Tried::Unseen(why) => Finding::unseen(CHECK, place, "whether the engine answers was not tried").because(why.clone()),
    }).collect()
}
