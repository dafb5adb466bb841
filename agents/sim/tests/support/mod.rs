//! An engine with a script.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc};
use xrdtest_model::definition::Forward;
use xrdtest_model::order::{StageOrder, StageReport};
use xrdtest_model::plan::{ClusterPlan, HostPlan, NetworkPlan, Script};
use xrdtest_model::{AttemptId, InstanceId, MachineId, StageId, StageKind};
use xrdtest_protocol::Identity;
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::client::{Receiver, Sender};
use xrdtest_protocol::message::{
    EngineToHypervisor, EngineToSlave, Hello, HypervisorToEngine, SlaveToEngine,
};
use xrdtest_protocol::server::{Arrival, Link, Listener, ListenerConfig, greet};
use xrdtest_protocol::stream::StreamHeader;
use xrdtest_sim::{FakeHypervisor, Fleet, FleetConfig, Pass};

pub struct Engine {
    pub authority: Arc<Authority>,
    listener: Arc<Listener>,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    tokens: Arc<Tokens>,
    arrivals: AsyncMutex<mpsc::UnboundedReceiver<Arrival>>,
}

/// Whom a join token is for.
type Tokens = Mutex<HashMap<String, MachineId>>;

pub struct Hypervisor {
    pub instances: Vec<(InstanceId, bool)>,
    pub orders: Sender<EngineToHypervisor>,
    pub reports: Receiver<HypervisorToEngine>,
    pub link: Link,
}

pub struct Slave {
    pub machine: MachineId,
    pub boot_id: String,
    pub known: Vec<(AttemptId, StageReport)>,
    pub orders: Sender<EngineToSlave>,
    pub reports: Receiver<SlaveToEngine>,
    pub link: Link,
}

/// Somebody who came with a certificate.
pub enum Guest {
    Hypervisor(Box<Hypervisor>),
    Slave(Box<Slave>),
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// Looks until it is so.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A fleet of one hypervisor agent, `h1`.
pub fn fleet(engine: &Engine, rules: &[&str]) -> Fleet {
    let credentials = engine.authority.issue(&Identity::Hypervisor("h1".into())).unwrap();
    let pass = Pass::Credentials(Box::new(credentials));
    let hypervisor = FakeHypervisor { name: "h1".to_owned(), pass, room: FakeHypervisor::ROOM };
    Fleet::start(FleetConfig {
        engine: engine.address,
        hypervisors: vec![hypervisor],
        behaviours: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        seed: 1,
    })
}

impl Engine {
    pub fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), (Ipv4Addr::LOCALHOST, 0).into())
    }

    fn at(folder: tempfile::TempDir, address: SocketAddr) -> Self {
        let authority = Authority::open_or_create(folder.path()).unwrap();
        let credentials = authority.issue(&Identity::Engine).unwrap();
        let listener = Listener::bind(address, &credentials, &ListenerConfig::default()).unwrap();
        let listener = Arc::new(listener);
        let address = listener.local_addr().unwrap();
        let (authority, tokens) = (Arc::new(authority), Arc::new(Tokens::default()));
        let (sender, arrivals) = mpsc::unbounded_channel();
        tokio::spawn(greet_all(listener.clone(), authority.clone(), tokens.clone(), sender));
        Self { authority, listener, address, folder, tokens, arrivals: AsyncMutex::new(arrivals) }
    }

    pub async fn down(self) -> (tempfile::TempDir, SocketAddr) {
        self.listener.close().await;
        (self.folder, self.address)
    }

    pub async fn up_again((folder, address): (tempfile::TempDir, SocketAddr)) -> Self {
        eventually("the port is free", || std::net::UdpSocket::bind(address).is_ok()).await;
        Self::at(folder, address)
    }

    /// The next one who came with a certificate.
    pub async fn guest(&self) -> Guest {
        let arrival =
            soon("somebody comes", async { self.arrivals.lock().await.recv().await.unwrap() }).await;
        let identity = arrival.identity.clone().unwrap();
        welcome(arrival, identity).await
    }

    pub async fn hypervisor(&self) -> Hypervisor {
        match self.guest().await {
            Guest::Hypervisor(hypervisor) => *hypervisor,
            Guest::Slave(slave) => panic!("{}", slave.machine),
        }
    }

    pub async fn slaves(&self, count: usize) -> Vec<Slave> {
        let (slaves, hypervisors) = self.slaves_and_others(count).await;
        assert!(hypervisors.is_empty());
        slaves
    }

    pub async fn everybody(&self, count: usize) -> (Vec<Slave>, Hypervisor) {
        let (mut slaves, mut hypervisors) = (Vec::new(), Vec::new());
        while slaves.len() < count || hypervisors.is_empty() {
            match self.guest().await {
                Guest::Hypervisor(hypervisor) => hypervisors.push(*hypervisor),
                Guest::Slave(slave) => slaves.push(*slave),
            }
        }
        (slaves, hypervisors.remove(0))
    }

    pub async fn slaves_and_others(&self, count: usize) -> (Vec<Slave>, Vec<Hypervisor>) {
        let (mut slaves, mut hypervisors) = (Vec::new(), Vec::new());
        while slaves.len() < count {
            match self.guest().await {
                Guest::Hypervisor(hypervisor) => hypervisors.push(*hypervisor),
                Guest::Slave(slave) => slaves.push(*slave),
            }
        }
        (slaves, hypervisors)
    }
}

/// Greets everybody at once; who comes with a token joins.
async fn greet_all(
    listener: Arc<Listener>,
    authority: Arc<Authority>,
    tokens: Arc<Tokens>,
    guests: mpsc::UnboundedSender<Arrival>,
) {
    while let Some(incoming) = listener.accept().await {
        let (authority, tokens, guests) = (authority.clone(), tokens.clone(), guests.clone());
        tokio::spawn(async move {
            // One that gave up before it was greeted comes again.
            let Ok(arrival) = greet(incoming).await else { return };
            if arrival.identity.is_some() {
                // The test may be over.
                let _ = guests.send(arrival);
                return;
            }
            let Hello::Join { token, request, .. } = arrival.hello.clone() else {
                panic!("{:?}", arrival.hello)
            };
            let machine = tokens.lock().unwrap()[&token].clone();
            let certificate = authority.sign(&request, &Identity::Slave(machine)).unwrap();
            // It may have given up.
            let _ = arrival.joined(certificate, authority.certificate().to_owned()).await;
        });
    }
}

async fn welcome(arrival: Arrival, identity: Identity) -> Guest {
    let version = arrival.version().unwrap();
    match (arrival.hello.clone(), identity) {
        (Hello::Hypervisor { instances, abilities, .. }, Identity::Hypervisor(_)) => {
            assert_eq!(abilities.provider, "sim");
            let (link, orders, reports) = arrival.accept(version).await.unwrap();
            Guest::Hypervisor(Box::new(Hypervisor { instances, orders, reports, link }))
        }
        (Hello::Slave { boot_id, known, .. }, Identity::Slave(machine)) => {
            let (link, orders, reports) = arrival.accept(version).await.unwrap();
            Guest::Slave(Box::new(Slave { machine, boot_id, known, orders, reports, link }))
        }
        (hello, identity) => panic!("{hello:?} of {identity}"),
    }
}

impl Hypervisor {
    pub async fn start(&mut self, instance: &str, hosts: &[HostPlan], engine: &Engine) {
        let instance = InstanceId::new(instance);
        let mut tokens = Vec::new();
        for host in hosts {
            let token = engine.authority.new_token().unwrap().to_string();
            let machine = MachineId::new(instance.clone(), host.name.clone());
            engine.tokens.lock().unwrap().insert(token.clone(), machine);
            tokens.push((host.name.clone(), token));
        }
        let cluster = Arc::new(ClusterPlan {
            name: "c".to_owned(),
            network: NetworkPlan {
                name: "n".to_owned(),
                bridge_name: "b".to_owned(),
                ip: Ipv4Addr::new(192, 168, 127, 1),
                prefix: 24,
                dhcp_range: None,
                lb_alias: None,
                forward: Forward::Nat,
            },
            hosts: hosts.to_vec(),
            external: false,
            hypervisor: None,
        });
        let order = EngineToHypervisor::StartInstance { instance, cluster, tokens };
        self.orders.send(&order).await.unwrap();
    }
}

impl Slave {
    /// The next report, which must be on this attempt of its own.
    pub async fn report(&mut self, number: u32) -> StageReport {
        let (about, report) = self.any_report().await;
        assert_eq!(about, attempt(&self.machine, number));
        report
    }

    pub async fn any_report(&mut self) -> (AttemptId, StageReport) {
        match soon("a report", self.reports.recv()).await.unwrap() {
            Some(SlaveToEngine::Report { attempt, report }) => (attempt, report),
            other => panic!("{other:?}"),
        }
    }

    /// Takes a flood up to where it is one.
    pub async fn flood(&mut self) {
        let (mut reports, mut unknown) = (0, 0);
        while reports < 1000 || unknown < 1000 {
            match soon("a message", self.reports.recv()).await.unwrap() {
                Some(SlaveToEngine::Report { .. }) => reports += 1,
                Some(SlaveToEngine::Unknown) => unknown += 1,
                other => panic!("{other:?}"),
            }
        }
        let mut stream = soon("a stream", self.link.accept_stream()).await.unwrap().header().await.unwrap();
        stream.acknowledge(0).await.unwrap();
        let mut bytes = 0;
        while bytes < 4 << 20 {
            bytes += soon("output", stream.next_chunk()).await.unwrap().unwrap().len();
        }
    }
}

/// Takes one upload to its end; whose it is, and its length.
pub async fn output_of(link: &Link) -> (AttemptId, u64) {
    let mut stream = soon("a stream", link.accept_stream()).await.unwrap().header().await.unwrap();
    let StreamHeader::Output { attempt } = stream.header.clone() else { panic!("{:?}", stream.header) };
    stream.acknowledge(0).await.unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = soon("output", stream.next_chunk()).await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    let length = text.len() as u64;
    stream.acknowledge(length).await.unwrap();
    stream.finish();
    let whole = text.split_inclusive(|byte| *byte == b'\n').rev().skip(1);
    assert!(whole.into_iter().all(|line| line.starts_with(b"The quick brown fox")));
    (attempt, length)
}

pub fn attempt(machine: &MachineId, number: u32) -> AttemptId {
    let stage = StageId::of_case(0, StageKind::Run);
    AttemptId { run: "r1".into(), stage, machine: machine.clone(), number }
}

pub fn order(machine: &MachineId, boot_id: &str, number: u32) -> EngineToSlave {
    let order = StageOrder {
        attempt: attempt(machine, number),
        boot_id: boot_id.to_owned(),
        suite: "s".to_owned(),
        case: Some("c".to_owned()),
        script: Arc::new(Script { origin: String::new(), digest: String::new(), text: String::new() }),
        tags: BTreeMap::new(),
        timeout_ms: 60_000,
        output_limit: 1 << 20,
        logs: Vec::new(),
        log_limit: 0,
        aliases: Vec::new(),
        cores: None,
    };
    EngineToSlave::Order { order: Box::new(order) }
}

pub fn hosts(names: &[&str]) -> Vec<HostPlan> {
    names
        .iter()
        .map(|name| HostPlan {
            name: (*name).to_owned(),
            ip: Ipv4Addr::new(192, 168, 127, 11),
            mac: "52:54:00:00:00:01".to_owned(),
            uuid: None,
            ram_kib: 256 << 10,
            arch: None,
            boot_image: None,
            cache_boot_image: true,
            vcpus: 1,
            kernel: None,
            initrd: None,
            cmdline: None,
            emulator_path: None,
            aliases: Vec::new(),
            in_dns: true,
            disks: Vec::new(),
        })
        .collect()
}
