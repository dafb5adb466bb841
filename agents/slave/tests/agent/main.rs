//! The real agent and its real supervisors against the engine's side of the protocol.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod crashes;
mod engine;
mod forwarder;
mod notify;
mod physical;
mod reboot;
mod stages;
mod trouble;
