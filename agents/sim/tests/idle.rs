//! What five hundred idle fakes cost, together with an engine that does nothing but listen, all in one process.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::time::{Duration, Instant};

use support::{Engine, fleet, hosts};

const SLAVES: usize = 500;

/// Of this process: memory in MiB, processor time in ticks of 10 ms.
fn cost() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory: u64 = memory.split_whitespace().next().unwrap().parse().unwrap();
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    (memory >> 10, ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute and measures"]
async fn five_hundred_idle_fakes_cost_little() {
    let engine = Engine::new();
    let fleet = fleet(&engine, &[]);
    let mut hypervisor = engine.hypervisor().await;
    let names: Vec<String> = (0..SLAVES).map(|number| format!("m{number}.xrd.test")).collect();
    hypervisor.start("i1", &hosts(&names.iter().map(String::as_str).collect::<Vec<_>>()), &engine).await;
    let begin = Instant::now();
    let mut guests = Vec::new();
    // Whoever gave up in the crowd comes again.
    while fleet.stats().slaves_connected < SLAVES as u64 {
        guests.push(engine.guest().await);
    }
    println!("connected in {:.1?}", begin.elapsed());
    let before_that = fleet.stats().reconnects;
    let (_, before) = cost();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (memory, after) = cost();
    println!("{memory} MiB, {} % of a core", (after - before) / 10);
    assert!(memory < 300, "engine's side and fakes together");
    assert_eq!(fleet.stats().reconnects, before_that, "nobody lost contact");
    println!("{:?}", fleet.stop().await);
}
