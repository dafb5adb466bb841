//! What a barrier of hundreds of machines costs the core alone. Not a test of right or wrong, so it is asked for:
//! `cargo test -p xrdtest-orchestrator --test barrier -- --ignored --nocapture`.

#[path = "common/mod.rs"]
#[allow(dead_code, reason = "of the shared helpers this needs a few")]
mod common;

use std::time::{Duration, Instant};

use xrdtest_model::{AttemptId, InstanceId, MachineId, Outcome, StageReport, Timestamp};
use xrdtest_orchestrator::{Config, Effect, Input, InstanceReport, Orchestrator};

use common::{ability, case, cluster, report, suite};

const MACHINES: usize = 500;
/// Inputs of one call, as the engine takes all that have come in.
const BATCH: usize = 100;

struct Bench {
    core: Orchestrator,
    now: u64,
    /// Ordered and not reported.
    ordered: Vec<AttemptId>,
    reports: u32,
    total: Duration,
    longest: Duration,
    look: Duration,
}

impl Bench {
    fn handle(&mut self, inputs: Vec<Input>) -> Duration {
        self.now += 1;
        let start = Instant::now();
        let effects = self.core.handle_all(Timestamp::from_millis(self.now), inputs);
        let took = start.elapsed();
        self.ordered.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Order { order, .. } => Some(order.attempt),
            _ => None,
        }));
        took
    }

    /// All machines report what they were ordered, in an order that suits no index.
    fn stage(&mut self) {
        let mut attempts = std::mem::take(&mut self.ordered);
        assert_eq!(attempts.len(), MACHINES);
        attempts.sort_by_key(|attempt| attempt.machine.host.bytes().rev().collect::<Vec<_>>());
        for batch in attempts.chunks(BATCH) {
            let inputs = batch.iter().flat_map(|attempt| {
                let passed = StageReport::Finished(Box::new(report(Outcome::Passed, Some(0), 10)));
                [
                    Input::EvidenceArrived { attempt: attempt.clone(), length: 10 },
                    Input::StageReport { attempt: attempt.clone(), report: passed },
                ]
            });
            let inputs = inputs.collect();
            let took = self.handle(inputs);
            self.reports += u32::try_from(batch.len()).unwrap_or(0);
            self.total += took;
            self.longest = self.longest.max(took);
            let start = Instant::now();
            assert!(self.core.runs().len() <= 1);
            self.look = self.look.max(start.elapsed());
        }
    }
}

#[test]
#[ignore = "measures"]
fn a_barrier_of_500_machines() {
    let hosts: Vec<String> = (0..MACHINES).map(|host| format!("machine{host:03}.xrd.test")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut plan = suite(&[cluster("large", 1, &hosts)]);
    plan.cases = (0..3).map(|index| case(&format!("case{index}"), &plan.machines)).collect();
    let mut bench = Bench {
        core: Orchestrator::new(Config::default()),
        now: 1_000_000,
        ordered: Vec::new(),
        reports: 0,
        total: Duration::ZERO,
        longest: Duration::ZERO,
        look: Duration::ZERO,
    };
    let instance = InstanceId::from("r1.0");
    bench.handle(vec![
        Input::HypervisorConnected {
            name: "hv1".into(),
            software: "1.0".to_owned(),
            ability: ability(1000, false),
            instances: std::collections::BTreeSet::new(),
        },
        Input::Submit { run: "r1".into(), plan: Box::new(plan), trigger: "bench".to_owned() },
    ]);
    let slaves = hosts.iter().map(|host| Input::SlaveConnected {
        machine: MachineId::new(instance.clone(), *host),
        boot_id: "boot".to_owned(),
        known: Vec::new(),
    });
    let made = Input::InstanceReport {
        hypervisor: "hv1".into(),
        instance: instance.clone(),
        report: InstanceReport::Made,
    };
    let connect = std::iter::once(made).chain(slaves).collect();
    let connecting = bench.handle(connect);
    let mut stages = 0;
    while !bench.ordered.is_empty() {
        bench.stage();
        stages += 1;
    }
    assert_eq!(stages, 11);
    assert!(bench.core.runs().is_empty(), "the run is over");
    eprintln!(
        "{MACHINES} machines, {stages} stages: {} ns per report; the longest call of {BATCH} reports {:?}; \
         all connect in {connecting:?}; runs() at most {:?}",
        bench.total.as_nanos() / u128::from(bench.reports),
        bench.longest,
        bench.look,
    );
}
