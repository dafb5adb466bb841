//! What must hold at every step, and at the end.

use std::collections::BTreeMap;

use xrdtest_model::event::Placement;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::{AgentName, AttemptId, EventBody, Outcome, Verdict};
use xrdtest_orchestrator::Orchestrator;

use crate::engine::config;
use crate::oracle::{Told, read};
use crate::standing::Standing;
use crate::world::World;

impl World {
    /// A script is about to be started: for the first time ever, and on durable orders only.
    pub(crate) fn check_start(&self, attempt: &AttemptId) {
        assert!(!self.truth.contains_key(attempt), "run twice: {attempt}");
        let ordered = self.engine.journal.iter().any(|event| match &event.body {
            EventBody::StageStarted { run, stage, machines } => {
                *run == attempt.run
                    && *stage == attempt.stage
                    && machines.contains(&(attempt.machine.clone(), attempt.number))
            }
            _ => false,
        });
        assert!(ordered, "started before it was durable: {attempt}");
        self.check_nobody_runs(attempt);
    }

    /// The barrier in truth: no script of another stage of the run is running, except on machines given up.
    fn check_nobody_runs(&self, attempt: &AttemptId) {
        for (machine, agent) in self.agents.iter().filter(|(_, agent)| agent.alive) {
            let mut running =
                agent.running().filter(|other| other.run == attempt.run && other.stage != attempt.stage);
            let Some(other) = running.next() else {
                continue;
            };
            let lost = self.engine.journal.iter().any(|event| match &event.body {
                EventBody::MachineLost { machine: lost, .. } => lost == machine || *lost == attempt.machine,
                _ => false,
            });
            assert!(lost, "{attempt} begins while {other} still runs");
        }
    }

    pub(crate) fn compare_with_journal(&self) {
        let restored = Orchestrator::restore(config(), self.engine.journal.clone());
        assert!(restored.same_state(self.engine.core()), "the journal tells another story");
    }

    pub(crate) fn check_end(&self) {
        let numbers = self.engine.journal.iter().map(|event| event.number);
        assert!(numbers.eq(1..=self.engine.journal.len() as u64), "numbers with gaps");
        self.compare_with_journal();
        self.check_agents();
        self.check_standing();
        self.check_holds();
        for (name, hypervisor) in &self.hypervisors {
            let left: Vec<_> = hypervisor.instances.keys().collect();
            assert!(left.is_empty(), "left on {name}: {left:?}");
        }
        for instance in &self.told_to_start {
            let gone = self.told_to_stop.contains(instance) || self.vanished.contains(instance);
            assert!(gone, "{instance} was never told to stop");
        }
        assert!(self.engine.core().is_idle(), "{:#?}", self.engine.core().instances());
        for run in self.plans.keys() {
            let told = self.told(run);
            self.check_results(&told);
            if self.chaos.calm {
                self.check_calm(&told);
            }
            self.check_time(run, &told);
        }
    }

    /// Comings and goings of hypervisor agents take turns, and in the end all of them are here.
    fn check_agents(&self) {
        let mut here: BTreeMap<&AgentName, bool> = BTreeMap::new();
        for event in &self.engine.journal {
            match &event.body {
                EventBody::AgentConnected { agent, .. } => {
                    assert_ne!(here.insert(agent, true), Some(true), "{agent} came twice");
                }
                EventBody::AgentGone { agent, .. } => {
                    assert_eq!(here.insert(agent, false), Some(true), "{agent} went without having come");
                }
                _ => {}
            }
        }
        let names = self.hypervisors.keys().map(|name| AgentName::Hypervisor(name.clone()));
        assert!(here.into_iter().eq(names.collect::<Vec<_>>().iter().map(|name| (name, true))));
        assert!(self.external.is_empty(), "physical machines were not given back: {:?}", self.external);
    }

    pub(crate) fn told(&self, run: &xrdtest_model::RunId) -> Told {
        read(run, &self.plans[run], &self.engine.journal)
    }

    /// Without faults everything is as the scripts made it.
    fn check_calm(&self, told: &Told) {
        for result in told.results.values().flat_map(BTreeMap::values) {
            assert!(result.output_complete && result.outcome != Outcome::Lost, "for no reason: {result:?}");
        }
        assert!(told.lost.is_empty() && !told.cancelled);
        let (_, verdict, reason) = told.finished.as_ref().expect("a run without an end");
        let expected = ["in the queue", "no case was run", "did not come up within"];
        let expected = expected.iter().any(|words| reason.contains(words));
        assert!(*verdict != Verdict::Error || expected, "{reason}");
    }

    /// No outcome is invented.
    fn check_results(&self, told: &Told) {
        for result in told.results.values().flat_map(BTreeMap::values) {
            let truth = self.truth.iter().find(|(attempt, _)| {
                attempt.machine == result.machine
                    && attempt.stage == result.stage
                    && attempt.number == result.attempt
            });
            let truth = truth.and_then(|(_, truth)| *truth);
            match result.outcome {
                Outcome::Passed | Outcome::Failed | Outcome::Killed => {
                    assert_eq!(truth, Some((result.outcome, result.exit_code)), "invented: {result:?}");
                }
                Outcome::Cancelled => assert!(told.cancelled),
                Outcome::TimedOut => assert!(!result.reason.is_empty()),
                Outcome::Lost => assert!(!result.reason.is_empty() || truth.is_none()),
                Outcome::NotRun => assert_eq!(truth, None),
            }
        }
    }

    /// Every run ends, and not much later than its limits allow.
    fn check_time(&self, run: &xrdtest_model::RunId, told: &Told) {
        let limits = &self.plans[run].limits;
        let (ended, ..) = told.finished.as_ref().expect("a run without an end");
        // Two finalize stages may follow a cut-off, each with its own limit, doubled where an order had to be
        // repeated; an engine that is down or stopped looks at nothing.
        let finalize = 2 * (2 * limits.stage_ms + 35_000 + 30_000);
        let blind = 150_000 * (u64::from(self.engine.deaths) + 2) + 330_000 * self.announcements;
        let most = limits.queue_wait_ms + limits.cluster_start_ms + limits.run_ms + 60_000 + finalize + blind;
        let took = ended - self.submitted[run];
        assert!(took <= most, "{run} took {took} ms of at most {most} ms");
    }
}

/// What was seen in all worlds, to be sure that they are wild enough.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    worlds: u64,
    deaths: u64,
    lost: u64,
    scripts: usize,
    events: usize,
    verdicts: BTreeMap<Verdict, u64>,
    cases: BTreeMap<Verdict, u64>,
    outcomes: BTreeMap<Outcome, u64>,
    incomplete: u64,
    announcements: u64,
    booted: u64,
    on_physical: u64,
    agents_gone: u64,
    standing: Standing,
}

impl Totals {
    pub(crate) fn add(&mut self, world: &World) {
        self.worlds += 1;
        self.deaths += u64::from(world.engine.deaths);
        self.scripts += world.truth.len();
        self.announcements += world.announcements;
        self.booted += world.booted;
        self.standing.add(world);
        self.events += world.engine.journal.len();
        for event in &world.engine.journal {
            match &event.body {
                EventBody::StageFinished { result, .. } => {
                    *self.outcomes.entry(result.outcome).or_default() += 1;
                    self.incomplete += u64::from(!result.output_complete);
                }
                EventBody::CaseFinished { verdict, .. } => *self.cases.entry(*verdict).or_default() += 1,
                EventBody::RunFinished { verdict, .. } => *self.verdicts.entry(*verdict).or_default() += 1,
                EventBody::MachineLost { .. } => self.lost += 1,
                EventBody::AgentGone { .. } => self.agents_gone += 1,
                EventBody::RunPlaced { instances, .. } => {
                    let external = |placed: &Placement| placed.hypervisor.as_str() == EXTERNAL;
                    self.on_physical += u64::from(instances.iter().any(external));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn check(&self) {
        eprintln!("{self:#?}");
        if self.worlds < 1000 {
            return;
        }
        for kinds in [self.verdicts.values(), self.cases.values()] {
            assert_eq!(kinds.len(), 5, "a verdict that never occurs");
        }
        assert_eq!(self.outcomes.len(), 7, "an outcome that never occurs");
        let rarest = self.verdicts.values().chain(self.cases.values()).chain(self.outcomes.values()).min();
        assert!(rarest.is_some_and(|rarest| rarest * 200 > self.worlds), "hardly ever seen");
        let rare = [self.announcements, self.booted, self.on_physical, self.agents_gone];
        assert!(rare.iter().all(|times| *times > self.worlds / 100), "hardly ever seen: {rare:?}");
        self.standing.check(self.worlds);
        assert!(self.deaths > self.worlds && self.lost > self.worlds / 10);
    }
}
