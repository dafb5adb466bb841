//! The engine: everything around the deciding core that touches the world.
//!
//! One task owns the [`xrdtest_orchestrator::Orchestrator`] and writes the journal ([`engine`], [`inputs`],
//! [`effects`]); agents' connections turn messages into its inputs and its effects into messages ([`listener`],
//! [`registry`]); output and log files go past it straight to disk ([`uploads`], [`run_files`]). Whoever wants to know
//! what happens subscribes through [`EngineHandle`], or asks over HTTP ([`service`], [`socket`]). Suites are started by
//! their schedules in [`scheduler`], and [`deliveries`] tell people and programs how they ended, by [`mail`] and by
//! [`webhooks`].
//!
//! The rest is the daemon `xrdtest-engine`: configuration, log, lock, signals ([`daemon`]); and [`doctor`], which looks
//! at all that an engine needs, whether one runs or not; and [`backup`].

mod archive;
pub mod backup;
mod clock;
mod clusters;
mod command;
pub mod config;
mod context;
mod controls;
pub mod daemon;
mod dashboard;
mod definitions;
mod deliveries;
pub mod doctor;
mod effects;
mod engine;
mod evidence;
mod external;
mod failpoint;
mod fetch;
mod handle;
mod inputs;
mod listener;
pub mod lock;
mod mail;
mod registry;
mod renewals;
mod reports;
pub mod repositories;
mod requests;
mod revocations;
mod run_files;
mod runs;
mod scheduler;
mod secret;
mod service;
mod socket;
mod start;
mod tokens;
mod told;
mod trust;
mod uploads;
mod wall;
mod webhooks;

pub use controls::{Controls, SetLogLevel};
pub use definitions::DefinitionsConfig;
pub use deliveries::Unsent;
pub use handle::{EngineHandle, EngineStatus, HypervisorNote, OutputChunk};
pub use mail::Settings as MailSettings;
pub use repositories::RepositoryConfig;
pub use run_files::RunFiles;
pub use start::{EngineConfig, EngineError, start};
pub use webhooks::{Private, Webhook};
