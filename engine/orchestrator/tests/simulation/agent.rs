//! Slave agents that keep the contract: what was accepted is on record and never run again.

use std::collections::BTreeMap;

use xrdtest_model::{AttemptId, EndCause, FinishedReport, MachineId, Outcome, StageOrder, StageReport};
use xrdtest_orchestrator::{Effect, Input};

use crate::common::report;
use crate::world::{Happening, Peer, World};

pub(crate) struct Agent {
    pub(crate) alive: bool,
    /// In contact, but it hears and says nothing.
    pub(crate) hung: bool,
    pub(crate) boot: u32,
    pub(crate) link: Option<u64>,
    pub(crate) records: BTreeMap<AttemptId, Record>,
}

pub(crate) struct Record {
    /// `None` while the script runs.
    pub(crate) finished: Option<FinishedReport>,
    pub(crate) ending: bool,
    /// Its script has announced a boot.
    pub(crate) announced: bool,
    pub(crate) output: u64,
    /// The agent has seen the acknowledgement of its last byte, and says nothing about it any more.
    pub(crate) acknowledged: bool,
    /// Its output never arrives completely.
    stuck: bool,
}

impl Agent {
    /// The attempts whose scripts run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &AttemptId> {
        let running = self.records.iter().filter(|(_, record)| record.finished.is_none());
        running.map(|(attempt, _)| attempt)
    }
    pub(crate) fn new() -> Self {
        Self { alive: true, hung: false, boot: 0, link: None, records: BTreeMap::new() }
    }
}

fn boot_id(boot: u32) -> String {
    format!("boot {boot}")
}

impl World {
    pub(crate) fn greeting(&self, id: &MachineId) -> Input {
        let agent = &self.agents[id];
        let known = agent.records.iter().flat_map(|(attempt, record)| {
            let report = match &record.finished {
                Some(report) => StageReport::Finished(Box::new(report.clone())),
                None => StageReport::Accepted,
            };
            let announced = record.announced.then_some(StageReport::Rebooting);
            announced.into_iter().chain([report]).map(|report| (attempt.clone(), report))
        });
        Input::SlaveConnected { machine: id.clone(), boot_id: boot_id(agent.boot), known: known.collect() }
    }

    pub(crate) fn agent_hears(&mut self, id: &MachineId, effect: Effect) {
        let agent = &self.agents[id];
        if !agent.alive || agent.hung {
            return;
        }
        self.say(|| format!("    {} hears {effect:?}", id.host));
        match effect {
            Effect::Order { order, .. } => self.ordered(id, *order),
            Effect::EndStage { attempt, cause, .. } => self.told_to_end(id, attempt, cause),
            Effect::Forget { attempt, .. } => {
                let record = self.agents.get_mut(id).unwrap().records.remove(&attempt);
                let running = record.is_some_and(|record| record.finished.is_none());
                assert!(!running, "told to forget a running script: {attempt}");
            }
            Effect::Persist(_)
            | Effect::StartInstance { .. }
            | Effect::StopInstance { .. }
            | Effect::ClusterRefused { .. } => unreachable!(),
        }
    }

    pub(crate) fn say_of(&mut self, attempt: AttemptId, report: StageReport) {
        let peer = Peer::Machine(attempt.machine.clone());
        self.send_to_engine(&peer, Input::StageReport { attempt, report });
    }

    fn ordered(&mut self, id: &MachineId, order: StageOrder) {
        let attempt = order.attempt.clone();
        let agent = &self.agents[id];
        // An agent would answer with what it knows; but the core has heard that already and should know better.
        assert!(!agent.records.contains_key(&attempt), "ordered although it is known: {attempt}");
        if order.boot_id != boot_id(agent.boot) {
            let lost = report(Outcome::Lost, None, 0);
            return self.say_of(attempt, StageReport::Finished(Box::new(lost)));
        }
        if self.rng.chance(self.chaos.deaf) {
            return;
        }
        self.check_start(&attempt);
        self.truth.insert(attempt.clone(), None);
        let boot = agent.boot;
        let record = Record {
            finished: None,
            ending: false,
            announced: false,
            acknowledged: false,
            output: self.rng.below(1000) * self.rng.below(2),
            stuck: self.rng.chance(self.chaos.stuck),
        };
        self.agents.get_mut(id).unwrap().records.insert(attempt.clone(), record);
        self.plan_end(&attempt, order.timeout_ms, boot);
        self.plan_announcement(&attempt, boot);
        self.say_of(attempt, StageReport::Accepted);
    }

    /// The script ends by itself or, with its supervisor's help, soon after its limit.
    fn plan_end(&mut self, attempt: &AttemptId, limit: u64, boot: u32) {
        let (mut outcome, mut takes) = match self.rng.below(1000) {
            fate if fate < self.chaos.fail => (Outcome::Failed, self.rng.span(1500, 60_000)),
            fate if fate < self.chaos.fail * 5 / 4 + 2 => (Outcome::Killed, self.rng.span(1500, 60_000)),
            fate if fate < self.chaos.fail * 3 / 2 + 6 => (Outcome::Passed, u64::MAX),
            _ => (Outcome::Passed, self.rng.span(1500, self.chaos.script)),
        };
        if takes > limit {
            outcome = Outcome::TimedOut;
            takes = limit + self.rng.below(5000);
        }
        self.after(takes, Happening::ScriptEnds { attempt: attempt.clone(), outcome, boot });
    }

    fn told_to_end(&mut self, id: &MachineId, attempt: AttemptId, cause: EndCause) {
        let agent = self.agents.get_mut(id).unwrap();
        let boot = agent.boot;
        match agent.records.get_mut(&attempt) {
            None => self.say_of(attempt, StageReport::Unknown),
            Some(record) if record.finished.is_some() => self.tell_report(&attempt),
            Some(record) if record.ending => {}
            Some(record) => {
                record.ending = true;
                let takes = self.rng.below(5000);
                let outcome = cause.outcome();
                self.after(takes, Happening::ScriptEnds { attempt, outcome, boot });
            }
        }
    }

    pub(crate) fn script_ends(&mut self, attempt: &AttemptId, outcome: Outcome, boot: u32) {
        let code = match outcome {
            Outcome::Passed => Some(0),
            Outcome::Failed => Some(1 + i32::try_from(self.rng.below(200)).unwrap()),
            _ => None,
        };
        let now = self.time();
        let Some(agent) =
            self.agents.get_mut(&attempt.machine).filter(|agent| agent.alive && agent.boot == boot)
        else {
            return;
        };
        let Some(record) = agent.records.get_mut(attempt).filter(|record| record.finished.is_none()) else {
            return;
        };
        let mut finished = report(outcome, code, record.output);
        finished.started = now;
        if outcome == Outcome::TimedOut {
            finished.reason = "stage limit".to_owned();
        }
        record.finished = Some(finished);
        self.truth.insert(attempt.clone(), Some((outcome, code)));
        self.say(|| format!("    {attempt} ends: {outcome}"));
        let (report, output) = (self.rng.below(500), self.rng.span(1000, 25_000));
        let attempt = || attempt.clone();
        self.after(report, Happening::Report { attempt: attempt() });
        self.after(output, Happening::Output { attempt: attempt() });
    }

    pub(crate) fn tell_report(&mut self, attempt: &AttemptId) {
        let Some(agent) = self.agents.get(&attempt.machine).filter(|agent| agent.alive && !agent.hung) else {
            return;
        };
        let finished = agent.records.get(attempt).and_then(|record| record.finished.clone());
        if let Some(report) = finished {
            self.say_of(attempt.clone(), StageReport::Finished(Box::new(report)));
        }
    }

    pub(crate) fn tell_output(&mut self, attempt: &AttemptId) {
        let Some(agent) = self.agents.get(&attempt.machine).filter(|agent| agent.alive) else {
            return;
        };
        let Some(record) = agent.records.get(attempt) else {
            return;
        };
        let length = if record.stuck { record.output / 2 } else { record.output };
        let peer = Peer::Machine(attempt.machine.clone());
        self.send_to_engine(&peer, Input::EvidenceArrived { attempt: attempt.clone(), length });
    }

    /// What is not forgotten is sent again on a new connection.
    pub(crate) fn offer_outputs(&mut self, id: &MachineId) {
        let agent = &self.agents[id];
        let finished =
            agent.records.iter().filter(|(_, record)| record.finished.is_some() && !record.acknowledged);
        for attempt in finished.map(|(attempt, _)| attempt.clone()).collect::<Vec<_>>() {
            let delay = self.rng.span(500, 10_000);
            self.after(delay, Happening::Output { attempt });
        }
    }

    // ---- what befalls a machine ----

    pub(crate) fn die(&mut self, id: &MachineId) {
        self.say(|| format!("    {id} dies"));
        self.agents.get_mut(id).unwrap().alive = false;
        self.break_link(&Peer::Machine(id.clone()), false);
    }

    /// Scripts are gone; of the journal there is what happened to be on disk.
    pub(crate) fn reboot(&mut self, id: &MachineId) {
        self.say(|| format!("    {id} boots"));
        self.break_link(&Peer::Machine(id.clone()), false);
        let keep = self.rng.chance(500);
        let takes = 1000 + self.rng.below(20_000);
        let agent = self.agents.get_mut(id).unwrap();
        agent.boot += 1;
        agent.link = None;
        agent.records.retain(|_, _| keep);
        for record in agent.records.values_mut() {
            record.finished.get_or_insert_with(|| report(Outcome::Lost, None, 0));
        }
        let peer = Peer::Machine(id.clone());
        self.after(takes, Happening::PeerConnects { peer });
    }

    /// The agent finds neither an outcome nor a supervisor.
    pub(crate) fn lose_supervisor(&mut self, id: &MachineId) {
        let agent = self.agents.get_mut(id).unwrap();
        let running = agent.records.iter_mut().filter(|(_, record)| record.finished.is_none());
        let mut found = Vec::new();
        for (attempt, record) in running {
            record.finished = Some(report(Outcome::Lost, None, record.output));
            found.push(attempt.clone());
        }
        for attempt in found {
            self.say(|| format!("    the supervisor of {attempt} is gone"));
            self.after(100, Happening::Report { attempt });
        }
    }
}
