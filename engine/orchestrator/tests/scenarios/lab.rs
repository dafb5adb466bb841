//! A core, its journal, and agents that do what they are told to say.

mod acts;
mod machinery;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use xrdtest_model::room::Room;
use xrdtest_model::{
    AttemptId, EndCause, Event, EventBody, HypervisorName, InstanceId, MachineId, Outcome, RunId, RunPlan,
    StageOrder, StageReport, Timestamp,
};
use xrdtest_orchestrator::{Ability, Config, Input, InstanceReport, Orchestrator};

use crate::common::{ability, report};
use crate::trace;

/// Tells a story in both ways; see the module of this test.
pub(crate) fn scenario(story: impl Fn(&mut Lab)) {
    for restarting in [false, true] {
        let mut lab = Lab::new(restarting);
        story(&mut lab);
        lab.check();
    }
}

pub(crate) struct Lab {
    pub(crate) core: Orchestrator,
    pub(crate) now: Timestamp,
    pub(crate) journal: Vec<Event>,
    restarting: bool,
    trace: Vec<String>,
    hypervisors: BTreeMap<HypervisorName, Hypervisor>,
    agents: BTreeMap<MachineId, Agent>,
    /// Physical machines in contact.
    physical: BTreeSet<String>,
}

struct Hypervisor {
    ability: Ability,
    software: String,
    connected: bool,
    instances: BTreeSet<InstanceId>,
}

#[derive(Default)]
struct Agent {
    connected: bool,
    boot: u32,
    /// Attempts whose script announced a boot.
    announced: BTreeSet<AttemptId>,
    /// What it has on record, with the durable length of each output.
    known: BTreeMap<AttemptId, (StageReport, u64)>,
    /// Attempts whose script it was ordered to run, for ever.
    executed: BTreeSet<AttemptId>,
    /// The last order to end something.
    ended: Option<(AttemptId, EndCause, String)>,
    order: Option<StageOrder>,
}

impl Hypervisor {
    fn new(ability: Ability, instances: BTreeSet<InstanceId>) -> Self {
        Self { ability, software: "1.0".to_owned(), connected: false, instances }
    }
}

impl Lab {
    pub(crate) fn new(restarting: bool) -> Self {
        Self {
            core: Orchestrator::new(Config::default()),
            now: Timestamp::from_millis(1_000_000_000),
            journal: Vec::new(),
            restarting,
            trace: Vec::new(),
            hypervisors: BTreeMap::new(),
            agents: BTreeMap::new(),
            physical: BTreeSet::new(),
        }
    }

    // ---- the world acts ----

    pub(crate) fn submit(&mut self, run: &str, plan: &RunPlan) {
        self.input(Input::Submit {
            run: run.into(),
            plan: Box::new(plan.clone()),
            trigger: "test".to_owned(),
        });
    }

    pub(crate) fn cancel(&mut self, run: &str, force: bool) {
        self.input(Input::Cancel {
            run: run.into(),
            by: "alice".to_owned(),
            reason: "wrong branch".to_owned(),
            force,
        });
    }

    pub(crate) fn hypervisor(&mut self, name: &str, ability: Ability) {
        let fresh = Hypervisor::new(ability.clone(), BTreeSet::new());
        let entry = self.hypervisors.entry(name.into()).or_insert(fresh);
        entry.ability = ability;
        entry.connected = true;
        let input = self.hello(&name.into());
        self.input(input);
    }

    /// A hypervisor tells anew what it has.
    pub(crate) fn room(&mut self, name: &str, room: Room) {
        self.hypervisors.get_mut(&name.into()).unwrap().ability.room = room;
        self.input(Input::HypervisorRoom { name: name.into(), room });
    }

    /// A hypervisor connects that has an instance of which the journal knows nothing.
    pub(crate) fn has_instance(&mut self, name: &str, ability: Ability, instance: &str) {
        let known = Hypervisor::new(ability.clone(), BTreeSet::from([instance.into()]));
        self.hypervisors.insert(name.into(), known);
        self.hypervisor(name, ability);
    }

    /// The world of a journal that was not made here.
    pub(crate) fn has_machines(
        &mut self,
        name: &str,
        ability: Ability,
        instance: &str,
        machines: Vec<MachineId>,
    ) {
        let instances = BTreeSet::from([instance.into()]);
        let known = Hypervisor::new(ability, instances);
        self.hypervisors.insert(name.into(), known);
        self.agents.extend(machines.into_iter().map(|machine| (machine, Agent::default())));
    }

    pub(crate) fn hypervisor_leaves(&mut self, name: &str) {
        self.hypervisor_disconnects(name, false);
    }

    pub(crate) fn hypervisor_disconnects(&mut self, name: &str, orderly: bool) {
        self.hypervisors.get_mut(&name.into()).unwrap().connected = false;
        self.input(Input::HypervisorDisconnected { name: name.into(), orderly });
    }

    pub(crate) fn hypervisor_back(&mut self, name: &str) {
        let ability = self.hypervisors[&name.into()].ability.clone();
        self.hypervisor(name, ability);
    }

    /// The hypervisor has lost an instance without knowing how.
    pub(crate) fn vanish(&mut self, hypervisor: &str, instance: &str) {
        let known = self.hypervisors.get_mut(&hypervisor.into()).unwrap();
        known.instances.remove(&instance.into());
    }

    pub(crate) fn says(&mut self, instance: &str, report: InstanceReport) {
        let id = InstanceId::from(instance);
        let owner = self.hypervisors.iter().find(|(_, known)| known.instances.contains(&id));
        let hypervisor = owner.map(|(name, _)| name.clone()).expect("nobody has this instance");
        if report == InstanceReport::Stopped {
            self.hypervisors.get_mut(&hypervisor).unwrap().instances.remove(&id);
            self.agents.retain(|machine, _| machine.instance != id);
        }
        self.input(Input::InstanceReport { hypervisor, instance: id, report });
    }

    pub(crate) fn made(&mut self, instance: &str) {
        self.says(instance, InstanceReport::Made);
    }

    pub(crate) fn connect(&mut self, machine: &str) {
        let id = self.machine(machine);
        self.agents.get_mut(&id).unwrap().connected = true;
        let input = self.greeting(&id);
        self.input(input);
        self.tell_outputs(&id);
    }

    /// Out of contact since now.
    pub(crate) fn leave(&mut self, machine: &str) {
        self.disconnect(machine, false);
    }

    pub(crate) fn goodbye(&mut self, machine: &str) {
        self.disconnect(machine, true);
    }

    pub(crate) fn reboot(&mut self, machine: &str) {
        self.leave(machine);
        let id = self.machine(machine);
        let agent = self.agents.get_mut(&id).unwrap();
        agent.boot += 1;
        agent.known.clear();
        self.connect(machine);
    }

    fn disconnect(&mut self, machine: &str, orderly: bool) {
        let id = self.machine(machine);
        self.agents.get_mut(&id).unwrap().connected = false;
        self.input(Input::SlaveDisconnected { machine: id, orderly, last_contact: self.now });
    }

    pub(crate) fn passes(&mut self, machine: &str) {
        self.ends(machine, Outcome::Passed, Some(0));
    }

    pub(crate) fn fails(&mut self, machine: &str, code: i32) {
        self.ends(machine, Outcome::Failed, Some(code));
    }

    /// Its script ends, and the output arrives.
    pub(crate) fn ends(&mut self, machine: &str, outcome: Outcome, code: Option<i32>) {
        let attempt = self.reports(machine, outcome, code);
        self.output(&attempt, 10);
    }

    /// Its script ends; the 10 bytes of output are on their way.
    pub(crate) fn reports(&mut self, machine: &str, outcome: Outcome, code: Option<i32>) -> AttemptId {
        let attempt = self.attempt(machine);
        let finished = StageReport::Finished(Box::new(report(outcome, code, 10)));
        self.report(&attempt, finished);
        attempt
    }

    pub(crate) fn report(&mut self, attempt: &AttemptId, report: StageReport) {
        let agent = self.agents.get_mut(&attempt.machine).unwrap();
        if let Some((known, _)) = agent.known.get_mut(attempt) {
            *known = report.clone();
        }
        if agent.connected {
            self.input(Input::StageReport { attempt: attempt.clone(), report });
        }
    }

    pub(crate) fn output(&mut self, attempt: &AttemptId, length: u64) {
        let agent = self.agents.get_mut(&attempt.machine).unwrap();
        if let Some((_, arrived)) = agent.known.get_mut(attempt) {
            *arrived = length;
        }
        self.input(Input::EvidenceArrived { attempt: attempt.clone(), length });
    }

    /// Does what the last order to end a stage says.
    pub(crate) fn obeys(&mut self, machine: &str) {
        let agent = self.agents.get_mut(&self.machine(machine)).unwrap();
        let (attempt, cause, reason) = agent.ended.take().expect("nothing to end");
        let mut finished = report(cause.outcome(), None, 0);
        finished.reason = reason;
        self.report(&attempt, StageReport::Finished(Box::new(finished)));
    }

    /// The last order never arrived.
    pub(crate) fn loses_order(&mut self, machine: &str) {
        let agent = self.agents.get_mut(&self.machine(machine)).unwrap();
        let order = agent.order.take().expect("nothing ordered");
        agent.known.remove(&order.attempt);
        agent.executed.remove(&order.attempt);
    }

    /// All machines that have something to do pass it.
    pub(crate) fn all_pass(&mut self) {
        for machine in self.busy() {
            self.passes(&machine);
        }
    }

    /// Everything passes until a stage begins whose title ends like this, on its last machine's order.
    pub(crate) fn pass_until(&mut self, title: &str) {
        for _ in 0..100 {
            let at =
                self.core.runs().iter().any(|run| trace::title(run).is_some_and(|now| now.ends_with(title)));
            if at {
                self.skip();
                return;
            }
            self.all_pass();
        }
        panic!("no stage {title}");
    }

    /// Time passes, with ticks when they are due and at no other time: the core must say when it is to be woken.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let until = self.now.after(Duration::from_secs(seconds));
        while let Some(due) = self.core.next_wakeup().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.input(Input::Tick);
            let next = self.core.next_wakeup();
            assert!(next.is_none_or(|next| next > self.now), "the core does not come to rest");
        }
        self.now = until;
    }

    /// A hypervisor with plenty of room makes the run's clusters, and all slaves connect.
    pub(crate) fn up(&mut self, plan: &RunPlan) {
        self.hypervisor("hv1", ability(100, false));
        self.submit("r1", plan);
        for (index, cluster) in plan.clusters.iter().enumerate() {
            self.made(&format!("r1.{index}"));
            for host in &cluster.hosts {
                self.connect(&host.name);
            }
        }
        self.skip();
    }

    // ---- what is expected ----

    /// Forgets the trace so far.
    pub(crate) fn skip(&mut self) {
        self.trace.clear();
    }

    /// The events and effects since the last look, one per line.
    pub(crate) fn expect(&mut self, expected: &str) {
        let trace = std::mem::take(&mut self.trace);
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !self.restarting {
            assert_eq!(trace, expected, "\n--- traced:\n{}\n", trace.join("\n"));
        }
    }

    /// The verdict of a finished run with its reason: `failed: …`.
    pub(crate) fn verdict(&self, run: &str, expected: &str) {
        let run = RunId::from(run);
        let found = self.journal.iter().find_map(|event| match &event.body {
            EventBody::RunFinished { run: finished, verdict, reason } if *finished == run => {
                Some(trace::verdict(*verdict, reason))
            }
            _ => None,
        });
        assert_eq!(found.as_deref(), Some(expected));
    }

    /// All results and case verdicts of the journal, one per line.
    pub(crate) fn results(&self, expected: &str) {
        let found: Vec<String> = self.journal.iter().filter_map(trace::result).collect();
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(found, expected, "\n--- recorded:\n{}\n", found.join("\n"));
    }

    pub(crate) fn is_restarting(&self) -> bool {
        self.restarting
    }

    fn check(&self) {
        let numbers: Vec<u64> = self.journal.iter().map(|event| event.number).collect();
        let gapless: Vec<u64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, gapless);
        let restored = Orchestrator::restore(Config::default(), self.journal.clone());
        assert!(restored.same_state(&self.core));
    }

    // ---- names ----

    /// The machine of this name in the newest instance that has it, or with the instance given: `r1.0/a`.
    pub(crate) fn machine(&self, name: &str) -> MachineId {
        if let Ok(id) = name.parse() {
            return id;
        }
        let mut named = self.agents.keys().filter(|machine| machine.host == name);
        named.next_back().cloned().expect("no such machine")
    }

    /// What a machine was ordered last.
    pub(crate) fn attempt(&self, machine: &str) -> AttemptId {
        let agent = &self.agents[&self.machine(machine)];
        agent.order.as_ref().expect("nothing ordered").attempt.clone()
    }

    pub(crate) fn order(&self, machine: &str) -> StageOrder {
        self.agents[&self.machine(machine)].order.clone().expect("nothing ordered")
    }

    /// All machines without contact.
    pub(crate) fn away(&self) -> Vec<String> {
        let away = self.agents.iter().filter(|(_, agent)| !agent.connected);
        away.map(|(machine, _)| machine.to_string()).collect()
    }

    /// All machines in contact for which a barrier waits.
    fn busy(&self) -> Vec<String> {
        let runs = self.core.runs();
        let waited: Vec<String> = runs
            .iter()
            .flat_map(|run| run.waits_for().map(|machine| machine.machine.to_string()).collect::<Vec<_>>())
            .collect();
        waited.into_iter().filter(|name| self.agents[&self.machine(name)].connected).collect()
    }
}
