//! The engine's side of the tests.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use xrdtest_model::InstanceId;
use xrdtest_model::event::InstanceStep;
use xrdtest_model::room::{Load, Room};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::client::{Receiver, Sender};
use xrdtest_protocol::message::{EngineToHypervisor, Hello, HypervisorToEngine};
use xrdtest_protocol::server::{Arrival, Link, Listener, ListenerConfig, greet};
use xrdtest_protocol::stream::{FetchReply, StreamHeader};
use xrdtest_protocol::{Identity, JoinToken};

/// An engine with a script: the real listener, and the test says what it answers.
pub struct Engine {
    pub authority: Authority,
    pub listener: Listener,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

/// A hypervisor agent's connection.
pub struct Session {
    pub instances: Vec<(InstanceId, bool)>,
    pub link: Link,
    pub orders: Sender<EngineToHypervisor>,
    pub reports: Receiver<HypervisorToEngine>,
    pub steps: Vec<InstanceStep>,
    pub status: Option<(Room, Load)>,
}

impl Engine {
    pub fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), (Ipv4Addr::LOCALHOST, 0).into())
    }

    fn at(folder: tempfile::TempDir, address: SocketAddr) -> Self {
        let authority = Authority::open_or_create(folder.path()).unwrap();
        let credentials = authority.issue(&Identity::Engine).unwrap();
        let listener = Listener::bind(address, &credentials, &ListenerConfig::default()).unwrap();
        let address = listener.local_addr().unwrap();
        Self { authority, listener, address, folder }
    }

    /// Ends the engine and its socket; [`Engine::up_again`] brings it back at the same port.
    pub async fn down(self) -> (tempfile::TempDir, SocketAddr) {
        self.listener.close().await;
        (self.folder, self.address)
    }

    pub async fn up_again((folder, address): (tempfile::TempDir, SocketAddr)) -> Self {
        // The old socket lives until its last connection is forgotten.
        soon("the port is free", async {
            while std::net::UdpSocket::bind(address).is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Self::at(folder, address)
    }

    /// Lets the next arrival join as a hypervisor agent of this name.
    pub async fn let_join(&self, token: &JoinToken, name: &str) {
        let arrival = self.arrival().await;
        let Hello::Join { request, token: shown, .. } = arrival.hello.clone() else {
            panic!("{:?}", arrival.hello)
        };
        assert_eq!(shown, token.to_string());
        let certificate = self.authority.sign(&request, &Identity::Hypervisor(name.into())).unwrap();
        arrival.joined(certificate, self.authority.certificate().to_owned()).await.unwrap();
    }

    pub async fn arrival(&self) -> Arrival {
        soon("an agent arrives", async { greet(self.listener.accept().await.unwrap()).await.unwrap() }).await
    }

    pub async fn hypervisor(&self) -> Session {
        let arrival = self.arrival().await;
        assert_eq!(arrival.identity, Some(Identity::Hypervisor(xrdtest_model::HypervisorName::new("h1"))));
        let Hello::Hypervisor { instances, abilities, .. } = arrival.hello.clone() else {
            panic!("{:?}", arrival.hello)
        };
        assert_eq!(abilities.provider, "sandbox");
        let version = arrival.version().unwrap();
        let (link, orders, reports) = arrival.accept(version).await.unwrap();
        Session { instances, link, orders, reports, steps: Vec::new(), status: None }
    }
}

impl Session {
    /// The next report that is not about progress or load; the steps are collected, and the latest load is kept.
    pub async fn report(&mut self) -> HypervisorToEngine {
        soon("a report", async {
            loop {
                match self.reports.recv().await.unwrap().unwrap() {
                    HypervisorToEngine::Progress { step, .. } => self.steps.extend(step),
                    HypervisorToEngine::Status { room, load, .. } => self.status = Some((room, load)),
                    other => return other,
                }
            }
        })
        .await
    }

    /// Answers one request for a file.
    pub async fn serve(&self, expected: &StreamHeader, reply: FetchReply, content: &'static [u8]) {
        let stream =
            soon("a request", async { self.link.accept_stream().await.unwrap().header().await.unwrap() })
                .await;
        assert_eq!(&stream.header, expected);
        stream.answer(&reply, Bytes::from_static(content)).await.unwrap();
    }
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

pub fn start(id: &InstanceId) -> EngineToHypervisor {
    let order = super::order(id, &super::cluster(2));
    EngineToHypervisor::StartInstance { instance: id.clone(), cluster: order.cluster, tokens: order.tokens }
}
