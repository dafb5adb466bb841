//! The agent as a daemon: its lock, its log, its signals, and what systemd wants to know.

pub mod gc;
pub mod lock;
pub mod log;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::agent::join::{self, JoinError, TokenSource};
use crate::config::{Config, ProviderName};
#[cfg(feature = "libvirt")]
use crate::libvirt::{Libvirt, LibvirtError};
use crate::provider::Provider;
use crate::sandbox::{Sandbox, SandboxError};
use lock::{LockError, StateLock};
use log::LogFile;

/// Why the daemon does not work at all.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Machines can't be made here.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Virtual machines can't be made here.
    #[cfg(feature = "libvirt")]
    #[error(transparent)]
    Libvirt(#[from] LibvirtError),
    /// Virtual machines are no part of this build.
    #[cfg(not(feature = "libvirt"))]
    #[error(
        "this program was built without libvirt, and its configuration asks for provider = \"libvirt\"; build it with \
         `--features xrdtest-hypervisor/libvirt`, or install one that has it"
    )]
    NotBuilt,
    /// It is nobody.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The system refused.
    #[error("cannot handle signals: {0}")]
    Signals(io::Error),
}

/// Runs the agent until it gets TERM or INT; then instances that do not outlive it are stopped. `token`: what the command line gave; it
/// goes before the configured file.
///
/// # Errors
/// [`DaemonError`] where there is no use in going on. That the engine is away is no error.
pub async fn run(
    config: Config,
    token: Option<TokenSource>,
    log: Option<LogFile>,
) -> Result<(), DaemonError> {
    let shutdown = CancellationToken::new();
    watch_signals(shutdown.clone(), log).map_err(DaemonError::Signals)?;
    let _lock = StateLock::take(&config.state)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), engine = %config.engine, "the hypervisor agent starts");
    let (provider, gone): (Arc<dyn Provider>, _) = match config.provider {
        ProviderName::Sandbox => {
            let (provider, gone) = Sandbox::open(config.sandbox()).await?;
            (Arc::new(provider), gone)
        }
        #[cfg(not(feature = "libvirt"))]
        ProviderName::Libvirt => return Err(DaemonError::NotBuilt),
        #[cfg(feature = "libvirt")]
        ProviderName::Libvirt => {
            let (provider, gone) = Libvirt::open(config.libvirt()).await?;
            (Arc::new(provider), gone)
        }
    };
    tell(&[NotifyState::Ready, NotifyState::Status("ready; looks for the engine")]);
    let watchdog = tokio::spawn(feed_watchdog());
    let token = token.or_else(|| config.join_token_file.clone().map(TokenSource::File));
    let folder = config.state.join("credentials");
    let joining = join::credentials(&folder, &config.engine, token.as_ref());
    if let Some(joined) = shutdown.run_until_cancelled(joining).await {
        let (credentials, name) = joined?;
        tracing::info!(%name, "this is the hypervisor agent's name");
        let status = format!("{name}, for the engine at {}", config.engine);
        tell(&[NotifyState::Status(&status)]);
        let agent = Agent::new(config.engine, credentials, provider.clone(), gone);
        let agent = agent.with_credentials_kept_in(&folder);
        let agent = agent.with_lease(config.lease.0).with_machines_that_outlive_it(&config.state);
        agent.run(shutdown).await;
    }
    watchdog.abort();
    match provider.instances().len() {
        0 => tracing::info!("the hypervisor agent has stopped; nothing of its machines is left"),
        instances => tracing::info!(
            instances,
            "the hypervisor agent has stopped; its machines go on, and it finds them again when it starts \
             (`xrdtest-hypervisor gc --all` takes them away)"
        ),
    }
    Ok(())
}

/// TERM and INT stop the agent, HUP lets go of a rotated log.
fn watch_signals(shutdown: CancellationToken, log: Option<LogFile>) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let hangup = signal(SignalKind::hangup())?;
    tokio::spawn(reopen_on(hangup, log));
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to stop");
        tell(&[NotifyState::Stopping]);
        shutdown.cancel();
    });
    Ok(())
}

async fn reopen_on(mut hangup: Signal, log: Option<LogFile>) {
    while hangup.recv().await.is_some() {
        let Some(log) = &log else {
            tracing::info!("HUP: the log goes to standard error, so there is no file to open anew");
            continue;
        };
        match log.reopen() {
            Ok(()) => tracing::info!("HUP: the log's file was opened anew"),
            Err(error) => {
                tracing::error!(%error, "HUP: the log's file can't be opened anew; the old one is used");
            }
        }
    }
}

/// Says to systemd that the runtime still turns, twice as often as it asks for.
async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = tokio::time::interval((limit / 2).max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// Nobody listens unless systemd started this process.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot tell systemd how it is");
    }
}
