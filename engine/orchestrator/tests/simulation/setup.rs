//! What a seed makes: hypervisors, plans, and how much goes wrong.

use std::sync::Arc;
use std::time::Duration;

use xrdtest_model::plan::{CasePlan, ClusterPlan, RunPlan};
use xrdtest_model::{HypervisorName, InstanceId, Limits, RunId};
use xrdtest_orchestrator::ClusterOrder;

use crate::common::{ability, case, cluster, external, suite};
use crate::faults::FAULTS;
use crate::hypervisor::Hypervisor;
use crate::world::{Happening, Peer, World};

/// How wild a world is. Chances are per 1000, times in milliseconds.
#[derive(Default)]
pub(crate) struct Chaos {
    /// Nothing goes wrong but scripts.
    pub(crate) calm: bool,
    pub(crate) latency: u64,
    /// Until a broken connection is noticed.
    pub(crate) notice: u64,
    /// Until an agent tries again.
    pub(crate) away: u64,
    /// How long the engine is down.
    pub(crate) down: u64,
    pub(crate) doubled: u64,
    /// How many inputs wait for the next one.
    pub(crate) batched: u64,
    pub(crate) stuck: u64,
    /// An order that the agent can't put on record, so it does nothing.
    pub(crate) deaf: u64,
    /// A script announces a boot of its machine.
    pub(crate) announce: u64,
    pub(crate) fail: u64,
    pub(crate) no_start: u64,
    /// The longest ordinary script.
    pub(crate) script: u64,
    /// Before each effect, and how often at most.
    pub(crate) kill: u64,
    pub(crate) kills: u32,
}

/// No fault begins later than this after the beginning.
const CALM: u64 = 150_000;

pub(crate) fn set_up(world: &mut World) {
    let wild = world.rng.below(4);
    world.chaos = chaos(world, wild);
    hypervisors(world);
    world.after(0, Happening::EngineStarts);
    let clusters = clusters(world);
    for index in 0..1 + world.rng.below(3) {
        let run = RunId::new(format!("run{index}"));
        let plan = plan(world, &clusters);
        world.plans.insert(run.clone(), plan);
        let when = world.rng.span(3000, 60_000);
        world.after(when, Happening::Submit { run });
    }
    for index in 0..world.rng.below(5).saturating_sub(2) {
        let order = order(world, index, &clusters);
        let instance = order.instance.clone();
        world.orders.insert(instance.clone(), order);
        let when = world.rng.span(20_000, 100_000);
        world.after(when, Happening::Order { instance });
    }
    world.plan_holds();
    for _ in 0..world.rng.below(1 + 5 * wild) {
        let fault = *world.rng.pick(&FAULTS);
        let when = world.rng.span(30_000, CALM);
        world.after(when, Happening::Fault(fault));
    }
}

/// From 0, where only scripts fail, to 3.
fn chaos(world: &mut World, wild: u64) -> Chaos {
    let rng = &mut world.rng;
    let mut up_to = |most: u64| rng.below(most * wild / 3 + 1);
    Chaos {
        calm: wild == 0,
        latency: 20 + up_to(2000),
        notice: 100 + up_to(10_000),
        away: 500 + up_to(50_000),
        down: 500 + up_to(90_000),
        doubled: up_to(100),
        batched: up_to(500),
        stuck: up_to(40),
        deaf: up_to(6),
        no_start: up_to(30),
        kill: up_to(100),
        kills: u32::try_from(up_to(20)).unwrap(),
        announce: [0, 0, 20, 100][rng.index(4)],
        fail: [0, 0, 10, 60][rng.index(4)],
        script: 2000 + rng.below(40_000),
    }
}

fn hypervisors(world: &mut World) {
    for index in 0..1 + world.rng.below(2) {
        let name = HypervisorName::new(format!("hv{index}"));
        let exclusive = world.rng.chance(400);
        let known = Hypervisor {
            ability: ability(5 + world.rng.below(12), exclusive),
            link: None,
            instances: std::collections::BTreeMap::new(),
        };
        world.hypervisors.insert(name.clone(), known);
        let when = world.rng.span(2000, 20_000);
        let peer = Peer::Hypervisor(name);
        world.after(when, Happening::PeerConnects { peer });
    }
}

fn clusters(world: &mut World) -> Vec<Arc<ClusterPlan>> {
    let made = (0u8..2).map(|index| {
        let hosts: Vec<String> = (0..1 + world.rng.below(4)).map(|host| format!("c{index}h{host}")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        cluster(&format!("c{index}"), index, &hosts)
    });
    // Two of physical machines, which share one.
    let physical = [external("x0", &["x0h0", "x0h1"]), external("x1", &["x0h1", "x1h1"])];
    made.collect::<Vec<_>>().into_iter().chain(physical).collect()
}

fn plan(world: &mut World, clusters: &[Arc<ClusterPlan>]) -> RunPlan {
    let rng = &mut world.rng;
    let clusters = match rng.below(10) {
        0 => clusters[..2].to_vec(),
        1 => clusters[1..3].to_vec(),
        _ => vec![Arc::clone(rng.pick(clusters))],
    };
    let mut plan = suite(&clusters);
    // Some hosts run no scripts.
    while plan.machines.len() > 1 && rng.chance(150) {
        let index = rng.index(plan.machines.len());
        plan.machines.remove(index);
    }
    plan.keep_on_failure = rng.chance(300);
    plan.finalize = plan.finalize.filter(|_| rng.chance(800));
    plan.limits = Limits {
        stage_ms: 5000 + rng.below(60_000),
        run_ms: 60_000 + rng.span(600_000, 20_000),
        cluster_start_ms: 30_000 + rng.below(120_000),
        queue_wait_ms: 60_000 + rng.below(1_000_000),
        ..Limits::default()
    };
    plan.cases = (0..rng.below(20).min(3)).map(|index| some_case(world, &plan.machines, index)).collect();
    plan
}

fn order(world: &mut World, index: u64, clusters: &[Arc<ClusterPlan>]) -> ClusterOrder {
    let rng = &mut world.rng;
    ClusterOrder {
        instance: InstanceId::new(format!("hand{index}")),
        cluster: Arc::clone(rng.pick(clusters)),
        repository: "/repository".to_owned(),
        by: "somebody".to_owned(),
        start_ms: 30_000 + rng.below(120_000),
        keep: rng.chance(800).then(|| Duration::from_millis(1000 + rng.below(200_000))),
    }
}

fn some_case(world: &mut World, machines: &[String], index: u64) -> CasePlan {
    let rng = &mut world.rng;
    let mut machines = machines.to_vec();
    while machines.len() > 1 && rng.chance(200) {
        let index = rng.index(machines.len());
        machines.remove(index);
    }
    let mut case = case(&format!("case{index}"), &machines);
    case.initialize = case.initialize.filter(|_| rng.chance(700));
    case.finalize = case.finalize.filter(|_| rng.chance(700));
    case
}
