//! The agents' side: join once, then connect.

use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quinn::{Connection, Endpoint, VarInt};
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::answered::leave_when_unanswered;
use crate::authority::request_for;
use crate::error::ProtocolError;
use crate::frame::{FrameReceiver, FrameSender};
use crate::identity::{Credentials, JoinKey};
use crate::message::{
    EngineToHypervisor, EngineToSlave, Hello, HelloReply, HypervisorToEngine, SlaveToEngine, Spoken,
};
use crate::stream::Streams;
use crate::token::JoinToken;
use crate::transport::{SERVER_NAME, agent_config, joining_config};
use crate::version::range;

/// How long a connection may take until the engine has answered the hello.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Gets a certificate for a one-time token. The name in it is the one that the engine bound to the token. With the same
/// key this may be tried again and again: the engine answers the applicant that has used the token before.
///
/// # Errors
/// Where the engine can't be reached, is not the one that the token names, or refuses the token
/// ([`ProtocolError::is_final`]).
pub async fn join(
    engine: SocketAddr,
    token: &JoinToken,
    key: &JoinKey,
) -> Result<Credentials, ProtocolError> {
    let request = request_for(key.pem())?;
    let hello = Hello::Join { versions: range(), token: token.to_string(), request };
    let config = joining_config(token.ca_fingerprint)?;
    let (connection, _, _, reply) = greet(&Port::towards(engine)?, engine, config, || hello).await?;
    connection.close(VarInt::from_u32(0), b"joined");
    match reply {
        HelloReply::Joined { certificate, ca } => {
            Ok(Credentials { certificate, key: key.pem().to_owned(), ca })
        }
        HelloReply::Refused { reason } => Err(ProtocolError::Refused(reason)),
        HelloReply::Accepted { .. } => {
            Err(ProtocolError::Malformed("accepted without certificate".to_owned()))
        }
    }
}

/// A connection of an agent to the engine after both hellos. `S` is what it sends, `R` what it receives.
#[derive(Debug)]
pub struct Session<S, R> {
    /// Messages to the engine.
    pub sender: Sender<S>,
    /// Messages from the engine.
    pub receiver: Receiver<R>,
    /// For files.
    pub streams: Streams,
    /// The version that both speak.
    pub version: u32,
    /// The engine's clock when it said so, in milliseconds since 1970.
    pub engine_ms: Option<u64>,
    connection: Connection,
    _answered: AbortOnDropHandle<()>,
}

/// The session of a slave agent.
pub type SlaveSession = Session<SlaveToEngine, EngineToSlave>;
/// The session of a hypervisor agent.
pub type HypervisorSession = Session<HypervisorToEngine, EngineToHypervisor>;

impl<S, R> Session<S, R> {
    /// Waits until the connection is over and says why.
    pub async fn closed(&self) -> ProtocolError {
        self.connection.closed().await.into()
    }

    /// Waits, for a second at most, until the engine has everything that was sent, and closes.
    pub async fn close(mut self) {
        self.sender.frames.finish();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.sender.frames.delivered()).await;
        self.connection.close(VarInt::from_u32(0), b"goodbye");
    }
}

/// The sending half of a control stream.
#[derive(Debug)]
pub struct Sender<T> {
    frames: FrameSender,
    /// The version that the peer and this side speak.
    version: u32,
    kind: PhantomData<fn(T)>,
}

impl<T: Spoken> Sender<T> {
    pub(crate) fn new(frames: FrameSender, version: u32) -> Self {
        Self { frames, version, kind: PhantomData }
    }

    /// Sends a message, as far as the peer's version knows it.
    ///
    /// # Errors
    /// Where the connection breaks, or the message is too long ([`ProtocolError::TooLong`]).
    pub async fn send(&mut self, message: &T) -> Result<(), ProtocolError> {
        match message.spoken(self.version) {
            Some(message) => self.frames.send(&*message).await,
            None => Ok(()),
        }
    }

    /// As [`Sender::send`], but it may wait for the next message, to travel with it.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn feed(&mut self, message: &T) -> Result<(), ProtocolError> {
        match message.spoken(self.version) {
            Some(message) => self.frames.feed(&*message).await,
            None => Ok(()),
        }
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn flush(&mut self) -> Result<(), ProtocolError> {
        self.frames.flush().await
    }
}

/// The receiving half of a control stream.
#[derive(Debug)]
pub struct Receiver<T> {
    frames: FrameReceiver,
    /// The peer is an agent, this side the engine.
    of_agent: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Receiver<T> {
    pub(crate) fn new(frames: FrameReceiver) -> Self {
        Self { frames, of_agent: false, kind: PhantomData }
    }

    /// On the engine's side.
    pub(crate) fn of_agent(frames: FrameReceiver) -> Self {
        Self { frames, of_agent: true, kind: PhantomData }
    }

    /// The next message; `None` when the peer has ended the stream. Cancel-safe.
    ///
    /// # Errors
    /// Where the connection breaks or something else than a message arrives; on the engine's side
    /// [`ProtocolError::MessageTooLong`] where it is longer than may be.
    pub async fn recv(&mut self) -> Result<Option<T>, ProtocolError> {
        let received = self.frames.recv().await;
        if self.of_agent { received.map_err(ProtocolError::of_known_agent) } else { received }
    }
}

/// The UDP port that connections leave from.
#[derive(Clone, Debug)]
pub struct Port(Endpoint);

impl Port {
    /// A free port of this machine, from which the engine can be reached. Needs a runtime.
    ///
    /// # Errors
    /// Where there is none.
    pub fn towards(engine: SocketAddr) -> Result<Self, ProtocolError> {
        let any: SocketAddr = if engine.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
        };
        Ok(Self(Endpoint::client(any)?))
    }
}

/// Connects with a certificate. Returns only after the engine has accepted the hello: with TLS 1.3 a handshake that
/// looks complete here may still be refused there. The hello is made when there is somebody who hears it: reaching an
/// engine that is just coming back takes seconds, in which things change.
///
/// # Errors
/// Where the engine can't be reached or refuses.
pub async fn connect<S, R>(
    engine: SocketAddr,
    credentials: &Credentials,
    hello: impl FnOnce() -> Hello,
) -> Result<Session<S, R>, ProtocolError>
where
    S: Spoken,
    R: DeserializeOwned,
{
    connect_from(&Port::towards(engine)?, engine, credentials, hello).await
}

/// The same from a port that agents of one process share: hundreds of ports cost more than what is said through them.
///
/// # Errors
/// As [`connect`].
pub async fn connect_from<S, R>(
    port: &Port,
    engine: SocketAddr,
    credentials: &Credentials,
    hello: impl FnOnce() -> Hello,
) -> Result<Session<S, R>, ProtocolError>
where
    S: Spoken,
    R: DeserializeOwned,
{
    let (connection, sender, receiver, reply) =
        greet(port, engine, agent_config(credentials)?, hello).await?;
    match reply {
        HelloReply::Accepted { version, now_ms } => Ok(Session {
            sender: Sender::new(sender, version),
            receiver: Receiver::new(receiver),
            streams: Streams::new(connection.clone()),
            version,
            engine_ms: now_ms,
            _answered: AbortOnDropHandle::new(tokio::spawn(leave_when_unanswered(connection.clone()))),
            connection,
        }),
        HelloReply::Refused { reason } => Err(ProtocolError::Refused(reason)),
        HelloReply::Joined { .. } => Err(ProtocolError::Malformed("joined without having asked".to_owned())),
    }
}

/// Whether the engine of the CA with this fingerprint answers at an address: a handshake, and nothing after it.
///
/// # Errors
/// Where nobody answers in time, or another engine does.
pub async fn probe(engine: SocketAddr, ca_fingerprint: [u8; 32]) -> Result<(), ProtocolError> {
    let port = Port::towards(engine)?;
    let connecting = port.0.connect_with(joining_config(ca_fingerprint)?, engine, SERVER_NAME)?;
    let connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| ProtocolError::Closed("not, but did not answer within 10 s"))??;
    connection.close(VarInt::from_u32(0), b"only asking");
    port.0.wait_idle().await;
    Ok(())
}

type Greeting = (Connection, FrameSender, FrameReceiver, HelloReply);

async fn greet(
    port: &Port,
    engine: SocketAddr,
    config: quinn::ClientConfig,
    hello: impl FnOnce() -> Hello,
) -> Result<Greeting, ProtocolError> {
    let greeting = async {
        let connection = port.0.connect_with(config, engine, SERVER_NAME)?.await?;
        let (send, receive) = connection.open_bi().await?;
        let (mut sender, mut receiver) = (FrameSender::new(send), FrameReceiver::new(receive));
        sender.send(&hello()).await?;
        let reply =
            receiver.recv().await?.ok_or(ProtocolError::Closed("instead of an answer to the hello"))?;
        Ok((connection, sender, receiver, reply))
    };
    tokio::time::timeout(CONNECT_TIMEOUT, greeting)
        .await
        .map_err(|_| ProtocolError::Closed("not, but did not answer the hello within 10 s"))?
}
