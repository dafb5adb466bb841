//! The agent against an engine over real QUIC, with real machines.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::engine::{Engine, Session, soon, start};
use support::{Lab, instance};
use tokio_util::sync::CancellationToken;
use xrdtest_hypervisor::agent::Agent;
use xrdtest_hypervisor::provider::Provider;
use xrdtest_hypervisor::relay::AGENT_PORT;
use xrdtest_model::event::InstanceStep;
use xrdtest_model::{InstanceId, MachineId};
use xrdtest_protocol::client;
use xrdtest_protocol::message::{EngineToHypervisor, Hello, HypervisorToEngine};
use xrdtest_protocol::stream::{FetchReply, StreamHeader, Wanted};
use xrdtest_protocol::{Identity, JoinKey, JoinToken};

const M1: &str = "m1.xrd.test";
const M2: &str = "m2.xrd.test";
const TOKEN: &str = "XRDTEST_TEST_TOKEN";

fn agent(engine: &Engine, lab: &mut Lab) -> Agent {
    let credentials = engine.authority.issue(&Identity::Hypervisor("h1".into())).unwrap();
    let (_, none) = tokio::sync::mpsc::unbounded_channel();
    let gone = std::mem::replace(&mut lab.gone, none);
    Agent::new(engine.address, credentials, Arc::new(lab.sandbox.clone()), gone)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_carried_out_and_machines_reach_the_engine() {
    let (engine, mut lab) = (Engine::new(), Lab::new().await);
    let agent = agent(&engine, &mut lab);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(agent.run(shutdown.clone()));
    let mut session = engine.hypervisor().await;
    assert_eq!(session.instances, []);

    let id = instance("agent");
    session.orders.send(&start(&id)).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Made { instance: id.clone() });
    let steps = [InstanceStep::StartingCluster, InstanceStep::CreatingNetwork, InstanceStep::CreatingSlaves];
    assert_eq!(session.steps, steps);
    let (room, load) = session.status.unwrap();
    let known = lab.sandbox.abilities().room;
    assert_eq!((room.memory_kib, room.cores), (known.memory_kib, known.cores));
    assert!(load.memory_free_kib > 0 && load.disk_free_bytes > 0, "{load:?}");
    files_reach_scripts(&session, &lab, &id).await;
    a_slave_joins_through_the_relay(&engine, &lab, &id).await;

    // Repeated orders are answered with what is so.
    session.orders.send(&start(&id)).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Made { instance: id.clone() });
    let unknown = instance("unknown");
    session.orders.send(&EngineToHypervisor::StopInstance { instance: unknown.clone() }).await.unwrap();
    assert_eq!(session.report().await, HypervisorToEngine::Stopped { instance: unknown });

    session.steps.clear();
    shutdown.cancel();
    assert_eq!(session.report().await, HypervisorToEngine::Stopped { instance: id.clone() });
    assert_eq!(session.steps, [InstanceStep::DestroyingCluster]);
    assert_eq!(session.report().await, HypervisorToEngine::Goodbye);
    soon("the agent ends", running).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);
}

async fn files_reach_scripts(session: &Session, lab: &Lab, id: &InstanceId) {
    let curl = |path: &str| {
        let command = format!("curl -sS -w '%{{http_code}}' http://master.xrd.test:8080/{path}");
        let (sandbox, id) = (lab.sandbox.clone(), id.clone());
        tokio::task::spawn_blocking(move || {
            let output = sandbox.enter(&id, M2).unwrap().args(["bash", "-c", &command]).output().unwrap();
            support::text(&output)
        })
    };
    let header =
        |path: &str| StreamHeader::Fetch { instance: id.clone(), host: M2.to_owned(), path: path.to_owned() };
    let asking = curl("downloadScript/clusters/c/c.cf");
    session.serve(&header("clusters/c/c.cf"), FetchReply::Found { length: 8 }, b"xrd.port").await;
    assert_eq!(asking.await.unwrap(), "xrd.port200");
    let asking = curl("showScript/nowhere");
    session.serve(&header("nowhere"), FetchReply::NotFound { reason: "no such file".to_owned() }, b"").await;
    assert_eq!(asking.await.unwrap(), "no such file\n404");
    let wanted = Wanted::TrustedCaCertificate;
    let header = StreamHeader::Credential { instance: id.clone(), host: M2.to_owned(), wanted };
    let asking = curl("getTrustedCACertificate");
    session.serve(&header, FetchReply::Found { length: 3 }, b"PEM").await;
    assert_eq!(asking.await.unwrap(), "PEM200");
    assert!(curl("getEverything").await.unwrap().ends_with("404"));
}

/// No test of its own: a slave agent that joins, run in the network of a machine by the test below.
#[tokio::test]
#[ignore = "started by another test"]
async fn joining_slave() {
    let Ok(token) = std::env::var(TOKEN) else { return };
    let token: JoinToken = token.parse().unwrap();
    let engine = (Ipv4Addr::new(192, 168, 127, 1), AGENT_PORT).into();
    let credentials = client::join(engine, &token, &JoinKey::generate().unwrap()).await.unwrap();
    assert!(matches!(credentials.identity().unwrap(), Identity::Slave(_)));
}

async fn a_slave_joins_through_the_relay(engine: &Engine, lab: &Lab, id: &InstanceId) {
    let token = engine.authority.new_token().unwrap();
    let child = Command::new("nsenter")
        .arg(format!("--net=/proc/{}/ns/net", lab.pid_of(id, M1)))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "joining_slave", "--ignored"])
        .env(TOKEN, token.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let arrival = engine.arrival().await;
    let Hello::Join { request, .. } = arrival.hello.clone() else { panic!("{:?}", arrival.hello) };
    let identity = Identity::Slave(MachineId::new(id.clone(), M1));
    let certificate = engine.authority.sign(&request, &identity).unwrap();
    arrival.joined(certificate, engine.authority.certificate().to_owned()).await.unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_swallows_nothing() {
    let (engine, mut lab) = (Engine::new(), Lab::new().await);
    let agent = agent(&engine, &mut lab);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(agent.run(shutdown.clone()));
    let mut session = engine.hypervisor().await;
    let id = instance("broken");
    session.orders.send(&start(&id)).await.unwrap();
    // The order is on its way, or being carried out, when the connection breaks.
    soon("the first step", session.reports.recv()).await.unwrap();
    session.link.close("a test");

    let mut session = engine.hypervisor().await;
    if session.instances != [(id.clone(), true)] {
        assert_eq!(session.instances, [(id.clone(), false)]);
        assert_eq!(session.report().await, HypervisorToEngine::Made { instance: id.clone() });
    }
    session.link.close("a test");
    kill(Pid::from_raw(lab.pid_of(&id, M2)), Signal::SIGKILL).unwrap();
    for _ in 0..2 {
        // Said again on each connection until the instance is stopped.
        let mut session = engine.hypervisor().await;
        loop {
            match session.report().await {
                HypervisorToEngine::MachineGone { instance, host, detail } => {
                    assert_eq!((&instance, host.as_str()), (&id, M2));
                    assert!(detail.contains("signal 9"), "{detail}");
                    break;
                }
                other => assert_eq!(other, HypervisorToEngine::Made { instance: id.clone() }),
            }
        }
        session.link.close("a test");
    }
    let mut session = engine.hypervisor().await;
    session.orders.send(&EngineToHypervisor::StopInstance { instance: id.clone() }).await.unwrap();
    while session.report().await != (HypervisorToEngine::Stopped { instance: id.clone() }) {}
    assert_eq!(lab.left(&id), [""; 0]);
    shutdown.cancel();
    soon("the agent ends", running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_is_reported_with_the_reason() {
    let (engine, mut lab) = (Engine::new(), Lab::new().await);
    let agent = agent(&engine, &mut lab);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(agent.run(shutdown.clone()));
    let mut session = engine.hypervisor().await;
    let id = instance("fails");
    let EngineToHypervisor::StartInstance { instance, cluster, tokens } = start(&id) else { unreachable!() };
    let mut cluster = (*cluster).clone();
    cluster.hosts[1].arch = Some("s390x".to_owned());
    let order = EngineToHypervisor::StartInstance { instance, cluster: Arc::new(cluster), tokens };
    session.orders.send(&order).await.unwrap();
    let HypervisorToEngine::Failed { instance, detail } = session.report().await else {
        panic!("no failure")
    };
    assert_eq!(instance, id);
    assert!(detail.contains("host `m2.xrd.test` wants a machine of the architecture s390x"), "{detail}");
    assert_eq!(lab.sandbox.instances(), []);
    shutdown.cancel();
    soon("the agent ends", running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_keep_their_order() {
    let (engine, mut lab) = (Engine::new(), Lab::new().await);
    let agent = agent(&engine, &mut lab);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(agent.run(shutdown.clone()));
    let mut session = engine.hypervisor().await;
    for _ in 0..5 {
        let id = instance("quick");
        session.orders.send(&start(&id)).await.unwrap();
        session.orders.send(&EngineToHypervisor::StopInstance { instance: id.clone() }).await.unwrap();
        while session.report().await != (HypervisorToEngine::Stopped { instance: id.clone() }) {}
        assert_eq!(lab.left(&id), [""; 0]);
    }
    assert_eq!(lab.sandbox.instances(), []);
    shutdown.cancel();
    soon("the agent ends", running).await.unwrap();
}
