//! What hypervisor agents tell about themselves, over a real connection, and what is shown of it.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use xrdtest_engine::{DefinitionsConfig, EngineConfig, EngineHandle, EngineStatus, start};
use xrdtest_model::HypervisorName;
use xrdtest_model::api::HypervisorInfo;
use xrdtest_model::room::{Load, Room};
use xrdtest_protocol::client::{HypervisorSession, connect};
use xrdtest_protocol::message::{Abilities, Hello, HypervisorToEngine};
use xrdtest_protocol::version::{NEWEST, OLDEST};
use xrdtest_web::engine::Engine as _;

const ROOM: Room = Room { memory_kib: 8 << 20, cores: 4, disk_bytes: 1 << 40 };

async fn engine(folder: &tempfile::TempDir) -> EngineHandle {
    let config = EngineConfig {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        state: folder.path().join("state"),
        ca: None,
        runs: folder.path().join("runs"),
        archive: folder.path().join("archive"),
        agents: 10,
        queue: 10,
        frame: 1 << 20,
        certificate: xrdtest_protocol::authority::STANDING_LIFETIME,
        console: 4 << 10,
        orchestrator: xrdtest_orchestrator::Config::default(),
        definitions: DefinitionsConfig::default(),
    };
    start(config).await.unwrap()
}

async fn agent(engine: &EngineHandle) -> HypervisorSession {
    let credentials = engine.hypervisor_credentials(&HypervisorName::new("hv1")).unwrap();
    let hello = || Hello::Hypervisor {
        versions: (OLDEST, NEWEST),
        software: "1.0".to_owned(),
        abilities: Abilities {
            provider: "libvirt".to_owned(),
            room: ROOM,
            labels: vec!["ssd".to_owned(), "big".to_owned()],
            exclusive: true,
            detail: "tcg: there is no /dev/kvm".to_owned(),
        },
        instances: Vec::new(),
    };
    connect(engine.address(), &credentials, hello).await.unwrap()
}

/// What is shown of the agent as soon as it is so.
async fn shown(
    engine: &EngineHandle,
    status: &mut watch::Receiver<Arc<EngineStatus>>,
    so: impl Fn(&HypervisorInfo) -> bool,
) -> HypervisorInfo {
    let wait = status.wait_for(|_| engine.hypervisors().first().is_some_and(&so));
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap().unwrap();
    engine.hypervisors().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn room_and_load_are_taken_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder).await;
    let mut status = engine.status();
    let mut session = agent(&engine).await;

    let info = shown(&engine, &mut status, |info| info.connected).await;
    assert_eq!((info.room, info.free, info.load), (Some(ROOM), Some(ROOM), None));
    assert_eq!(info.labels, ["big", "ssd"]);
    assert_eq!(info.detail, "tcg: there is no /dev/kvm");

    let room = Room { memory_kib: 4 << 20, ..ROOM };
    let load = Load { load_1min_centi: 152, memory_free_kib: 5 << 20, disk_free_bytes: 1 << 39 };
    session
        .sender
        .send(&HypervisorToEngine::Status { room, load, now_ms: Some(4_000_000_000_000) })
        .await
        .unwrap();
    let info = shown(&engine, &mut status, |info| info.load.is_some()).await;
    assert_eq!((info.room, info.free, info.load), (Some(room), Some(room), Some(load)));
    // It shows a time in the year 2096.
    assert!(info.clock_ahead_ms.is_some_and(|ahead| ahead > 1_000_000_000_000), "{:?}", info.clock_ahead_ms);

    // How busy it was says nothing when it is away; what it is stays known.
    session.sender.send(&HypervisorToEngine::Goodbye).await.unwrap();
    session.close().await;
    let info = shown(&engine, &mut status, |info| !info.connected).await;
    assert_eq!(info.clock_ahead_ms, None);
    assert_eq!((info.load, info.detail.as_str()), (None, "tcg: there is no /dev/kvm"));

    let _session = agent(&engine).await;
    let info = shown(&engine, &mut status, |info| info.connected).await;
    assert_eq!((info.room, info.load), (Some(ROOM), None));
    engine.stop().await;
}
