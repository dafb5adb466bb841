//! The agent: connected to the engine for as long as it lives, it does what the engine orders.
//!
//! Orders are carried out by tasks of their own (`orders`), which go on while the engine is away; what they have to
//! say waits in a queue. A connection ([`Agent::run`]) only carries messages. After each reconnection the hello says which
//! instances exist, and what the engine may have missed is said again. Where the engine stays silent for longer than
//! the lease (`lease`), all instances are stopped. Where machines outlive the agent, it ends without them and its next
//! process finds them again.

mod consoles;
pub mod join;
mod lease;
mod link;
mod orders;

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use xrdtest_protocol::backoff::{BackOff, chance};
use xrdtest_protocol::client::{self, HypervisorSession};
use xrdtest_protocol::message::{Hello, HypervisorToEngine};
use xrdtest_protocol::renewal::Renewal;
use xrdtest_protocol::version;
use xrdtest_protocol::{Credentials, ProtocolError};

use crate::provider::{MachineGone, Provider};
use lease::{LastHeard, Lease};
use link::Link;
use orders::Orders;

pub use xrdtest_protocol::{EngineAddress, ParseAddressError};

/// How often a connected agent says how busy its machine is, and notes that the engine is there.
const TICK: Duration = Duration::from_secs(60);

/// A provider and its connection to the engine.
pub struct Agent {
    engine: EngineAddress,
    renewal: Arc<Renewal>,
    provider: Arc<dyn Provider>,
    orders: Arc<Orders>,
    gone: mpsc::UnboundedReceiver<MachineGone>,
    outbox: mpsc::UnboundedReceiver<HypervisorToEngine>,
    /// Taken from the outbox, but not sent.
    unsent: Option<HypervisorToEngine>,
    link: Arc<Link>,
    /// What the engine's name stood for when it was last looked up: where the relays forward to.
    found: watch::Sender<Option<SocketAddr>>,
    lease: Lease,
    /// Where the provider's machines outlive the agent: what its next process has to know.
    last_heard: Option<LastHeard>,
}

fn note_renewal(renewed: Result<(), ProtocolError>) {
    match renewed {
        Ok(()) => {
            tracing::info!("this agent's certificate is renewed");
        }
        Err(error) => {
            tracing::warn!(%error, "this agent's certificate could not be renewed; it is tried again");
        }
    }
}

/// Why a connection ended.
enum End {
    Shutdown,
    Lost(ProtocolError),
}

impl Agent {
    /// An agent that is not connected yet. `gone` is where the provider reports machines that ended by themselves.
    pub fn new(
        engine: impl Into<EngineAddress>,
        credentials: Credentials,
        provider: Arc<dyn Provider>,
        gone: mpsc::UnboundedReceiver<MachineGone>,
    ) -> Self {
        let (reports, outbox) = mpsc::unbounded_channel();
        let link = Arc::new(Link::default());
        // Credentials that can't be read are refused when it connects.
        let engine_id = credentials.engine_id().unwrap_or_default();
        let (found, engine_found) = watch::channel(None);
        let orders =
            Arc::new(Orders::new(engine_id.into(), engine_found, provider.clone(), link.clone(), reports));
        let lease = Lease::new(None, Duration::ZERO, Instant::now());
        let engine = engine.into();
        let (unsent, last_heard) = (None, None);
        let renewal = Arc::new(Renewal::new(credentials, None));
        Self { engine, renewal, provider, orders, gone, outbox, unsent, link, found, lease, last_heard }
    }

    /// Lets the agent stop all instances when the engine was silent for this long. Without it they are kept for ever.
    #[must_use]
    pub fn with_lease(mut self, length: Option<Duration>) -> Self {
        self.lease = Lease::new(length, Duration::ZERO, Instant::now());
        self
    }

    /// Lets the machines go on when the agent ends, where the provider's machines can. In `state` it is kept when the
    /// engine was last heard of, so that the lease counts over the lives of the agent.
    #[must_use]
    pub fn with_machines_that_outlive_it(mut self, state: &Path) -> Self {
        if self.provider.outlive_agent() {
            let last_heard = LastHeard::in_folder(state);
            self.lease = Lease::new(self.lease.given(), last_heard.silence(), Instant::now());
            self.last_heard = Some(last_heard);
        }
        self
    }

    /// Keeps new certificates in the folder that the credentials came from.
    #[must_use]
    pub fn with_credentials_kept_in(mut self, folder: &Path) -> Self {
        let credentials = self.renewal.credentials();
        self.renewal = Arc::new(Renewal::new(credentials, Some(folder.to_owned())));
        self
    }

    /// Connects and does what the engine orders, until `shutdown`; then all instances are stopped and removed, but for
    /// those that outlive the agent.
    pub async fn run(mut self, shutdown: CancellationToken) {
        self.orders.take_over(self.provider.found_again());
        let mut back_off = BackOff::new();
        let mut said = false;
        let session = loop {
            let connect = self.connect(back_off.patience());
            let Some(connected) = self.meanwhile(connect, &shutdown).await else { break None };
            match connected {
                Ok(mut session) => {
                    tracing::info!(engine = %self.engine, "connected");
                    self.link.up(session.streams.clone());
                    let end = self.talk(&mut session, &shutdown).await;
                    self.link.down();
                    self.heard();
                    match end {
                        End::Shutdown => break Some(session),
                        End::Lost(error) => {
                            tracing::warn!(engine = %self.engine, %error, "connection lost");
                            back_off = BackOff::after(&error);
                        }
                    }
                    said = false;
                }
                Err(error) if error.is_final() => tracing::error!(engine = %self.engine, %error, "refused"),
                // Once is enough for a log that people read; the tries go on for as long as it takes.
                Err(error) if !std::mem::replace(&mut said, true) => {
                    tracing::warn!(engine = %self.engine, %error, "no connection; trying again and again");
                }
                Err(error) => tracing::debug!(engine = %self.engine, %error, "no connection"),
            }
            if self.meanwhile(sleep(back_off.wait(chance())), &shutdown).await.is_none() {
                break None;
            }
        };
        self.say_goodbye(session).await;
    }

    /// A try to reach the engine.
    fn connect(
        &self,
        patience: Duration,
    ) -> impl Future<Output = Result<HypervisorSession, ProtocolError>> + use<> {
        let provider = self.provider.clone();
        let hello = move || Hello::Hypervisor {
            versions: version::range(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            abilities: provider.abilities(),
            instances: provider.instances(),
        };
        let (engine, credentials, found) =
            (self.engine.clone(), self.renewal.credentials(), self.found.clone());
        let connect = async move {
            let address = engine.resolve().await?;
            found.send_replace(Some(address));
            client::connect(address, &credentials, hello).await
        };
        async move { timeout(patience, connect).await.unwrap_or(Err(ProtocolError::NoAnswer)) }
    }

    /// Waits for something without a connection, and stops the instances should the lease lapse; `None` on shutdown.
    async fn meanwhile<T>(
        &mut self,
        what: impl Future<Output = T>,
        shutdown: &CancellationToken,
    ) -> Option<T> {
        let mut what = pin!(what);
        loop {
            let end = self.lease.end();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                result = &mut what => return Some(result),
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
                    self.lease.lapse();
                    self.orders.lapse(self.lease.length()).await;
                }
            }
        }
    }

    /// Carries messages until the connection breaks or the agent is to end.
    async fn talk(&mut self, session: &mut HypervisorSession, shutdown: &CancellationToken) -> End {
        for report in self.orders.standing() {
            if let Err(error) = session.sender.send(&report).await {
                return End::Lost(error);
            }
        }
        let _renewing = self.renewal.keep(&session.streams, note_renewal);
        let mut ticks = interval(TICK);
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
                _ = ticks.tick() => {
                    self.heard();
                    if let Some(status) = self.status().await
                        && let Err(error) = session.sender.send(&status).await
                    {
                        return End::Lost(error);
                    }
                }
                order = session.receiver.recv() => match order {
                    Ok(Some(order)) => self.orders.take(order),
                    Ok(None) => return End::Lost(ProtocolError::Closed("by the engine")),
                    Err(error) => return End::Lost(error),
                },
            }
        }
    }

    /// How much room there is, and how busy this machine.
    async fn status(&self) -> Option<HypervisorToEngine> {
        let (room, folder) = (self.provider.abilities().room, self.provider.folder());
        let load = tokio::task::spawn_blocking(move || crate::load::load(&folder)).await.ok()?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let now_ms = u64::try_from(since_1970.as_millis()).ok();
        Some(HypervisorToEngine::Status { room, load, now_ms })
    }

    /// The engine is there, or was just now.
    fn heard(&mut self) {
        self.lease.renew(Instant::now());
        if let Some(last_heard) = self.last_heard.clone() {
            tokio::task::spawn_blocking(move || last_heard.note());
        }
    }

    /// Stops everything that does not outlive the agent, telling the engine as far as it still listens.
    async fn say_goodbye(mut self, session: Option<HypervisorSession>) {
        match self.last_heard {
            Some(_) => self.orders.let_go().await,
            None => self.orders.stop_all().await,
        }
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
