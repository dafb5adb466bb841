//! Limits of what agents send and machines fetch, over a real connection: each bites in words that name its key.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use xrdtest_definitions::{LoadOptions, Selection, SnapshotOptions, load, snapshot};
use xrdtest_engine::{DefinitionsConfig, EngineConfig, EngineHandle, RunFiles, start};
use xrdtest_model::room::Room;
use xrdtest_model::{HypervisorName, InstanceId, RunId, RunPlan};
use xrdtest_protocol::client::{HypervisorSession, connect};
use xrdtest_protocol::message::{Abilities, EngineToHypervisor, Hello, HypervisorToEngine};
use xrdtest_protocol::stream::{FetchReply, MAX_FETCHED, StreamHeader};
use xrdtest_protocol::version::{NEWEST, OLDEST};

const HOST: &str = "ds1.xrd.test";
const CONSOLE: u64 = 5000;

const CLUSTER: &str = r#"fn getCluster() {
    let cluster = Cluster("cluster_one");
    cluster.defaultHost.bootImage = "debian12.qcow2";
    let net = Network();
    net.name = "net_one";
    net.ip = "192.168.127.1";
    net.netmask = "255.255.255.0";
    let host = Host("ds1.xrd.test", "192.168.127.6");
    net.addHosts([host]);
    cluster.network = net;
    cluster.addHosts([host]);
    cluster
}
"#;
const SUITE: &str = r##"fn getTestSuite() {
    let ts = TestSuite("ts_one");
    ts.clusters = ["cluster_one"];
    ts.initialize = "#!/bin/sh\n";
    ts.tests = [TestCase("case", #{ run: "#!/bin/sh\n" })];
    ts
}
"##;

fn plan(repository: &Path) -> RunPlan {
    for (path, text) in [
        ("clusters/cluster_one.rhai", CLUSTER),
        ("suites/ts_one.rhai", SUITE),
        ("clusters/small", &"x".repeat(4096)),
        ("clusters/large", &"x".repeat(4097)),
    ] {
        fs::create_dir_all(repository.join(path).parent().unwrap()).unwrap();
        fs::write(repository.join(path), text).unwrap();
    }
    let catalogue = load(repository, &LoadOptions::default());
    assert_eq!(catalogue.diagnostics.iter().find(|finding| finding.is_error()), None);
    snapshot(&catalogue, "ts_one", &Selection::default(), &SnapshotOptions::default()).unwrap()
}

async fn engine(folder: &Path, console: u64) -> EngineHandle {
    let config = EngineConfig {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        state: folder.join("state"),
        ca: Some(folder.join("ca")),
        runs: folder.join("runs"),
        archive: folder.join("archive"),
        agents: 10,
        queue: 10,
        frame: 1 << 20,
        certificate: xrdtest_protocol::authority::STANDING_LIFETIME,
        console,
        orchestrator: xrdtest_orchestrator::Config::default(),
        definitions: DefinitionsConfig { fetched_file: 4096, ..DefinitionsConfig::default() },
    };
    start(config).await.unwrap()
}

async fn agent(engine: &EngineHandle, instances: Vec<InstanceId>) -> HypervisorSession {
    let credentials = engine.hypervisor_credentials(&HypervisorName::new("hv1")).unwrap();
    let hello = || Hello::Hypervisor {
        versions: (OLDEST, NEWEST),
        software: "1.0".to_owned(),
        abilities: Abilities {
            provider: "libvirt".to_owned(),
            room: Room { memory_kib: 8 << 20, cores: 4, disk_bytes: 1 << 40 },
            labels: Vec::new(),
            exclusive: false,
            detail: String::new(),
        },
        instances: instances.into_iter().map(|instance| (instance, true)).collect(),
    };
    connect(engine.address(), &credentials, hello).await.unwrap()
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.unwrap()
}

/// The instance that the agent is told to make.
async fn ordered(session: &mut HypervisorSession) -> InstanceId {
    loop {
        if let EngineToHypervisor::StartInstance { instance, .. } =
            in_time(session.receiver.recv()).await.unwrap().unwrap()
        {
            return instance;
        }
    }
}

/// Writes until nobody wants more.
async fn fill(session: &HypervisorSession, header: &StreamHeader) {
    let mut upload = session.streams.upload(header).await.unwrap();
    in_time(async { while upload.write(Bytes::from(vec![b'x'; 1000])).await.is_ok() {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_by_the_name_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&folder.path().join("repository"));
    let engine = engine(folder.path(), CONSOLE).await;
    let mut session = agent(&engine, Vec::new()).await;
    engine.submit(RunId::new("run"), plan, "test").await;
    let instance = ordered(&mut session).await;

    let fetch = async |path: &str| {
        let (instance, host, path) = (instance.clone(), HOST.to_owned(), path.to_owned());
        let header = StreamHeader::Fetch { instance, host, path };
        in_time(session.streams.fetch(&header, MAX_FETCHED)).await.unwrap().0
    };
    assert_eq!(fetch("clusters/small").await, FetchReply::Found { length: 4096 });
    let reason =
        "`clusters/large` has 4097 bytes, more than the engine's limit of 4 KiB (key limits.fetched_file)";
    assert_eq!(fetch("clusters/large").await, FetchReply::Refused { reason: reason.to_owned() });

    let (machine, detail) = (instance.clone(), "x".repeat(2 << 20));
    let long = HypervisorToEngine::Progress { instance: machine, detail, step: None };
    let _ = session.sender.send(&long).await;
    let why = in_time(session.closed()).await.to_string();
    assert!(why.contains("this engine takes at most 1048576 bytes (key limits.frame)"), "{why}");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_full_says_so_and_its_agent_is_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&folder.path().join("repository"));
    let file = RunFiles::new(&folder.path().join("runs"), &RunId::new("run"));
    let file = file.path(&RunFiles::console(HOST));
    let engine_1 = engine(folder.path(), CONSOLE).await;
    let mut session = agent(&engine_1, Vec::new()).await;
    engine_1.submit(RunId::new("run"), plan, "test").await;
    let instance = ordered(&mut session).await;
    let header = StreamHeader::Console { instance: instance.clone(), host: HOST.to_owned() };

    // What fits is kept as it is.
    let mut upload = session.streams.upload(&header).await.unwrap();
    upload.write(Bytes::from(vec![b'x'; 1500])).await.unwrap();
    assert_eq!(in_time(upload.finish()).await.unwrap(), 1500);
    fill(&session, &header).await;
    let whole = format!(
        "{}\n[… the rest is left out by xrdtest: limit 4.8 KiB (key limits.console) …]\n",
        "x".repeat(5000)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    assert!(in_time(session.streams.upload(&header)).await.is_err(), "nobody wants more");
    assert!(!session.streams.is_closed(), "which is no matter of the connection");
    engine_1.stop().await;

    // Neither does an engine that would keep more, as it is not known what is missing in between.
    let engine_2 = engine(folder.path(), 2 * CONSOLE).await;
    let session = agent(&engine_2, vec![instance.clone()]).await;
    let known = StreamHeader::Fetch { instance, host: HOST.to_owned(), path: "clusters/small".to_owned() };
    let (reply, _) = in_time(session.streams.fetch(&known, MAX_FETCHED)).await.unwrap();
    assert_eq!(reply, FetchReply::Found { length: 4096 }, "the run goes on");
    assert!(in_time(session.streams.upload(&header)).await.is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    assert!(!session.streams.is_closed());
    engine_2.stop().await;
}
