//! How engine and agents talk: messages, framing, versions, QUIC endpoints and identities.
//!
//! Agents dial out. A connection without a client certificate may only [`join`](client::join) with a one-time token;
//! one with a certificate of the engine's CA opens the control stream (hello, reply, then messages both ways) and,
//! for each file that it sends or asks for, a stream of its own ([`stream`]). Everything on a stream is a frame with
//! a length prefix and a cap ([`frame`]); messages are JSON, file content is raw bytes.
//!
//! Versions are described at [`version`]; a golden file per version keeps the wire format honest.

mod address;
mod admission;
mod answered;
pub mod authority;
pub mod backoff;
pub mod client;
pub mod error;
pub mod frame;
pub mod identity;
pub mod message;
pub mod open_files;
pub mod renewal;
pub mod run_authority;
pub mod server;
pub mod stream;
pub mod token;
mod transport;
pub mod version;

pub use address::{EngineAddress, ParseAddressError};
pub use error::ProtocolError;
pub use identity::{Credentials, Identity, JoinKey};
pub use token::JoinToken;
pub use transport::IDLE_TIMEOUT;
