//! A fake hypervisor agent: its machines are fake slaves.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use xrdtest_model::event::InstanceStep;
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::room::Room;
use xrdtest_model::{InstanceId, MachineId};
use xrdtest_protocol::client::HypervisorSession;
use xrdtest_protocol::message::{Abilities, EngineToHypervisor, Hello, HypervisorToEngine};
use xrdtest_protocol::version;
use xrdtest_protocol::{Credentials, JoinToken, ProtocolError};

use crate::fleet::Pass;
use crate::random::Random;
use crate::rule::{Behaviours, HYPERVISOR, Kind};
use crate::session::{Clock, Dialer, Ports};
use crate::slave::{Core, Slave, run as run_slave};
use crate::stats::Stats;

/// Per machine of an instance: they start within that time, all in all.
const START_SPREAD: Duration = Duration::from_millis(2);

/// What a fake hypervisor agent is made from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) engine: SocketAddr,
    pub(crate) name: String,
    pub(crate) pass: Pass,
    pub(crate) room: Room,
    pub(crate) behaviours: Behaviours,
    pub(crate) seed: u64,
    pub(crate) stats: Arc<Stats>,
    pub(crate) ports: Arc<Ports>,
}

/// A fake hypervisor agent with its instances.
struct Hypervisor {
    setup: Setup,
    random: Random,
    instances: HashMap<InstanceId, Instance>,
    /// Counts the instances, so that their machines' chances depend on the seed only.
    counter: u64,
}

/// Its tasks are the machines: they end when it is dropped.
struct Instance {
    made_at: Option<Instant>,
    _machines: JoinSet<()>,
}

/// How a connection ended.
enum End {
    Broken(ProtocolError),
    Dropped,
    Left,
    Stopped(Box<HypervisorSession>),
}

/// Works until `stop`; then its machines go, and it says goodbye.
pub(crate) async fn run(setup: Setup, stop: CancellationToken) {
    let agent = format!("{HYPERVISOR}{}", setup.name);
    let random = Random::new(setup.seed, &agent);
    let dialer = Dialer::new(setup.engine, agent, random.clone(), setup.stats.clone(), setup.ports.clone());
    let mut hypervisor = Hypervisor { setup, random, instances: HashMap::new(), counter: 0 };
    if let Some(mut session) = hypervisor.live(dialer, &stop).await {
        let instances: Vec<_> = hypervisor.instances.drain().map(|(instance, _)| instance).collect();
        for instance in instances {
            // Where that fails the connection is broken, and nobody listens to a goodbye.
            let _ = session.sender.send(&HypervisorToEngine::Stopped { instance }).await;
        }
        let _ = session.sender.send(&HypervisorToEngine::Goodbye).await;
        session.close().await;
    }
}

impl Hypervisor {
    fn agent(&self) -> String {
        format!("{HYPERVISOR}{}", self.setup.name)
    }

    /// One connection after the other; the last one where it was told to stop.
    async fn live(&mut self, mut dialer: Dialer, stop: &CancellationToken) -> Option<HypervisorSession> {
        let stats = self.setup.stats.clone();
        let late = self.setup.behaviours.late(&self.agent());
        stop.run_until_cancelled(sleep(late)).await?;
        let credentials: Credentials = match &self.setup.pass {
            Pass::Credentials(credentials) => (**credentials).clone(),
            Pass::Token(token) => stop.run_until_cancelled(dialer.join(token)).await??,
        };
        loop {
            let hello = self.hello();
            let session = stop.run_until_cancelled(dialer.connect(&credentials, &hello)).await?;
            let connected = stats.hypervisors_connected.one();
            let end = self.serve(session, stop).await;
            drop(connected);
            match end {
                End::Stopped(session) => return Some(*session),
                End::Left => {
                    // Its machines live on for as long as the fleet does.
                    stop.cancelled().await;
                    return None;
                }
                End::Dropped => {}
                End::Broken(error) => stats.trouble(dialer.name(), &error),
            }
        }
    }

    fn hello(&self) -> Hello {
        let is_made = |instance: &Instance| instance.made_at.is_some_and(|at| at <= Instant::now());
        let abilities = Abilities {
            provider: "sim".to_owned(),
            room: self.setup.room,
            labels: Vec::new(),
            exclusive: false,
            detail: String::new(),
        };
        Hello::Hypervisor {
            versions: version::range(),
            software: concat!("sim ", env!("CARGO_PKG_VERSION")).to_owned(),
            abilities,
            instances: self.instances.iter().map(|(id, instance)| (id.clone(), is_made(instance))).collect(),
        }
    }

    async fn serve(&mut self, mut session: HypervisorSession, stop: &CancellationToken) -> End {
        let drop_at = self.setup.behaviours.flapping(&self.agent()).map(|mean| self.random.around(mean));
        // About a century: never.
        let drop_at = Instant::now() + drop_at.unwrap_or(Duration::from_secs(3_000_000_000));
        let (due_sender, mut due) = tokio::sync::mpsc::unbounded_channel();
        // What is not made yet is said when it is, on whichever connection there is then.
        for (id, instance) in &self.instances {
            if let Some(at) = instance.made_at.filter(|at| *at > Instant::now()) {
                announce(due_sender.clone(), id.clone(), at);
            }
        }
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return End::Stopped(Box::new(session)),
                () = sleep_until(drop_at) => return End::Dropped,
                Some(instance) = due.recv() => {
                    let exists = self.instances.contains_key(&instance);
                    exists.then_some(HypervisorToEngine::Made { instance })
                }
                order = session.receiver.recv() => match order {
                    Ok(Some(EngineToHypervisor::StartInstance { instance, cluster, tokens })) => {
                        match self.start(instance.clone(), &cluster, &tokens) {
                            Start::Now => Some(HypervisorToEngine::Made { instance }),
                            Start::At(at) => {
                                announce(due_sender.clone(), instance.clone(), at);
                                let (detail, step) =
                                    ("pretending".to_owned(), Some(InstanceStep::CreatingSlaves));
                                Some(HypervisorToEngine::Progress { instance, detail, step })
                            }
                            Start::Never => None,
                            Start::Fails(detail) => Some(HypervisorToEngine::Failed { instance, detail }),
                            Start::Leave => return End::Left,
                        }
                    }
                    Ok(Some(EngineToHypervisor::StopInstance { instance })) => {
                        self.instances.remove(&instance);
                        Some(HypervisorToEngine::Stopped { instance })
                    }
                    Ok(Some(EngineToHypervisor::Unknown)) => None,
                    Ok(None) => return End::Broken(ProtocolError::Closed("by the engine")),
                    Err(error) => return End::Broken(error),
                },
            };
            if let Some(answer) = answer
                && let Err(error) = session.sender.send(&answer).await
            {
                return End::Broken(error);
            }
        }
    }

    fn start(&mut self, id: InstanceId, cluster: &ClusterPlan, tokens: &[(String, String)]) -> Start {
        if let Some(instance) = self.instances.get(&id) {
            return match instance.made_at {
                Some(at) if at <= Instant::now() => Start::Now,
                // It is said when it is so.
                _ => Start::Never,
            };
        }
        let kind = self.setup.behaviours.on_order(&self.agent(), None);
        let machines = match kind {
            Kind::Gone => return Start::Leave,
            Kind::Fails(code) => return Start::Fails(format!("a fake that fails, with code {code}")),
            Kind::Dead => JoinSet::new(),
            _ => match self.machines(&id, cluster, tokens) {
                Ok(machines) => machines,
                Err(problem) => return Start::Fails(problem),
            },
        };
        let now = Instant::now();
        let (made_at, start) = match kind {
            Kind::Dead => (None, Start::Never),
            Kind::Slow(time) => (Some(now + time), Start::At(now + time)),
            _ => (Some(now), Start::Now),
        };
        self.instances.insert(id, Instance { made_at, _machines: machines });
        start
    }

    fn machines(
        &mut self,
        id: &InstanceId,
        cluster: &ClusterPlan,
        tokens: &[(String, String)],
    ) -> Result<JoinSet<()>, String> {
        self.counter += 1;
        let mut machines = JoinSet::new();
        let hosts = u32::try_from(cluster.hosts.len()).unwrap_or(u32::MAX);
        for host in &cluster.hosts {
            let token = tokens.iter().find(|(name, _)| *name == host.name).map(|(_, token)| token);
            let token = token.ok_or_else(|| format!("there is no join token for host {}", host.name))?;
            let token: JoinToken =
                token.parse().map_err(|error| format!("the join token of host {}: {error}", host.name))?;
            let mut slave = self.slave(MachineId::new(id.clone(), host.name.clone()), token);
            // Real machines don't start in the same moment either, the less so the more there are.
            slave.late += self.random.around(START_SPREAD * hosts) - START_SPREAD * hosts / 2;
            machines.spawn(run_slave(slave));
        }
        Ok(machines)
    }

    fn slave(&self, machine: MachineId, token: JoinToken) -> Slave {
        let Setup { engine, behaviours, seed, stats, ports, name, .. } = &self.setup;
        let owner = format!("{name}/{}/{}", self.counter, machine.host);
        let random = Random::new(*seed, &owner);
        Slave {
            dialer: Dialer::new(*engine, machine.to_string(), random.clone(), stats.clone(), ports.clone()),
            late: behaviours.late(&machine.host),
            core: Core::new(machine, format!("boot of {owner}"), behaviours.clone(), random),
            token,
            stats: stats.clone(),
            clock: Clock::new(),
        }
    }
}

/// What becomes of an order to start an instance.
enum Start {
    Now,
    At(Instant),
    Never,
    Fails(String),
    Leave,
}

/// Says later that an instance is made.
fn announce(to: tokio::sync::mpsc::UnboundedSender<InstanceId>, instance: InstanceId, at: Instant) {
    tokio::spawn(async move {
        sleep_until(at).await;
        // The connection may be another one by then, which announces by itself.
        let _ = to.send(instance);
    });
}
