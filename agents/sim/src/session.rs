//! What all fake agents have in common: how they reach the engine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use xrdtest_model::Timestamp;
use xrdtest_protocol::backoff::BackOff;
use xrdtest_protocol::client::{self, Session};
use xrdtest_protocol::message::Hello;
use xrdtest_protocol::{Credentials, JoinKey, JoinToken, ProtocolError};

use crate::random::Random;
use crate::stats::Stats;

const NO_ANSWER: ProtocolError = ProtocolError::Closed("not, but did not answer in time");

/// An agent's way to the engine.
#[derive(Debug)]
pub(crate) struct Dialer {
    engine: SocketAddr,
    name: String,
    random: Random,
    back_off: BackOff,
    stats: Arc<Stats>,
    connected_before: bool,
}

impl Dialer {
    /// For the agent of this name.
    pub(crate) fn new(engine: SocketAddr, name: String, random: Random, stats: Arc<Stats>) -> Self {
        Self { engine, name, random, back_off: BackOff::new(), stats, connected_before: false }
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
            match attempt.await.unwrap_or(Err(NO_ANSWER)) {
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
        S: Serialize + Sync,
        R: DeserializeOwned,
    {
        if self.connected_before {
            // A connection has just ended.
            self.wait().await;
        }
        loop {
            let attempt = timeout(
                self.back_off.patience(),
                client::connect(self.engine, credentials, || hello.clone()),
            );
            match attempt.await.unwrap_or(Err(NO_ANSWER)) {
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
