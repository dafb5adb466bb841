//! What agents notice of an engine that was killed and started again, and of one that is full.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xrdtest_model::order::StageReport;
use xrdtest_model::{AttemptId, MachineId, StageId};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::client::{self, SlaveSession};
use xrdtest_protocol::message::{EngineToSlave, Hello, SlaveToEngine};
use xrdtest_protocol::server::{Listener, ListenerConfig, greet};
use xrdtest_protocol::version::{NEWEST, OLDEST};
use xrdtest_protocol::{IDLE_TIMEOUT, Identity, ProtocolError};

const FOLDER: &str = "XRDTEST_TEST_AUTHORITY";
const SECRET: &str = "XRDTEST_TEST_SECRET";

fn bind(folder: &Path, port: u16, with_secret: bool) -> (Authority, Listener) {
    let authority = Authority::open_or_create(folder).unwrap();
    let credentials = authority.issue(&Identity::Engine).unwrap();
    let secret = with_secret.then_some([7; 32]);
    let config = ListenerConfig { secret, ..ListenerConfig::default() };
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, port).into(), &credentials, &config).unwrap();
    (authority, listener)
}

/// No test of its own: an engine in a process that can be killed.
#[tokio::test]
#[ignore = "started by other tests"]
async fn engine_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (_, listener) = bind(folder.as_ref(), 0, std::env::var_os(SECRET).is_some());
    println!("port={}", listener.local_addr().unwrap().port());
    let mut links = Vec::new();
    while let Some(incoming) = listener.accept().await {
        let arrival = greet(incoming).await.unwrap();
        links.push(arrival.accept::<EngineToSlave, SlaveToEngine>(NEWEST).await.unwrap());
    }
}

fn start_engine(folder: &Path, with_secret: bool) -> (Child, SocketAddr) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "engine_process", "--ignored", "--nocapture"]).env(FOLDER, folder);
    if with_secret {
        command.env(SECRET, "yes");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let port = lines.map(Result::unwrap).find_map(|line| line.split_once("port=")?.1.parse::<u16>().ok());
    (child, (Ipv4Addr::LOCALHOST, port.unwrap()).into())
}

fn hello() -> Hello {
    Hello::Slave {
        versions: (1, NEWEST),
        software: String::new(),
        boot_id: "b".to_owned(),
        known: Vec::new(),
    }
}

async fn connect(authority: &Authority, engine: SocketAddr) -> Result<SlaveSession, ProtocolError> {
    let machine = MachineId::new("r1.0".into(), "ds1.xrd.test");
    let credentials = authority.issue(&Identity::Slave(machine)).unwrap();
    client::connect(engine, &credentials, hello).await
}

/// How the agents of a killed engine notice that another one is there, and how long the last of them takes.
async fn kill_and_start_again(with_secret: bool, agents: usize) -> (Duration, ProtocolError) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(folder.path()).unwrap();
    let (mut engine, address) = start_engine(folder.path(), with_secret);
    let mut sessions = Vec::new();
    for _ in 0..agents {
        sessions.push(connect(&authority, address).await.unwrap());
    }
    engine.kill().unwrap();
    engine.wait().unwrap();
    let (_, again) = bind(folder.path(), address.port(), with_secret);
    let there_since = Instant::now();
    tokio::spawn(async move { while again.accept().await.is_some() {} });
    let mut last = None;
    for session in sessions {
        last = Some(session.closed().await);
    }
    (there_since.elapsed(), last.unwrap())
}

#[tokio::test]
async fn agents_of_a_killed_engine_notice_the_next_one_at_once() {
    let (took, how) = kill_and_start_again(true, 100).await;
    assert!(how.is_reset(), "{how}");
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[tokio::test]
async fn without_the_secret_they_wait_until_nothing_comes() {
    let (took, how) = kill_and_start_again(false, 1).await;
    // Nothing came, so they left.
    let left = ProtocolError::Connection(quinn::ConnectionError::LocallyClosed).to_string();
    assert_eq!(how.to_string(), left);
    assert!(took > IDLE_TIMEOUT / 2, "{took:?}");
}

#[tokio::test]
async fn a_killed_agent_is_noticed_though_the_engine_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, listener) = bind(folder.path(), 0, true);
    let address = listener.local_addr().unwrap();
    let mut agent = Command::new(std::env::current_exe().unwrap());
    agent.args(["--exact", "agent_process", "--ignored"]).env(FOLDER, folder.path());
    let mut agent = agent.env(SECRET, address.to_string()).stdout(Stdio::null()).spawn().unwrap();
    drop(authority);
    let arrival = greet(listener.accept().await.unwrap()).await.unwrap();
    let (link, ..) = arrival.accept::<EngineToSlave, SlaveToEngine>(NEWEST).await.unwrap();
    // The agent alone keeps the connection alive, for longer than the idle time.
    assert!(tokio::time::timeout(IDLE_TIMEOUT + Duration::from_secs(1), link.closed()).await.is_err());
    agent.kill().unwrap();
    agent.wait().unwrap();
    let since = Instant::now();
    assert!(link.closed().await.silence() == IDLE_TIMEOUT);
    assert!(since.elapsed() < IDLE_TIMEOUT + Duration::from_secs(1), "{:?}", since.elapsed());
}

/// No test of its own: an agent in a process that can be killed.
#[tokio::test]
#[ignore = "started by another test"]
async fn agent_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let authority = Authority::open_or_create(folder.as_ref()).unwrap();
    let session = connect(&authority, std::env::var(SECRET).unwrap().parse().unwrap()).await.unwrap();
    session.closed().await;
}

#[tokio::test]
async fn one_agent_too_many_is_refused_in_words_and_may_come_later() {
    let authority = Authority::new().unwrap();
    let credentials = authority.issue(&Identity::Engine).unwrap();
    let config = ListenerConfig { max_connections: 1, ..ListenerConfig::default() };
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &credentials, &config).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async || {
        let arrival = greet(listener.accept().await.unwrap()).await.unwrap();
        arrival.accept::<EngineToSlave, SlaveToEngine>(NEWEST).await
    };
    let (first, served) = tokio::join!(connect(&authority, address), serve());
    let (second, refused) = tokio::join!(connect(&authority, address), serve());
    let words = "this engine serves at most 1 agents at once (key limits.agents)";
    assert!(matches!(second.unwrap_err(), ProtocolError::Refused(reason) if reason == words));
    assert!(matches!(refused.unwrap_err(), ProtocolError::Full { limit: 1 }));
    drop((first, served));
    let (third, served) = tokio::join!(connect(&authority, address), serve());
    assert!(third.is_ok() && served.is_ok());
}

#[tokio::test]
async fn a_message_beyond_the_engines_limit_ends_the_connection_in_words() {
    let authority = Authority::new().unwrap();
    let credentials = authority.issue(&Identity::Engine).unwrap();
    let config = ListenerConfig { max_frame: 1 << 20, ..ListenerConfig::default() };
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &credentials, &config).unwrap();
    let address = listener.local_addr().unwrap();
    let words = "bytes, this engine takes at most 1048576 bytes (key limits.frame)";
    let long = "x".repeat(3 << 20);

    // A message.
    let serve = async {
        let arrival = greet(listener.accept().await.unwrap()).await.unwrap();
        arrival.accept::<EngineToSlave, SlaveToEngine>(NEWEST).await.unwrap()
    };
    let (session, (link, _sender, mut receiver)) = tokio::join!(connect(&authority, address), serve);
    let mut session = session.unwrap();
    let machine = MachineId::new("i".into(), "h");
    let attempt =
        AttemptId { run: long.as_str().into(), stage: StageId::SUITE_INITIALIZE, machine, number: 1 };
    let report = SlaveToEngine::Report { attempt, report: StageReport::Accepted };
    let (sent, ()) = tokio::join!(session.sender.send(&report), async {
        let error = receiver.recv().await.unwrap_err();
        assert!(matches!(error, ProtocolError::MessageTooLong { limit, .. } if limit == 1 << 20), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        link.close(&error.to_string());
    });
    let told = sent.unwrap_err().to_string();
    assert!(told.contains(words), "{told}");

    // The first one of an agent that has a certificate; a stranger's limit is not the key's.
    let identity = Identity::Slave(MachineId::new("i".into(), "h"));
    let credentials = authority.issue(&identity).unwrap();
    let hello = Hello::Slave {
        versions: (OLDEST, NEWEST),
        software: long,
        boot_id: "b".to_owned(),
        known: Vec::new(),
    };
    let (session, arrival) = tokio::join!(
        client::connect::<SlaveToEngine, EngineToSlave>(address, &credentials, || hello),
        async { greet(listener.accept().await.unwrap()).await }
    );
    let (told, error) = (session.unwrap_err().to_string(), arrival.unwrap_err().to_string());
    assert!(told.contains(words) && error.contains(words), "{told}; {error}");
}

#[tokio::test]
async fn silent_strangers_do_not_keep_agents_out() {
    let authority = Authority::new().unwrap();
    let credentials = authority.issue(&Identity::Engine).unwrap();
    let config = ListenerConfig { max_greeting: 4, ..ListenerConfig::default() };
    let listener = Listener::bind((Ipv4Addr::UNSPECIFIED, 0).into(), &credentials, &config).unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut links = Vec::new();
        while let Some(incoming) = listener.accept().await {
            links.push(tokio::spawn(async {
                let arrival = greet(incoming).await.ok()?;
                arrival.accept::<EngineToSlave, SlaveToEngine>(NEWEST).await.ok()
            }));
        }
    });
    // Connections from one address that never say hello, as many as may be.
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(dial([127, 0, 0, 1].into(), &authority, port).await.unwrap());
    }
    assert!(
        dial([127, 0, 0, 1].into(), &authority, port).await.is_err(),
        "one address has no more than half"
    );
    // An agent at another address comes in, though the engine wants its address proven by now.
    assert!(dial([127, 0, 0, 2].into(), &authority, port).await.is_ok());
}

/// Completes a handshake and says nothing.
async fn dial(
    from: Ipv4Addr,
    authority: &Authority,
    port: u16,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"xrdtest".to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let config = quinn::ClientConfig::new(std::sync::Arc::new(crypto));
    let endpoint = quinn::Endpoint::client((from, 0).into()).unwrap();
    let engine = (Ipv4Addr::LOCALHOST, port).into();
    endpoint.connect_with(config, engine, "engine.xrdtest").unwrap().await
}
