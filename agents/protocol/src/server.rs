//! The engine's side: a listener for agents.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quinn::udp::UdpSocketState;
use quinn::{Connection, Endpoint, TokioRuntime, VarInt};
use rustls::pki_types::CertificateDer;
use serde::de::DeserializeOwned;

use crate::admission::{Admission, ConnectionSlot, Door, GreetingSlot};
use crate::authority::issued_ms;
use crate::client::{Receiver, Sender};
use crate::error::ProtocolError;
use crate::frame::{FrameReceiver, FrameSender, MAX_FRAME, MAX_HELLO};
use crate::identity::{Credentials, Identity, identity_of};
use crate::message::{Hello, HelloReply, Spoken};
use crate::stream::IncomingStream;
use crate::transport::{endpoint_config, server_config};
use crate::version::{negotiate, range};

/// How long a new connection may take until its hello is there.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Code of a connection that the engine ends; its words say why.
const REFUSED: VarInt = VarInt::from_u32(1);
/// What a connection is closed with when another one of the same agent takes its place.
pub(crate) const DISPLACED: VarInt = VarInt::from_u32(3);

/// Bytes that the system shall keep for a listener that is busy: hundreds of agents come back at the same moment. The
/// system's own limit may be lower.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How a listener is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// 32 bytes that nobody else knows. With the same ones a listener tells the agents of an earlier process at the same
    /// address that their connections are over, so that they come back at once. Without, they notice it when
    /// [`IDLE_TIMEOUT`](crate::IDLE_TIMEOUT) is over.
    pub secret: Option<[u8; 32]>,
    /// Agents that are served at once; more are refused in words. Key `limits.agents`.
    pub max_connections: usize,
    /// Connections that have not said hello yet. More are turned away, and their agents try again; one address has at
    /// most half of them.
    pub max_greeting: usize,
    /// Bytes of the longest message that is taken from an agent, at most [`MAX_FRAME`]; a longer one ends its
    /// connection in words. Key `limits.frame`.
    pub max_frame: usize,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self { secret: None, max_connections: 2000, max_greeting: 200, max_frame: MAX_FRAME }
    }
}

/// Listens for agents.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    door: Arc<Door>,
}

/// A connection attempt.
#[derive(Debug)]
pub struct Incoming {
    incoming: quinn::Incoming,
    slot: GreetingSlot,
}

impl Incoming {
    /// Where it comes from.
    pub fn remote_address(&self) -> SocketAddr {
        self.incoming.remote_address()
    }
}

/// An agent that has connected and said hello; it waits for the answer.
#[derive(Debug)]
pub struct Arrival {
    /// Whom its certificate names; `None` without certificate: it may only join.
    pub identity: Option<Identity>,
    /// When that certificate was issued, in milliseconds since 1970; 0 where it does not say it, or there is none.
    pub issued_ms: u64,
    /// What it said.
    pub hello: Hello,
    /// Where it came from: its own address, or a relay's.
    pub address: SocketAddr,
    connection: Connection,
    sender: FrameSender,
    receiver: FrameReceiver,
    door: Arc<Door>,
}

/// An agent's connection after both hellos, on the engine's side.
#[derive(Clone, Debug)]
pub struct Link {
    connection: Connection,
    /// Held until the last copy is gone.
    _slot: Arc<ConnectionSlot>,
}

impl Listener {
    /// Listens on `address` (UDP) with the engine's own credentials.
    ///
    /// # Errors
    /// Where the address is taken or the credentials can't be used.
    pub fn bind(
        address: SocketAddr,
        credentials: &Credentials,
        config: &ListenerConfig,
    ) -> Result<Self, ProtocolError> {
        let socket = UdpSocket::bind(address)?;
        // More room is only better: where the system gives less, packets are lost and sent again.
        let _ = UdpSocketState::new((&socket).into())?.set_recv_buffer_size((&socket).into(), RECEIVE_BUFFER);
        let endpoint = Endpoint::new(
            endpoint_config(config.secret.as_ref()),
            Some(server_config(credentials)?),
            socket,
            Arc::new(TokioRuntime),
        )?;
        let max_frame = config.max_frame.min(MAX_FRAME);
        Ok(Self { endpoint, door: Door::new(config.max_connections, config.max_greeting, max_frame) })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// Where the socket is broken.
    pub fn local_addr(&self) -> Result<SocketAddr, ProtocolError> {
        Ok(self.endpoint.local_addr()?)
    }

    /// From now on it shows these credentials to those who connect.
    ///
    /// # Errors
    /// Where they can't be used.
    pub fn renew(&self, credentials: &Credentials) -> Result<(), ProtocolError> {
        self.endpoint.set_server_config(Some(server_config(credentials)?));
        Ok(())
    }

    /// The next connection attempt for which there is room; `None` when the listener was closed. The handshake and the
    /// hello are left to [`greet`], so that a slow peer holds up nobody.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let incoming = self.endpoint.accept().await?;
            let address = incoming.remote_address().ip();
            match self.door.knock(address, incoming.remote_address_validated()) {
                Admission::Welcome(slot) => return Some(Incoming { incoming, slot }),
                // Where a retry is not possible, dropping the error refuses.
                Admission::Prove => drop(incoming.retry()),
                Admission::Refused => incoming.refuse(),
            }
        }
    }

    /// Ends all connections and waits, for a second at most, until the peers know.
    pub async fn close(&self) {
        self.endpoint.close(VarInt::from_u32(0), b"the engine stops");
        let _ = tokio::time::timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
    }
}

/// Takes a connection attempt up to the agent's hello.
///
/// # Errors
/// Where the handshake fails (wrong certificate), the hello does not come in 10 s, or is none.
pub async fn greet(incoming: Incoming) -> Result<Arrival, ProtocolError> {
    let Incoming { incoming, slot } = incoming;
    let door = slot.door().clone();
    let greeting = async {
        let connection = incoming.await?;
        let (send, receive) = connection.accept_bi().await?;
        let mut receiver = FrameReceiver::with_limit(receive, MAX_HELLO);
        let (identity, issued_ms) = peer_identity(&connection)?.unzip();
        let issued_ms = issued_ms.unwrap_or(0);
        if identity.is_some() {
            // A slave agent's hello holds everything that it knows about stages.
            receiver.set_limit(door.max_frame());
        }
        let hello = match receiver.recv().await {
            Err(error @ ProtocolError::FrameTooLong { .. }) if identity.is_some() => {
                let error = error.of_known_agent();
                connection.close(REFUSED, error.to_string().as_bytes());
                return Err(error);
            }
            hello => hello?.ok_or(ProtocolError::Closed("instead of saying hello"))?,
        };
        let address = connection.remote_address();
        let sender = FrameSender::new(send);
        Ok(Arrival { identity, issued_ms, hello, address, connection, sender, receiver, door })
    };
    let arrival = tokio::time::timeout(HELLO_TIMEOUT, greeting)
        .await
        .map_err(|_| ProtocolError::Closed("not, but did not say hello within 10 s"))?;
    drop(slot);
    arrival
}

/// Whom the peer's certificate names, and when it was issued.
fn peer_identity(connection: &Connection) -> Result<Option<(Identity, u64)>, ProtocolError> {
    let Some(any) = connection.peer_identity() else {
        return Ok(None);
    };
    match any.downcast::<Vec<CertificateDer<'static>>>() {
        Ok(chain) => {
            chain.first().map(|own| identity_of(own).map(|identity| (identity, issued_ms(own)))).transpose()
        }
        Err(_) => Ok(None),
    }
}

impl Arrival {
    /// The version that both speak, if there is one.
    pub fn version(&self) -> Option<u32> {
        negotiate(range(), self.hello.versions())
    }

    /// Answers with a certificate; the connection ends.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn joined(self, certificate: String, ca: String) -> Result<(), ProtocolError> {
        self.farewell(&HelloReply::Joined { certificate, ca }).await
    }

    /// Refuses; the connection ends.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn refuse(self, reason: impl Into<String>) -> Result<(), ProtocolError> {
        self.farewell(&HelloReply::Refused { reason: reason.into() }).await
    }

    async fn farewell(mut self, reply: &HelloReply) -> Result<(), ProtocolError> {
        self.sender.send(reply).await?;
        self.sender.finish();
        // The agent closes when it has read the answer.
        let _ = tokio::time::timeout(HELLO_TIMEOUT, self.connection.closed()).await;
        Ok(())
    }

    /// Accepts; messages follow. Where as many agents are served as may be, it refuses.
    ///
    /// # Errors
    /// Where the connection breaks, or it was refused: [`ProtocolError::Full`].
    pub async fn accept<S, R>(mut self, version: u32) -> Result<(Link, Sender<S>, Receiver<R>), ProtocolError>
    where
        S: Spoken,
        R: DeserializeOwned,
    {
        let Some(slot) = self.door.enter() else {
            let full = ProtocolError::Full { limit: self.door.max_connections() };
            self.refuse(full.to_string()).await?;
            return Err(full);
        };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(since_1970.as_millis()).ok();
        self.sender.send(&HelloReply::Accepted { version, now_ms }).await?;
        let link = Link { connection: self.connection, _slot: Arc::new(slot) };
        Ok((link, Sender::new(self.sender, version), Receiver::of_agent(self.receiver)))
    }
}

impl Link {
    /// The next stream that the agent opens.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn accept_stream(&self) -> Result<PendingStream, ProtocolError> {
        let (send, receive) = self.connection.accept_bi().await?;
        Ok(PendingStream { send, receive })
    }

    /// Waits until the connection is over and says why.
    pub async fn closed(&self) -> ProtocolError {
        self.connection.closed().await.into()
    }

    /// Why the connection is over; `None` while it is not.
    pub fn close_reason(&self) -> Option<ProtocolError> {
        self.connection.close_reason().map(ProtocolError::from)
    }

    /// Ends the connection: another one of the same agent takes its place.
    pub fn displace(&self) {
        let words = b"another connection of the same agent took its place; \
            where that was not this process, two agents have one name";
        self.connection.close(DISPLACED, words);
    }

    /// Ends the connection.
    pub fn close(&self, reason: &str) {
        self.connection.close(REFUSED, reason.as_bytes());
    }
}

/// A stream whose header is still to be read.
#[derive(Debug)]
pub struct PendingStream {
    send: quinn::SendStream,
    receive: quinn::RecvStream,
}

impl PendingStream {
    /// Reads what the stream is for.
    ///
    /// # Errors
    /// Where the connection breaks or the header is none.
    pub async fn header(self) -> Result<IncomingStream, ProtocolError> {
        IncomingStream::read_header(self.send, self.receive).await
    }
}
