//! The fleet as a whole.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use xrdtest_model::room::Room;
use xrdtest_protocol::{Credentials, JoinToken, open_files};

use crate::hypervisor::{self, Setup};
use crate::rule::{Behaviours, Rule};
use crate::session::Ports;
use crate::stats::{Snapshot, Stats};

/// What a fleet is made from.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Where the engine listens for agents.
    pub engine: SocketAddr,
    /// The fake hypervisor agents. Slaves come into being when the engine starts instances on them.
    pub hypervisors: Vec<FakeHypervisor>,
    /// Who behaves how; for each question the first rule that matches counts.
    pub behaviours: Vec<Rule>,
    /// The same seed gives the same chances.
    pub seed: u64,
}

/// A fake hypervisor agent.
#[derive(Clone, Debug)]
pub struct FakeHypervisor {
    /// Its name, for rules and statistics; the engine knows it by the name in its certificate.
    pub name: String,
    /// How it proves who it is.
    pub pass: Pass,
    /// What it claims to have.
    pub room: Room,
}

impl FakeHypervisor {
    /// Room for whatever an engine may want to place: memory and disk of a petabyte, a million cores.
    pub const ROOM: Room = Room { memory_kib: 1 << 40, cores: 1 << 20, disk_bytes: 1 << 50 };
}

/// How an agent proves who it is.
#[derive(Clone, Debug)]
pub enum Pass {
    /// It has joined before.
    Credentials(Box<Credentials>),
    /// It joins.
    Token(JoinToken),
}

/// A fleet at work. Dropped, it vanishes without a word.
#[derive(Debug)]
pub struct Fleet {
    stats: Arc<Stats>,
    stop: CancellationToken,
    agents: JoinSet<()>,
}

impl Fleet {
    /// Sends the agents out. They live in the tokio runtime in which this is called, and go on for ever: that the
    /// engine is away, or refuses, is seen in the statistics.
    pub fn start(config: FleetConfig) -> Self {
        open_files::raise_limit();
        let FleetConfig { engine, hypervisors, behaviours, seed } = config;
        let (stats, stop) = (Arc::new(Stats::new()), CancellationToken::new());
        let (behaviours, ports) = (Behaviours::new(behaviours), Arc::new(Ports::default()));
        let mut agents = JoinSet::new();
        for FakeHypervisor { name, pass, room } in hypervisors {
            let (behaviours, stats) = (behaviours.clone(), stats.clone());
            let setup = Setup { engine, name, pass, room, behaviours, seed, stats, ports: ports.clone() };
            agents.spawn(hypervisor::run(setup, stop.clone()));
        }
        Self { stats, stop, agents }
    }

    /// What it has seen so far.
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Takes all machines away, says goodbye to the engine, and returns what was seen in the end.
    pub async fn stop(mut self) -> Snapshot {
        let last = self.stats();
        self.stop.cancel();
        while self.agents.join_next().await.is_some() {}
        last
    }
}
