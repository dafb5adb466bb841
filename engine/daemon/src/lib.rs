//! The engine: everything around the deciding core that touches the world.
//!
//! One task owns the [`xrdtest_orchestrator::Orchestrator`] and the journal ([`engine`]); agents' connections turn
//! messages into its inputs and its effects into messages ([`listener`], [`registry`]); output and log files go past
//! it straight to disk ([`uploads`], [`run_files`]). Whoever wants to know what happens subscribes through
//! [`EngineHandle`].

mod clock;
mod command;
mod engine;
mod fetch;
mod handle;
mod inputs;
mod journal;
mod listener;
mod registry;
mod run_files;
mod runs;
mod tokens;
mod uploads;

pub use engine::{EngineConfig, EngineError, start};
pub use handle::{EngineHandle, EngineStatus, OutputChunk};
pub use journal::read_journal;
pub use run_files::RunFiles;
