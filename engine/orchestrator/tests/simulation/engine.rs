//! The engine around the core: its journal, its connections, and its deaths.

use std::collections::BTreeMap;
use std::time::Duration;

use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::{AttemptId, Event, EventBody, RunId, Timestamp};
use xrdtest_orchestrator::{Config, Effect, Input, Orchestrator};

use crate::external;
use crate::world::{Happening, Peer, World};

/// In milliseconds; longer than anything that the core waits for.
const A_DAY: u64 = 24 * 60 * 60 * 1000;

/// What is kept goes before those who wait for its place give up.
pub(crate) fn config() -> Config {
    Config { kept_for: Duration::from_secs(120), ..Config::default() }
}

pub(crate) struct Engine {
    core: Option<Orchestrator>,
    /// What is durable.
    pub(crate) journal: Vec<Event>,
    links: BTreeMap<Peer, u64>,
    /// When the last message of a connection arrives: at the engine, at the peer.
    arrivals: BTreeMap<u64, (u64, u64)>,
    life: u32,
    tick_at: Option<u64>,
    stalled_until: u64,
    /// What has come in and is not dealt with.
    inbox: Vec<Input>,
    /// What is in its files, by attempt.
    disk: BTreeMap<AttemptId, u64>,
    /// How often it was killed.
    pub(crate) deaths: u32,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            core: None,
            journal: Vec::new(),
            links: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            life: 0,
            tick_at: None,
            stalled_until: 0,
            inbox: Vec::new(),
            disk: BTreeMap::new(),
            deaths: 0,
        }
    }

    pub(crate) fn life(&self) -> u32 {
        self.life
    }

    pub(crate) fn is_up(&self) -> bool {
        self.core.is_some()
    }

    pub(crate) fn core(&self) -> &Orchestrator {
        self.core.as_ref().expect("the engine is down")
    }

    pub(crate) fn believes(&self, peer: &Peer, link: u64) -> bool {
        self.links.get(peer) == Some(&link)
    }

    pub(crate) fn link(&self, peer: &Peer) -> Option<u64> {
        self.links.get(peer).copied()
    }

    pub(crate) fn set_link(&mut self, peer: Peer, link: u64) {
        self.links.insert(peer, link);
    }

    pub(crate) fn forget_link(&mut self, peer: &Peer) {
        self.links.remove(peer);
    }

    pub(crate) fn last_to_engine(&self, link: u64) -> u64 {
        self.arrivals.get(&link).map_or(0, |times| times.0)
    }

    pub(crate) fn set_last_to_engine(&mut self, link: u64, at: u64) {
        self.arrivals.entry(link).or_default().0 = at;
    }

    pub(crate) fn last_to_peer(&self, link: u64) -> u64 {
        self.arrivals.get(&link).map_or(0, |times| times.1)
    }

    pub(crate) fn set_last_to_peer(&mut self, link: u64, at: u64) {
        self.arrivals.entry(link).or_default().1 = at;
    }

    /// A stopped process hears everything later.
    pub(crate) fn stalled(&self, now: u64, happening: &Happening) -> Option<u64> {
        let concerned = matches!(
            happening,
            Happening::ToEngine { .. }
                | Happening::Hello { .. }
                | Happening::EngineNotices { .. }
                | Happening::Tick { .. }
                | Happening::Inbox { .. }
                | Happening::Submit { .. }
                | Happening::Cancel { .. }
                | Happening::Hold { .. }
                | Happening::Order { .. }
                | Happening::External { .. }
        );
        (concerned && now < self.stalled_until).then(|| self.stalled_until - now)
    }
}

impl World {
    /// Something comes in; perhaps more comes in before it is dealt with.
    pub(crate) fn input(&mut self, input: Input) {
        if !self.engine.is_up() {
            return;
        }
        self.say(|| format!("< {input:?}"));
        self.note_evidence(&input);
        let tick = input == Input::Tick;
        self.engine.inbox.push(input);
        if !tick && self.rng.chance(self.chaos.batched) {
            let delay = self.rng.below(100);
            let life = self.engine.life;
            return self.after(delay, Happening::Inbox { life });
        }
        self.empty_inbox(tick);
    }

    /// Evidence is in the engine's files before the core hears of it, and perhaps the agent hears that it is.
    fn note_evidence(&mut self, input: &Input) {
        let Input::EvidenceArrived { attempt, length } = input else {
            return;
        };
        let on_disk = self.engine.disk.entry(attempt.clone()).or_default();
        *on_disk = (*on_disk).max(*length);
        let heard = self.rng.chance(700);
        let agent = self.agents.get_mut(&attempt.machine);
        if let Some(record) = agent.and_then(|agent| agent.records.get_mut(attempt)) {
            record.acknowledged |= heard && *length == record.output;
        }
    }

    pub(crate) fn inbox(&mut self, life: u32) {
        if life == self.engine.life && !self.engine.inbox.is_empty() {
            self.empty_inbox(false);
        }
    }

    fn empty_inbox(&mut self, tick: bool) {
        let time = self.time();
        let inputs = std::mem::take(&mut self.engine.inbox);
        let Some(core) = &mut self.engine.core else {
            return;
        };
        let effects = core.handle_all(time, inputs);
        let next = core.next_wakeup();
        assert!(!tick || next.is_none_or(|next| next > time), "the core does not come to rest");

        self.check_rest();
        self.perform(effects);
    }

    /// What came in concerned some machines only: a look at everything finds nothing that was overlooked, neither now
    /// nor until the core wants to be woken.
    fn check_rest(&mut self) {
        let time = self.time();
        let due = self.engine.core().next_wakeup();
        if due.is_none_or(|due| due > time) && self.rng.chance(40) {
            let last = due.map_or(time.as_millis() + A_DAY, |due| due.as_millis() - 1);
            for at in [time, Timestamp::from_millis(last)] {
                let effects = self.engine.core().clone().handle(at, Input::Tick);
                assert!(effects.is_empty(), "overlooked at {time:?}, due by {at:?}: {effects:#?}");
            }
        }
    }

    pub(crate) fn tick(&mut self, life: u32) {
        if life != self.engine.life {
            return;
        }
        self.engine.tick_at = None;
        let due = self.engine.core.as_ref().and_then(Orchestrator::next_wakeup);
        if due.is_some_and(|due| due <= self.time()) {
            self.input(Input::Tick);
        } else {
            self.schedule_tick();
        }
    }

    fn schedule_tick(&mut self) {
        let due = self.engine.core.as_ref().and_then(Orchestrator::next_wakeup);
        let Some(due) = due.map(|due| due.as_millis().max(self.now)) else {
            return;
        };
        if self.engine.tick_at.is_none_or(|scheduled| scheduled > due) {
            self.engine.tick_at = Some(due);
            let late = self.rng.below(20);
            let life = self.engine.life;
            self.after(due - self.now + late, Happening::Tick { life });
        }
    }

    /// Carries out effects in order, unless the engine is killed before one of them.
    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if self.chaos.kills > 0 && self.rng.chance(self.chaos.kill) {
                self.chaos.kills -= 1;
                return self.die_before(effect);
            }
            self.carry_out(effect);
        }
        if self.rng.chance(7) {
            self.compare_with_journal();
        }
        self.schedule_tick();
    }

    fn carry_out(&mut self, effect: Effect) {
        self.say(|| format!("> {}", shown(&effect)));
        match &effect {
            Effect::Persist(events) => self.engine.journal.extend(events.iter().cloned()),
            Effect::ClusterRefused { instance, reason } => self.refused(instance, reason),
            Effect::StartInstance { hypervisor, .. } | Effect::StopInstance { hypervisor, .. }
                if hypervisor.as_str() == EXTERNAL =>
            {
                self.external_hears(effect);
            }
            Effect::StartInstance { hypervisor, .. } | Effect::StopInstance { hypervisor, .. } => {
                let peer = Peer::Hypervisor(hypervisor.clone());
                self.send_to_peer(&peer, effect);
            }
            Effect::Order { machine, .. }
            | Effect::EndStage { machine, .. }
            | Effect::Forget { machine, .. } => {
                let peer = Peer::Machine(machine.clone());
                self.send_to_peer(&peer, effect);
            }
        }
    }

    /// What was being written may be there, in part or not at all.
    fn die_before(&mut self, effect: Effect) {
        if let Effect::Persist(events) = effect {
            let kept = match self.rng.below(3) {
                0 => 0,
                1 => self.rng.index(events.len()),
                _ => events.len(),
            };
            self.engine.journal.extend(events.into_iter().take(kept));
        }
        self.kill_engine();
    }

    pub(crate) fn kill_engine(&mut self) {
        if self.engine.core.take().is_none() {
            return;
        }
        self.say(|| "the engine is killed".to_owned());
        self.break_all();
        self.engine.links.clear();
        self.engine.inbox.clear();
        self.engine.life += 1;
        self.engine.tick_at = None;
        self.engine.stalled_until = 0;
        self.engine.deaths += 1;
        let down = self.rng.span(500, self.chaos.down);
        self.after(down, Happening::EngineStarts);
    }

    pub(crate) fn start_engine(&mut self) {
        if self.engine.is_up() {
            return;
        }
        let mut core = Orchestrator::restore(config(), self.engine.journal.clone());
        // Its own files say what agents do not say again.
        let open = core.open_attempts().into_iter().map(|open| open.attempt);
        let on_disk = open.filter_map(|attempt| {
            let length = *self.engine.disk.get(&attempt)?;
            Some(Input::EvidenceArrived { attempt, length })
        });
        let known: Vec<Input> = std::iter::once(external::hello()).chain(on_disk).collect();
        let effects = core.resume_with(self.time(), known);
        self.engine.core = Some(core);
        self.say(|| "the engine starts".to_owned());
        self.perform(effects);
    }

    pub(crate) fn stall_engine(&mut self) {
        let until = self.now + self.rng.below(60_000);
        self.engine.stalled_until = until;
        self.say(|| format!("the engine stalls until {until}"));
        if self.rng.chance(500) {
            self.break_all();
        }
    }

    /// Repeated until it is in the journal, as a client does that gets no answer.
    pub(crate) fn submit(&mut self, run: RunId) {
        let queued =
            |event: &Event| matches!(&event.body, EventBody::RunQueued { run: known, .. } if *known == run);
        if self.engine.journal.iter().any(queued) {
            return;
        }
        let plan = Box::new(self.plans[&run].clone());
        self.submitted.entry(run.clone()).or_insert(self.now);
        self.after(1500, Happening::Submit { run: run.clone() });
        let input = Input::Submit { run, plan, trigger: "chance".to_owned() };
        if self.rng.chance(self.chaos.doubled) {
            self.input(input.clone());
        }
        self.input(input);
    }

    pub(crate) fn cancel(&mut self, run: RunId, force: bool) {
        self.input(Input::Cancel { run, by: "somebody".to_owned(), reason: "chance".to_owned(), force });
    }
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Persist(events) => {
            let lines = events.iter().map(|event| match &event.body {
                EventBody::RunQueued { run, .. } => format!("#{} RunQueued {run}", event.number),
                body => format!("#{} {body:?}", event.number),
            });
            lines.collect::<Vec<_>>().join("\n            ")
        }
        Effect::Order { order, .. } => format!("Order {}", order.attempt),
        Effect::StartInstance { instance, .. } => format!("StartInstance {instance}"),
        other => format!("{other:?}"),
    }
}
