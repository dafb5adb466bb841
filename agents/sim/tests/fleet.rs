//! A fleet against an engine with a script, over real connections.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use support::{Engine, Slave, attempt, eventually, fleet, hosts, order, output_of, soon};
use xrdtest_model::order::{EndCause, StageReport};
use xrdtest_model::{MachineId, Outcome};
use xrdtest_protocol::message::{EngineToHypervisor, EngineToSlave, HypervisorToEngine};
use xrdtest_sim::{Fleet, Snapshot};

fn outcome(report: &StageReport) -> Outcome {
    match report {
        StageReport::Finished(report) => report.outcome,
        other => panic!("{other:?}"),
    }
}

async fn until(fleet: &Fleet, what: &str, condition: impl Fn(&Snapshot) -> bool) {
    eventually(what, || condition(&fleet.stats())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slaves_join_work_and_vanish() {
    let engine = Engine::new();
    let fleet = fleet(&engine, &["b*=output:300K", "c*=fails:3", "d*=slow:200ms"]);
    let mut hypervisor = engine.hypervisor().await;
    hypervisor.start("i1", &hosts(&["a", "b", "c", "d"]), &engine).await;
    assert_eq!(
        hypervisor.reports.recv().await.unwrap().unwrap(),
        HypervisorToEngine::Made { instance: "i1".into() }
    );
    let mut slaves = engine.slaves(4).await;

    for slave in &mut slaves {
        slave.orders.send(&order(&slave.machine, &slave.boot_id, 1)).await.unwrap();
        let mut said = slave.report(1).await;
        if slave.machine.host == "d" {
            assert_eq!(said, StageReport::Accepted, "it takes a while");
            said = slave.report(1).await;
        }
        let expect = if slave.machine.host == "c" { Outcome::Failed } else { Outcome::Passed };
        assert_eq!(outcome(&said), expect, "{}", slave.machine);
        if slave.machine.host == "b" {
            let (about, bytes) = output_of(&slave.link).await;
            assert_eq!((about, bytes), (attempt(&slave.machine, 1), 300 << 10));
        }
        // The same order again is answered with what is known.
        slave.orders.send(&order(&slave.machine, &slave.boot_id, 1)).await.unwrap();
        assert_eq!(slave.report(1).await, said);
    }
    until(&fleet, "the output is known to be there", |seen| seen.uploads == 1).await;
    let seen = fleet.stats();
    assert_eq!((seen.slaves_connected, seen.orders, seen.joins), (4, 8, 4));
    assert_eq!(seen.barrier.count, 4);
    assert_eq!(seen.uploaded_bytes, 300 << 10);

    let stop = EngineToHypervisor::StopInstance { instance: "i1".into() };
    hypervisor.orders.send(&stop).await.unwrap();
    let stopped = HypervisorToEngine::Stopped { instance: "i1".into() };
    assert_eq!(hypervisor.reports.recv().await.unwrap(), Some(stopped));
    for slave in &slaves {
        soon("the slave is gone", slave.link.closed()).await;
    }
    until(&fleet, "no slave is left", |seen| seen.slaves == 0).await;
    let (_, goodbye) = tokio::join!(fleet.stop(), hypervisor.reports.recv());
    assert_eq!(goodbye.unwrap(), Some(HypervisorToEngine::Goodbye));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_was_restarted_is_told_everything() {
    let engine = Engine::new();
    let fleet = fleet(&engine, &["b=output:1M"]);
    let mut hypervisor = engine.hypervisor().await;
    hypervisor.start("i1", &hosts(&["a", "b"]), &engine).await;
    let mut slaves = engine.slaves(2).await;
    for slave in &mut slaves {
        slave.orders.send(&order(&slave.machine, &slave.boot_id, 1)).await.unwrap();
        assert_eq!(outcome(&slave.report(1).await), Outcome::Passed);
    }

    // Nothing of the output was taken when it went down.
    let address = engine.down().await;
    drop((slaves, hypervisor));
    let engine = Engine::up_again(address).await;
    // Slaves and hypervisor come back in any order.
    let (mut slaves, hypervisor) = engine.everybody(2).await;
    assert_eq!(hypervisor.instances, [("i1".into(), true)]);
    for slave in &mut slaves {
        let [(about, report)] = &slave.known[..] else { panic!("{:?}", slave.known) };
        assert_eq!(*about, attempt(&slave.machine, 1));
        assert_eq!(outcome(report), Outcome::Passed);
        if slave.machine.host == "b" {
            assert_eq!(output_of(&slave.link).await, (about.clone(), 1 << 20));
        }
        slave.orders.send(&EngineToSlave::Forget { attempt: attempt(&slave.machine, 1) }).await.unwrap();
        slave.orders.send(&order(&slave.machine, &slave.boot_id, 2)).await.unwrap();
        assert_eq!(outcome(&slave.report(2).await), Outcome::Passed);
    }
    until(&fleet, "all have counted", |seen| seen.reconnects >= 3).await;
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_ones_are_bad() {
    let engine = Engine::new();
    let rules = ["dead=dead", "gone=gone", "flap=flapping:500ms", "liar=lying", "flood=flooding"];
    let fleet = fleet(&engine, &rules);
    let mut hypervisor = engine.hypervisor().await;
    hypervisor.start("i1", &hosts(&["dead", "gone", "liar", "flood"]), &engine).await;
    let mut slaves = engine.slaves(4).await;
    for slave in &mut slaves {
        slave.orders.send(&order(&slave.machine, &slave.boot_id, 1)).await.unwrap();
    }
    for slave in &mut slaves {
        match slave.machine.host.as_str() {
            "dead" => {
                assert_eq!(slave.report(1).await, StageReport::Accepted);
                let (attempt, why) = (attempt(&slave.machine, 1), EndCause::TimedOut);
                let end = EngineToSlave::EndStage { attempt, why, reason: String::new() };
                slave.orders.send(&end).await.unwrap();
            }
            "gone" => drop(soon("it leaves", slave.link.closed()).await),
            "liar" => {
                let mut lies = Vec::new();
                for _ in 0..5 {
                    lies.push(slave.any_report().await);
                }
                let other = MachineId::new(slave.machine.instance.clone(), "not-liar");
                assert!(lies.iter().any(|(about, _)| about.machine == other), "{lies:?}");
            }
            _ => slave.flood().await,
        }
    }
    let dead = slaves.iter().find(|slave| slave.machine.host == "dead").unwrap();
    assert!(dead.link.close_reason().is_none(), "its connection lives");
    drop(slaves);

    hypervisor.start("i2", &hosts(&["flap"]), &engine).await;
    // Those of the first instance come back as well; nobody but itself ends its connections.
    let mut all = Vec::new();
    while all.iter().filter(|slave: &&Slave| slave.machine.host == "flap").count() < 3 {
        let (slaves, _) = engine.slaves_and_others(1).await;
        all.extend(slaves);
    }
    until(&fleet, "it has counted its connections", |seen| seen.reconnects >= 2).await;
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fakes_that_are_late_come_late_and_hypervisors_have_rules_too() {
    let engine = Engine::new();
    let fleet = fleet(&engine, &["hypervisor/h*=slow:300ms", "*=late:1s"]);
    let mut hypervisor = engine.hypervisor().await;
    let begin = std::time::Instant::now();
    hypervisor.start("i1", &hosts(&["a"]), &engine).await;
    let progress = hypervisor.reports.recv().await.unwrap().unwrap();
    assert!(matches!(progress, HypervisorToEngine::Progress { .. }), "{progress:?}");
    let made = HypervisorToEngine::Made { instance: "i1".into() };
    assert_eq!(soon("it is made", hypervisor.reports.recv()).await.unwrap(), Some(made));
    assert!(begin.elapsed().as_millis() >= 300);
    engine.slaves(1).await;
    assert!(begin.elapsed().as_millis() >= 1000);
    fleet.stop().await;
}
