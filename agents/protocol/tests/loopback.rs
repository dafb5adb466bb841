//! Engine and agent over real QUIC on the loopback interface.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use xrdtest_model::order::StageReport;
use xrdtest_model::{AttemptId, MachineId, StageId};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::client::{self, HypervisorSession, SlaveSession};
use xrdtest_protocol::message::{EngineToSlave, Hello, SlaveToEngine};
use xrdtest_protocol::server::{Arrival, Link, Listener, ListenerConfig, greet};
use xrdtest_protocol::stream::{CHUNK, FetchReply, StreamHeader};
use xrdtest_protocol::version::NEWEST;
use xrdtest_protocol::{Credentials, Identity, JoinKey, JoinToken, ProtocolError};

fn machine() -> MachineId {
    MachineId::new("r1.0".into(), "ds1.xrd.test")
}

fn attempt() -> AttemptId {
    AttemptId { run: "r1".into(), stage: StageId::SUITE_INITIALIZE, machine: machine(), number: 1 }
}

fn hello(versions: (u32, u32)) -> Hello {
    Hello::Slave { versions, software: "test".to_owned(), boot_id: "b".to_owned(), known: Vec::new() }
}

struct Engine {
    authority: Authority,
    listener: Listener,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

fn engine() -> Engine {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(folder.path()).unwrap();
    let credentials = authority.issue(&Identity::Engine).unwrap();
    let listener =
        Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &credentials, &ListenerConfig::default()).unwrap();
    let address = listener.local_addr().unwrap();
    Engine { authority, listener, address, _folder: folder }
}

impl Engine {
    async fn arrival(&self) -> Arrival {
        greet(self.listener.accept().await.unwrap()).await.unwrap()
    }

    fn slave(&self) -> Credentials {
        self.authority.issue(&Identity::Slave(machine())).unwrap()
    }
}

async fn pair(
    engine: &Engine,
) -> (SlaveSession, Link, client::Sender<EngineToSlave>, client::Receiver<SlaveToEngine>) {
    let credentials = engine.slave();
    let hello = hello((1, NEWEST));
    let (session, accepted) =
        tokio::join!(client::connect(engine.address, &credentials, || hello.clone()), async {
            let arrival = engine.arrival().await;
            assert_eq!(arrival.identity, Some(Identity::Slave(machine())));
            let version = arrival.version().unwrap();
            arrival.accept::<EngineToSlave, SlaveToEngine>(version).await.unwrap()
        });
    let (link, sender, receiver) = accepted;
    (session.unwrap(), link, sender, receiver)
}

async fn sign(engine: &Engine, token: &JoinToken) -> String {
    let arrival = engine.arrival().await;
    assert_eq!(arrival.identity, None);
    let Hello::Join { token: shown, request, .. } = arrival.hello.clone() else {
        panic!("{:?}", arrival.hello)
    };
    assert_eq!(shown.parse::<JoinToken>().unwrap().digest(), token.digest());
    let certificate = engine.authority.sign(&request, &Identity::Slave(machine())).unwrap();
    arrival.joined(certificate, engine.authority.certificate().to_owned()).await.unwrap();
    Authority::request_key(&request).unwrap()
}

#[tokio::test]
async fn join_then_connect_as_the_name_that_the_engine_chose() {
    let engine = engine();
    let token = engine.authority.new_token().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = JoinKey::open_or_create(folder.path()).unwrap();
    let (lost, first) = tokio::join!(client::join(engine.address, &token, &key), sign(&engine, &token));
    drop(lost.unwrap());
    // The answer was lost, and the agent killed: it comes back as the same applicant.
    let again = JoinKey::open_or_create(folder.path()).unwrap();
    assert_eq!(again, key);
    let (credentials, second) =
        tokio::join!(client::join(engine.address, &token, &again), sign(&engine, &token));
    assert_eq!(first, second);
    let credentials = credentials.unwrap();
    assert_eq!(credentials.identity().unwrap(), Identity::Slave(machine()));
    credentials.save(folder.path()).unwrap();
    assert_eq!(Credentials::load(folder.path()).unwrap(), Some(credentials));
    assert_eq!(Credentials::load(&folder.path().join("none")).unwrap(), None);
    assert!(!folder.path().join("joining-key.pem").exists());
    // Another applicant is told from the first.
    let stranger = JoinKey::generate().unwrap();
    let (_, third) = tokio::join!(client::join(engine.address, &token, &stranger), sign(&engine, &token));
    assert_ne!(first, third);
    assert!(Authority::request_key("no request").is_err());
}

#[tokio::test]
async fn messages_go_both_ways_and_a_goodbye_arrives() {
    let engine = engine();
    let (mut session, _link, mut sender, mut receiver) = pair(&engine).await;
    assert_eq!(session.version, NEWEST);
    let report = SlaveToEngine::Report { attempt: attempt(), report: StageReport::Accepted };
    session.sender.send(&report).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), Some(report));
    let forget = EngineToSlave::Forget { attempt: attempt() };
    sender.send(&forget).await.unwrap();
    assert_eq!(session.receiver.recv().await.unwrap(), Some(forget));
    session.sender.send(&SlaveToEngine::Goodbye).await.unwrap();
    let (_, last) = tokio::join!(session.close(), receiver.recv());
    assert_eq!(last.unwrap(), Some(SlaveToEngine::Goodbye));
}

#[tokio::test]
async fn an_upload_goes_on_where_the_last_connection_broke() {
    let engine = engine();
    let content: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let header = StreamHeader::Output { attempt: attempt() };
    let mut stored = Vec::new();

    let (session, link, sender, receiver) = pair(&engine).await;
    let agent = async {
        let mut upload = session.streams.upload(&header).await.unwrap();
        assert_eq!(upload.offset(), 0);
        upload.write(Bytes::copy_from_slice(&content[..2 * CHUNK])).await.unwrap();
        upload
    };
    let receiving = async {
        let mut stream = link.accept_stream().await.unwrap().header().await.unwrap();
        stream.acknowledge(0).await.unwrap();
        while stored.len() < CHUNK {
            stored.extend_from_slice(&stream.next_chunk().await.unwrap().unwrap());
        }
    };
    let (broken, ()) = tokio::join!(agent, receiving);
    drop((sender, receiver, session));
    link.close("broken on purpose");
    assert!(broken.finish().await.is_err());

    let (session, link, _s, _r) = pair(&engine).await;
    let agent = async {
        let mut upload = session.streams.upload(&header).await.unwrap();
        let from = usize::try_from(upload.offset()).unwrap();
        upload.copy_from(&mut &content[from..]).await.unwrap();
        upload.finish().await.unwrap()
    };
    let receiving = async {
        let mut stream = link.accept_stream().await.unwrap().header().await.unwrap();
        assert_eq!(stream.header, header);
        stream.acknowledge(stored.len() as u64).await.unwrap();
        while let Some(chunk) = stream.next_chunk().await.unwrap() {
            stored.extend_from_slice(&chunk);
        }
        stream.acknowledge(stored.len() as u64).await.unwrap();
        stream.finish();
    };
    let (have, ()) = tokio::join!(agent, receiving);
    assert_eq!(have, content.len() as u64);
    assert!(stored == content);
}

#[tokio::test]
async fn a_file_is_fetched_or_refused_in_words() {
    let engine = engine();
    let credentials = engine.authority.issue(&Identity::Hypervisor("hv1".into())).unwrap();
    let hello =
        Hello::Slave { versions: (1, 9), software: String::new(), boot_id: String::new(), known: Vec::new() };
    let (session, link) =
        tokio::join!(client::connect(engine.address, &credentials, || hello.clone()), async {
            let arrival = engine.arrival().await;
            assert_eq!(arrival.identity, Some(Identity::Hypervisor("hv1".into())));
            arrival.accept::<EngineToSlave, SlaveToEngine>(1).await.unwrap()
        });
    let session: HypervisorSession = session.unwrap();
    let header = StreamHeader::Fetch { instance: "i".into(), host: "h".to_owned(), path: "p".to_owned() };
    for (reply, content, limit) in [
        (FetchReply::Found { length: 200_000 }, vec![7u8; 200_000], 1 << 20),
        (FetchReply::NotFound { reason: "no such file".to_owned() }, vec![], 1 << 20),
    ] {
        let (answer, ()) = tokio::join!(session.streams.fetch(&header, limit), async {
            let stream = link.0.accept_stream().await.unwrap().header().await.unwrap();
            stream.answer(&reply, Bytes::from(content.clone())).await.unwrap();
        });
        assert_eq!(answer.unwrap(), (reply, content));
    }
}

#[tokio::test]
async fn strangers_are_refused() {
    let engine = engine();
    let other = Authority::open_or_create(tempfile::tempdir().unwrap().path()).unwrap();

    // A certificate of another CA: the engine refuses the handshake.
    let foreign = other.issue(&Identity::Slave(machine())).unwrap();
    let foreign = Credentials { ca: engine.authority.certificate().to_owned(), ..foreign };
    let hello_1 = hello((1, NEWEST));
    let (session, incoming) = tokio::join!(
        client::connect::<SlaveToEngine, EngineToSlave>(engine.address, &foreign, || hello_1.clone()),
        async { greet(engine.listener.accept().await.unwrap()).await }
    );
    assert!(session.is_err() && incoming.is_err());

    // An engine of another CA: the agent refuses, with a certificate as with a token.
    let credentials = other.issue(&Identity::Slave(machine())).unwrap();
    let token = other.new_token().unwrap();
    let key = JoinKey::generate().unwrap();
    let (session, joined, _, _) = tokio::join!(
        client::connect::<SlaveToEngine, EngineToSlave>(engine.address, &credentials, || hello_1.clone()),
        client::join(engine.address, &token, &key),
        async { greet(engine.listener.accept().await.unwrap()).await.is_err() },
        async { greet(engine.listener.accept().await.unwrap()).await.is_err() },
    );
    assert!(session.is_err());
    let refusal = joined.unwrap_err().to_string();
    assert!(refusal.contains("not the one that the join token names"), "{refusal}");

    // A version that this build does not speak: refused in words.
    let credentials = engine.slave();
    let hello_9 = hello((NEWEST + 1, NEWEST + 5));
    let (session, ()) = tokio::join!(
        client::connect::<SlaveToEngine, EngineToSlave>(engine.address, &credentials, || hello_9.clone()),
        async {
            let arrival = engine.arrival().await;
            assert_eq!(arrival.version(), None);
            arrival.refuse("it speaks newer versions only").await.unwrap();
        }
    );
    let error = session.unwrap_err();
    assert!(matches!(&error, ProtocolError::Refused(reason) if reason.contains("newer")) && error.is_final());
}

#[test]
fn an_authority_is_kept_and_a_torn_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = Authority::open_or_create(folder.path()).unwrap();
    let second = Authority::open_or_create(folder.path()).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    std::fs::remove_file(folder.path().join("ca-key.pem")).unwrap();
    let error = Authority::open_or_create(folder.path()).unwrap_err().to_string();
    assert!(error.contains("lacks ca-key.pem"), "{error}");
    let other = tempfile::tempdir().unwrap();
    Authority::open_or_create(other.path()).unwrap();
    std::fs::copy(other.path().join("ca-key.pem"), folder.path().join("ca-key.pem")).unwrap();
    let error = Authority::open_or_create(folder.path()).unwrap_err().to_string();
    assert!(error.contains("does not belong"), "{error}");
}
