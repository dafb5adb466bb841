//! Instances that belong to no run: who starts and stops them, and what a journal should say of them.

use std::collections::{BTreeMap, BTreeSet};

use xrdtest_model::event::InstanceState;
use xrdtest_model::{ClusterPlan, Event, EventBody, InstanceId, RunId, Verdict};
use xrdtest_orchestrator::Input;

use crate::world::World;

impl World {
    /// Repeated until there is an answer, as a client does that gets none.
    pub(crate) fn order(&mut self, instance: InstanceId) {
        let ordered = |event: &Event| matches!(&event.body, EventBody::ClusterOrdered { instance: id, .. } if *id == instance);
        if self.refused.contains(&instance) || self.engine.journal.iter().any(ordered) {
            return;
        }
        let order = self.orders[&instance].clone();
        self.after(1500, crate::world::Happening::Order { instance });
        if self.rng.chance(self.chaos.doubled) {
            self.input(Input::StartCluster(Box::new(order.clone())));
        }
        self.input(Input::StartCluster(Box::new(order)));
    }

    pub(crate) fn refused(&mut self, instance: &InstanceId, reason: &str) {
        assert!(!reason.is_empty(), "{instance} is refused without a reason");
        self.refused.insert(instance.clone());
    }

    pub(crate) fn stop_some_cluster(&mut self) {
        if !self.engine.is_up() {
            return;
        }
        let all: Vec<InstanceId> =
            self.engine.core().instances().into_iter().map(|instance| instance.instance).collect();
        if !all.is_empty() {
            let instance = self.rng.pick(&all).clone();
            self.input(Input::StopCluster { instance, by: "somebody".to_owned() });
        }
    }

    /// Holds the journal against an account of its own.
    pub(crate) fn check_standing(&self) {
        let mut account = Account::default();
        for event in &self.engine.journal {
            account.take(event);
        }
        assert!(account.instances.is_empty(), "left in the journal: {:?}", account.instances);
        assert!(account.owed.is_empty(), "neither kept nor stopped: {:?}", account.owed);
        for (instance, order) in &self.orders {
            let Some((ordered, until)) = account.ordered.get(instance) else {
                assert!(self.refused.contains(instance), "{instance} got no answer");
                continue;
            };
            assert_eq!(until - ordered, order.keep.map_or(120_000, |keep| keep.as_millis() as u64));
        }
        // An engine that is down or stopped looks at nothing.
        let blind = 150_000 * (u64::from(self.engine.deaths) + 2);
        for (instance, (end, until)) in &account.ended {
            assert!(*end <= until + blind, "{instance} was kept for too long");
        }
        if self.chaos.calm {
            assert!(account.lost == 0, "a machine was lost for no reason");
            let expected = account.failed.iter().all(|detail| detail.contains("did not come up within"));
            assert!(expected, "failed for no reason: {:?}", account.failed);
        }
    }
}

#[derive(Debug)]
struct Known {
    state: InstanceState,
    run: Option<RunId>,
    /// It belongs to no run, until then.
    until: Option<u64>,
    hosts: BTreeSet<String>,
    /// In contact once, and not missed since.
    here: BTreeSet<String>,
    /// Late, away or given up.
    missed: BTreeMap<String, &'static str>,
}

/// What a journal tells of instances.
#[derive(Debug, Default)]
struct Account {
    runs: BTreeMap<RunId, (Vec<ClusterPlan>, bool)>,
    instances: BTreeMap<InstanceId, Known>,
    /// Instances whose run is over, and whether they are to be kept; nothing else may happen to them before.
    owed: BTreeMap<InstanceId, bool>,
    /// Runs that are over.
    over: BTreeSet<RunId>,
    ordered: BTreeMap<InstanceId, (u64, u64)>,
    /// When the order to stop was given, and when it had to be at the latest.
    ended: BTreeMap<InstanceId, (u64, u64)>,
    failed: Vec<String>,
    lost: u64,
}

impl Known {
    fn new(run: Option<&RunId>, until: Option<u64>, cluster: &ClusterPlan) -> Self {
        Self {
            state: InstanceState::Starting,
            run: run.cloned(),
            until,
            hosts: cluster.hosts.iter().map(|host| host.name.clone()).collect(),
            here: BTreeSet::new(),
            missed: BTreeMap::new(),
        }
    }

    fn is_made(&self) -> bool {
        matches!(self.state, InstanceState::WaitingSlaves | InstanceState::Active)
    }
}

impl Account {
    fn take(&mut self, event: &Event) {
        let at = event.at.as_millis();
        match &event.body {
            EventBody::RunQueued { run, plan, .. } => {
                let clusters = plan.clusters.iter().map(|cluster| ClusterPlan::clone(cluster)).collect();
                self.runs.insert(run.clone(), (clusters, plan.keep_on_failure));
            }
            EventBody::RunPlaced { run, instances } => {
                for (placed, cluster) in instances.iter().zip(&self.runs[run].0) {
                    self.instances.insert(placed.instance.clone(), Known::new(Some(run), None, cluster));
                }
            }
            EventBody::RunFinished { run, verdict, .. } => {
                let bad = matches!(verdict, Verdict::Failed | Verdict::TimedOut | Verdict::Error);
                let keep = self.runs[run].1 && bad;
                self.over.insert(run.clone());
                let of_run = self.instances.iter().filter(|(_, known)| known.run.as_ref() == Some(run));
                let left = of_run.filter(|(_, known)| known.state != InstanceState::Stopping);
                self.owed.extend(left.map(|(id, known)| (id.clone(), keep && known.is_made())));
            }
            EventBody::ClusterOrdered { instance, plan, until, .. } => {
                let until = until.as_millis();
                let before = self.instances.insert(instance.clone(), Known::new(None, Some(until), plan));
                assert!(before.is_none(), "{instance} was started twice");
                assert!(self.ordered.insert(instance.clone(), (at, until)).is_none());
            }
            EventBody::InstanceKept { instance, until } => {
                assert_eq!(self.owed.remove(instance), Some(true), "{instance} is kept for no reason");
                self.instances.get_mut(instance).unwrap().until = Some(until.as_millis());
            }
            EventBody::InstanceChanged { instance, state, detail, .. } => {
                self.changed(at, instance, *state, detail);
            }
            body => self.machine(body),
        }
    }

    fn changed(&mut self, at: u64, id: &InstanceId, state: InstanceState, detail: &str) {
        let known = self.instances.get_mut(id).unwrap();
        if let Some(keep) = self.owed.remove(id) {
            assert!(!keep && state == InstanceState::Stopping, "{id} should be kept: {keep}, is {state:?}");
        }
        if let Some(until) = known.until {
            match state {
                InstanceState::Active => {
                    assert!(known.is_made());
                    let never =
                        known.hosts.difference(&known.here).find(|host| !known.missed.contains_key(*host));
                    assert_eq!(never, None, "{id} is active without it");
                }
                InstanceState::Failed => self.failed.push(detail.to_owned()),
                InstanceState::Stopping if known.state != InstanceState::Stopping => {
                    let why = known.state == InstanceState::Failed || !detail.is_empty();
                    assert!(why, "{id} is stopped for no reason");
                    self.ended.insert(id.clone(), (at, until));
                }
                InstanceState::Stopped => assert_eq!(known.state, InstanceState::Stopping),
                _ => {}
            }
            assert!(known.state != InstanceState::Stopping || state >= InstanceState::Stopping);
        }
        known.state = state;
        if state == InstanceState::Stopped {
            self.instances.remove(id);
        }
    }

    /// Contact takes turns.
    fn machine(&mut self, body: &EventBody) {
        let (machine, missed) = match body {
            EventBody::MachineConnected { machine, .. } | EventBody::MachineBack { machine } => {
                (machine, None)
            }
            EventBody::MachineLate { machine } => (machine, Some("late")),
            EventBody::MachineAway { machine } => (machine, Some("away")),
            EventBody::MachineLost { machine, .. } => (machine, Some("lost")),
            _ => return,
        };
        let known = self.instances.get_mut(&machine.instance).expect("a machine of no instance");
        let over = known.run.as_ref().is_some_and(|run| self.over.contains(run));
        assert!(known.until.is_some() || !over, "{machine} is told of although its run is over: {body:?}");
        let before = known.missed.get(&machine.host).copied();
        if known.until.is_some() {
            assert!(known.state < InstanceState::Stopping, "{machine} is told of too late: {body:?}");
            assert!(missed.is_none() || before != missed, "{machine} is told twice: {body:?}");
            assert!(missed.is_none() || before != Some("lost"), "{machine} was given up before: {body:?}");
            let back = matches!(body, EventBody::MachineBack { .. });
            assert!(!back || before.is_some(), "{machine} was not missed: {body:?}");
            self.lost += u64::from(missed == Some("lost"));
        }
        match missed {
            None => {
                known.here.insert(machine.host.clone());
                known.missed.remove(&machine.host);
            }
            Some(word) => drop(known.missed.insert(machine.host.clone(), word)),
        }
    }
}

/// What was seen of such instances in all worlds.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    orders: u64,
    refused: u64,
    active: u64,
    failed: u64,
    kept: u64,
    stopped: u64,
    over: u64,
}

impl Standing {
    pub(crate) fn add(&mut self, world: &World) {
        self.orders += world.orders.len() as u64;
        self.refused += world.refused.len() as u64;
        for event in &world.engine.journal {
            match &event.body {
                EventBody::InstanceKept { .. } => self.kept += 1,
                EventBody::InstanceChanged { instance, state, detail, .. } => {
                    let by_hand = world.orders.contains_key(instance);
                    self.active += u64::from(by_hand && *state == InstanceState::Active);
                    self.failed += u64::from(by_hand && *state == InstanceState::Failed);
                    self.stopped += u64::from(detail == "stopped by somebody");
                    self.over += u64::from(detail == "its time is over");
                }
                _ => {}
            }
        }
    }

    pub(crate) fn check(&self, worlds: u64) {
        let all = [self.orders, self.refused, self.active, self.failed, self.kept, self.stopped, self.over];
        assert!(all.iter().all(|times| *times > worlds / 100), "hardly ever seen: {self:?}");
    }
}
