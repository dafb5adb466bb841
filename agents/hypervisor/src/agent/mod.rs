//! The agent: connected to the engine for as long as it lives, it does what the engine orders.
//!
//! Orders are carried out by tasks of their own (`orders`), which go on while the engine is away; what they have to
//! say waits in a queue. A connection ([`run`]) only carries messages. After each reconnection the hello says which
//! instances exist, and what the engine may have missed is said again.

mod backoff;
mod link;
mod orders;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use xrdtest_protocol::client::{self, HypervisorSession};
use xrdtest_protocol::message::{Hello, HypervisorToEngine};
use xrdtest_protocol::version::{NEWEST, OLDEST};
use xrdtest_protocol::{Credentials, ProtocolError};

use crate::provider::{MachineGone, Provider};
use crate::sandbox::{Sandbox, SandboxConfig, SandboxError};
use backoff::Backoff;
use link::Link;
use orders::Orders;

/// A connection that lived this long was a good one: the next attempt follows soon.
const HEALTHY: Duration = Duration::from_secs(10);

/// What the agent needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the engine is. The relays of the instances forward to the same address.
    pub engine: SocketAddr,
    /// Who the agent is.
    pub credentials: Credentials,
    /// How it makes machines.
    pub provider: ProviderConfig,
}

/// How an agent makes machines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProviderConfig {
    /// As containers.
    Sandbox(SandboxConfig),
}

/// Why the agent does not work at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The sandbox can't work here.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Runs the agent until `shutdown`; then all instances are stopped and removed, and this returns.
///
/// # Errors
/// Where the provider can't work on this machine, which is known at once. That the engine is away or refuses is no
/// error: it is tried again for ever.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), AgentError> {
    let Config { engine, credentials, provider } = config;
    let (provider, gone): (Arc<dyn Provider>, _) = match provider {
        ProviderConfig::Sandbox(config) => {
            let (sandbox, gone) = Sandbox::open(config).await?;
            (Arc::new(sandbox), gone)
        }
    };
    Agent::new(engine, credentials, provider, gone).run(shutdown).await;
    Ok(())
}

/// A provider and its connection to the engine. [`run`] is this with the provider that the configuration names.
pub struct Agent {
    engine: SocketAddr,
    credentials: Credentials,
    provider: Arc<dyn Provider>,
    orders: Arc<Orders>,
    gone: mpsc::UnboundedReceiver<MachineGone>,
    outbox: mpsc::UnboundedReceiver<HypervisorToEngine>,
    /// Taken from the outbox, but not sent.
    unsent: Option<HypervisorToEngine>,
    link: Arc<Link>,
}

/// Why a connection ended.
enum End {
    Shutdown,
    Lost(ProtocolError),
}

impl Agent {
    /// An agent that is not connected yet. `gone` is where the provider reports machines that ended by themselves.
    pub fn new(
        engine: SocketAddr,
        credentials: Credentials,
        provider: Arc<dyn Provider>,
        gone: mpsc::UnboundedReceiver<MachineGone>,
    ) -> Self {
        let (reports, outbox) = mpsc::unbounded_channel();
        let link = Arc::new(Link::default());
        let orders = Arc::new(Orders::new(engine, provider.clone(), link.clone(), reports));
        Self { engine, credentials, provider, orders, gone, outbox, unsent: None, link }
    }

    /// Connects and does what the engine orders, until `shutdown`; then all instances are stopped and removed.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut backoff = Backoff::default();
        let session = loop {
            let Some(connected) = shutdown.run_until_cancelled(self.connect()).await else { break None };
            match connected {
                Ok(mut session) => {
                    let since = tokio::time::Instant::now();
                    tracing::info!(engine = %self.engine, "connected");
                    self.link.up(session.streams.clone());
                    let end = self.talk(&mut session, &shutdown).await;
                    self.link.down();
                    match end {
                        End::Shutdown => break Some(session),
                        End::Lost(error) => tracing::warn!(engine = %self.engine, %error, "connection lost"),
                    }
                    if since.elapsed() > HEALTHY {
                        backoff = Backoff::default();
                    }
                }
                Err(error) if error.is_final() => tracing::error!(engine = %self.engine, %error, "refused"),
                Err(error) => tracing::debug!(engine = %self.engine, %error, "no connection"),
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(backoff.next())).await.is_none() {
                break None;
            }
        };
        self.say_goodbye(session).await;
    }

    async fn connect(&self) -> Result<HypervisorSession, ProtocolError> {
        let hello = Hello::Hypervisor {
            versions: (OLDEST, NEWEST),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            abilities: self.provider.abilities(),
            instances: self.provider.instances(),
        };
        client::connect(self.engine, &self.credentials, &hello).await
    }

    /// Carries messages until the connection breaks or the agent is to end.
    async fn talk(&mut self, session: &mut HypervisorSession, shutdown: &CancellationToken) -> End {
        for report in self.orders.standing() {
            if let Err(error) = session.sender.send(&report).await {
                return End::Lost(error);
            }
        }
        loop {
            if let Some(report) = &self.unsent {
                if let Err(error) = session.sender.send(report).await {
                    return End::Lost(error);
                }
                self.unsent = None;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return End::Shutdown,
                Some(report) = self.outbox.recv() => self.unsent = Some(report),
                Some(gone) = self.gone.recv() => self.orders.machine_gone(gone),
                order = session.receiver.recv() => match order {
                    Ok(Some(order)) => self.orders.take(order),
                    Ok(None) => return End::Lost(ProtocolError::Closed("by the engine")),
                    Err(error) => return End::Lost(error),
                },
            }
        }
    }

    /// Stops everything, telling the engine as far as it still listens.
    async fn say_goodbye(mut self, session: Option<HypervisorSession>) {
        self.orders.stop_all().await;
        let Some(mut session) = session else { return };
        let mut reports: Vec<_> = self.unsent.take().into_iter().collect();
        while let Ok(report) = self.outbox.try_recv() {
            reports.push(report);
        }
        reports.push(HypervisorToEngine::Goodbye);
        for report in reports {
            if session.sender.send(&report).await.is_err() {
                return;
            }
        }
        session.close().await;
    }
}
