//! A link between one agent and the engine that can be broken.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::watch;

/// A direction of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToEngine,
    ToAgent,
}

/// Forwards datagrams; the agent's side stays where it is.
pub(crate) struct Forwarder {
    shared: Arc<Shared>,
}

struct Shared {
    engine: SocketAddr,
    front: UdpSocket,
    /// The socket towards the engine.
    back: watch::Sender<Arc<UdpSocket>>,
    agent: watch::Sender<Option<SocketAddr>>,
    cut: watch::Sender<Option<Direction>>,
}

async fn bind() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

impl Forwarder {
    pub(crate) async fn new(engine: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            engine,
            front: bind().await,
            back: watch::channel(Arc::new(bind().await)).0,
            agent: watch::channel(None).0,
            cut: watch::channel(None).0,
        });
        tokio::spawn(shared.clone().to_engine());
        tokio::spawn(shared.clone().to_agent());
        Self { shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.front.local_addr().unwrap()
    }

    /// Datagrams in this direction are lost from now on.
    pub(crate) fn cut(&self, direction: Direction) {
        self.shared.cut.send_replace(Some(direction));
    }

    pub(crate) fn mend(&self) {
        self.shared.cut.send_replace(None);
    }

    /// The engine sees the agent at another address from now on, and what it sends to the old one is lost.
    pub(crate) async fn change_address(&self) {
        self.shared.back.send_replace(Arc::new(bind().await));
    }
}

impl Shared {
    fn is_cut(&self, direction: Direction) -> bool {
        *self.cut.borrow() == Some(direction)
    }

    async fn to_engine(self: Arc<Self>) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok((length, from)) = self.front.recv_from(&mut buffer).await {
            self.agent.send_replace(Some(from));
            if !self.is_cut(Direction::ToEngine) {
                let back = self.back.borrow().clone();
                // As datagrams go.
                let _ = back.send_to(&buffer[..length], self.engine).await;
            }
        }
    }

    async fn to_agent(self: Arc<Self>) {
        let mut changes = self.back.subscribe();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let back = changes.borrow_and_update().clone();
            let received = tokio::select! {
                received = back.recv_from(&mut buffer) => received,
                _ = changes.changed() => continue,
            };
            let (Ok((length, _)), Some(agent)) = (received, *self.agent.borrow()) else { continue };
            if !self.is_cut(Direction::ToAgent) {
                let _ = self.front.send_to(&buffer[..length], agent).await;
            }
        }
    }
}
