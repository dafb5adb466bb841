//! What can go wrong between engine and agents.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::IDLE_TIMEOUT;
use crate::answered::{LEAVES_AFTER, UNANSWERED};
use crate::server::DISPLACED;

/// An error of this crate. Messages name the peer where the caller can't know it.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The connection could not be made, or broke.
    #[error("connection: {0}")]
    Connection(#[from] quinn::ConnectionError),
    /// The connection could not be begun.
    #[error("cannot connect: {0}")]
    Connect(#[from] quinn::ConnectError),
    /// The peer ended the stream or the connection in the middle of something.
    #[error("the peer closed the connection {0}")]
    Closed(&'static str),
    /// The engine took longer than it was given.
    #[error("no answer in time")]
    NoAnswer,
    /// The other side refused: its words.
    #[error("refused by the engine: {0}")]
    Refused(String),
    /// The engine has no room for another agent.
    #[error("this engine serves at most {limit} agents at once (key limits.agents)")]
    Full {
        /// How many it serves.
        limit: usize,
    },
    /// What arrived is no frame, is too long, or is no message that was expected here.
    #[error("unexpected data from the peer: {0}")]
    Malformed(String),
    /// A message of this side would exceed the frame limit.
    #[error("the {message} of {length} bytes is longer than the limit of {limit} bytes and was not sent")]
    TooLong {
        /// Which, as `message "order"`.
        message: String,
        /// Bytes of the message.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer is about to send a frame that is too long.
    #[error("the peer sends a message of {length} bytes, longer than the limit of {limit} bytes")]
    FrameTooLong {
        /// Bytes that it announced.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// An agent is about to send a message that is longer than this engine takes.
    #[error(
        "the agent sends a message of {length} bytes, this engine takes at most {limit} bytes (key limits.frame)"
    )]
    MessageTooLong {
        /// Bytes that it announced.
        length: usize,
        /// The engine's limit.
        limit: usize,
    },
    /// Certificates, keys.
    #[error("{what}: {detail}")]
    Identity {
        /// What was being done.
        what: &'static str,
        /// The library's words.
        detail: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A socket or stream failed.
    #[error("network: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ProtocolError {
    /// A stream that breaks with its connection says why the connection is over: the other side may have given words.
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref();
        let writing = inner.and_then(|inner| inner.downcast_ref::<quinn::WriteError>());
        let reading = inner.and_then(|inner| inner.downcast_ref::<quinn::ReadError>());
        match (writing, reading) {
            (Some(quinn::WriteError::ConnectionLost(why)), _)
            | (_, Some(quinn::ReadError::ConnectionLost(why))) => Self::Connection(why.clone()),
            _ => Self::Io(error),
        }
    }
}

impl ProtocolError {
    /// An identity error from a library's error.
    pub(crate) fn identity(what: &'static str) -> impl FnOnce(String) -> Self {
        move |detail| Self::Identity { what, detail }
    }

    /// What it is where it ends the control stream of an agent whom the engine knows: the limit is the engine's own.
    pub(crate) fn of_known_agent(self) -> Self {
        match self {
            Self::FrameTooLong { length, limit } => Self::MessageTooLong { length, limit },
            other => other,
        }
    }

    /// How long there had been no contact already when the connection ended, by the end's own account.
    pub fn silence(&self) -> Duration {
        match self {
            Self::Connection(quinn::ConnectionError::TimedOut) => IDLE_TIMEOUT,
            Self::Connection(quinn::ConnectionError::ApplicationClosed(close))
                if close.error_code == UNANSWERED =>
            {
                LEAVES_AFTER
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether another connection of the same agent took this one's place. Where that was not this very agent, the two
    /// would throw each other out for ever.
    pub fn is_displaced(&self) -> bool {
        matches!(
            self,
            Self::Connection(quinn::ConnectionError::ApplicationClosed(close)) if close.error_code == DISPLACED
        )
    }

    /// Whether the peer said that it knows nothing of the connection: it was started anew, and is there.
    pub fn is_reset(&self) -> bool {
        matches!(self, Self::Connection(quinn::ConnectionError::Reset))
    }

    /// Whether trying again later is pointless: the other side looked at what we are and refused.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Identity { .. })
    }
}
