//! What all fake agents have in common: how they reach the engine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use xrdtest_model::Timestamp;
use xrdtest_protocol::backoff::BackOff;
use xrdtest_protocol::client::{self, Port, Session};
use xrdtest_protocol::message::{Hello, Spoken};
use xrdtest_protocol::{Credentials, JoinKey, JoinToken, ProtocolError};

use crate::random::Random;
use crate::stats::Stats;

/// An agent's way to the engine.
#[derive(Debug)]
pub(crate) struct Dialer {
    engine: SocketAddr,
    name: String,
    random: Random,
    back_off: BackOff,
    stats: Arc<Stats>,
    ports: Arc<Ports>,
    port: Option<Port>,
    connected_before: bool,
}

/// The UDP ports of a fleet. Some agents share one, which is cheaper than a port for each, and not so many that what
/// comes for all of them at once is more than the system keeps for a port.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    last: Mutex<Option<(Port, usize)>>,
}

/// Agents that share a port.
const SHARERS: usize = 16;

impl Ports {
    fn next(&self, engine: SocketAddr) -> Result<Port, ProtocolError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((port, sharers)) = last.as_mut().filter(|(_, sharers)| *sharers < SHARERS) {
            *sharers += 1;
            return Ok(port.clone());
        }
        let port = Port::towards(engine)?;
        *last = Some((port.clone(), 1));
        Ok(port)
    }
}

impl Dialer {
    /// For the agent of this name.
    pub(crate) fn new(
        engine: SocketAddr,
        name: String,
        random: Random,
        stats: Arc<Stats>,
        ports: Arc<Ports>,
    ) -> Self {
        let back_off = BackOff::new();
        Self { engine, name, random, back_off, stats, ports, port: None, connected_before: false }
    }

    /// Joins; `None` where the engine refuses for good.
    pub(crate) async fn join(&mut self, token: &JoinToken) -> Option<Credentials> {
        let key = match JoinKey::generate() {
            Ok(key) => key,
            Err(error) => {
                self.stats.trouble(&self.name, &error);
                return None;
            }
        };
        loop {
            let attempt = timeout(self.back_off.patience(), client::join(self.engine, token, &key));
            match attempt.await.unwrap_or(Err(ProtocolError::NoAnswer)) {
                Ok(credentials) => {
                    self.stats.joins.add(1);
                    self.back_off = BackOff::new();
                    return Some(credentials);
                }
                Err(error) => {
                    self.stats.trouble(&self.name, &format_args!("join: {error}"));
                    if error.is_final() {
                        return None;
                    }
                    self.wait().await;
                }
            }
        }
    }

    /// Connects, trying until the engine accepts.
    pub(crate) async fn connect<S, R>(&mut self, credentials: &Credentials, hello: &Hello) -> Session<S, R>
    where
        S: Spoken,
        R: DeserializeOwned,
    {
        if self.connected_before {
            // A connection has just ended.
            self.wait().await;
        }
        loop {
            let connect = async {
                let port = match &self.port {
                    Some(port) => port.clone(),
                    None => self.port.insert(self.ports.next(self.engine)?).clone(),
                };
                client::connect_from(&port, self.engine, credentials, || hello.clone()).await
            };
            let attempt = timeout(self.back_off.patience(), connect);
            match attempt.await.unwrap_or(Err(ProtocolError::NoAnswer)) {
                Ok(session) => {
                    self.stats.connections.add(1);
                    if std::mem::replace(&mut self.connected_before, true) {
                        self.stats.reconnects.add(1);
                    }
                    self.back_off = BackOff::new();
                    return session;
                }
                Err(error) => {
                    self.stats.trouble(&self.name, &format_args!("connect: {error}"));
                    self.wait().await;
                }
            }
        }
    }

    /// What the agent is called in statistics.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    async fn wait(&mut self) {
        let wait = self.back_off.wait(self.random.byte());
        sleep(wait).await;
    }
}

/// Wall-clock time that is never set back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    begin: Instant,
    begin_at: Timestamp,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let begin_at = Timestamp::default().after(since_epoch.unwrap_or(Duration::ZERO));
        Self { begin: Instant::now(), begin_at }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.begin_at.after(self.begin.elapsed())
    }

    /// When it will be so late. Rounded up: a tick must not come too early.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.begin + at.since(self.begin_at) + Duration::from_millis(1)
    }
}
