//! The relay: how machines that see only their own network reach the engine.
//!
//! At the network's own address (`master.xrd.test`) it forwards the slave agents' QUIC as opaque datagrams (`udp`), so
//! that the encryption reaches from agent to engine, and serves the files of the run's repository over HTTP (`http`).
//! Scripts need no token for that: the relay knows the asking machine by its address on that network, where there is
//! nobody but the machines of this one instance, and asks the engine in its name over the hypervisor agent's own
//! authenticated link ([`Files`]). In the same way they get what their software proves itself with (`credentials`).

mod credentials;
mod http;
mod listener;
mod udp;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xrdtest_model::InstanceId;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_protocol::stream::Wanted;

use crate::provider::RelaySockets;
use listener::Door;

/// The UDP port of the relay at the network's own address: where the slave agents find the engine.
pub const AGENT_PORT: u16 = 20_220;
/// The TCP port of the relay at the network's own address: @port@.
pub const HTTP_PORT: u16 = 8080;

/// Bytes of a file that scripts may fetch, at most.
pub const FILE_LIMIT: u64 = 64 << 20;

/// Where the relay gets files from.
pub trait Files: Send + Sync + 'static {
    /// A file of the repository of the run that owns `instance`, for one of its machines. `path` is relative and has
    /// no `.` or `..` in it.
    fn fetch(
        &self,
        instance: &InstanceId,
        host: &str,
        path: &str,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>>;

    /// What the software of the run that owns `instance` proves itself with, for one of its machines.
    fn credential(
        &self,
        instance: &InstanceId,
        host: &str,
        wanted: Wanted,
    ) -> BoxFuture<'static, Result<Bytes, FetchError>>;
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It exists, but not for this machine, or is too large.
    #[error("{0}")]
    Refused(String),
    /// What was asked with can't be read.
    #[error("{0}")]
    Invalid(String),
    /// The engine could not be asked.
    #[error("{0}")]
    Unavailable(String),
}

/// The relay of one instance. It works until it is stopped or dropped.
#[derive(Debug)]
pub struct Relay {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Whom a relay serves.
#[derive(Clone, Debug)]
struct Served {
    instance: InstanceId,
    hosts: HashMap<Ipv4Addr, String>,
}

impl Served {
    /// The machine at an address.
    fn host_of(&self, from: SocketAddr) -> Option<&str> {
        match from {
            SocketAddr::V4(from) => self.hosts.get(from.ip()).map(String::as_str),
            SocketAddr::V6(_) => None,
        }
    }
}

impl Relay {
    /// Starts the relay of an instance. `engine` says where the engine is at every moment; who connects meanwhile goes
    /// there, who is connected stays.
    ///
    /// # Errors
    /// Where the system refuses to take over the sockets.
    pub fn start(
        instance: &InstanceId,
        cluster: &ClusterPlan,
        sockets: RelaySockets,
        engine: watch::Receiver<Option<SocketAddr>>,
        files: Arc<dyn Files>,
    ) -> io::Result<Self> {
        let RelaySockets { udp, tcp } = sockets;
        let hosts = cluster.hosts.iter().map(|host| (host.ip, host.name.clone())).collect();
        let served = Served { instance: instance.clone(), hosts };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let forwarder = udp::Forwarder::new(udp, engine, stop.clone(), tasks.clone())?;
        let listener = tokio::net::TcpListener::from_std(tcp)?;
        tasks.spawn(forwarder.run());
        let door = Door { listener, stop: stop.clone(), tasks: tasks.clone() };
        tasks.spawn(http::serve(door, served, files));
        tasks.close();
        Ok(Self { stop, tasks })
    }

    /// Ends it; its sockets are closed when this returns.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
