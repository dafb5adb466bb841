//! The deciding core: `(now, input)` in, ordered effects out. No I/O, no clock, no threads, no chance.
//!
//! ```text
//!            Input                      facts                    events
//!   world ──────────▶ inputs::* ───────────────▶ rules::* ─────────────────▶ State::apply
//!                        │ (World: volatile)     placement      record()        │ (State: durable)
//!                        ▼                                          ▼           ▼
//!                   answers to agents                       Effect::Persist   dispatch: orders that are due
//! ```
//!
//! - **State is what the journal says.** It changes by `State::apply(&Event)` and by nothing else;
//!   [`Orchestrator::restore`] applies the same events again. What is only true of a connection is in `World`, and the
//!   agents say it again after a restart.
//! - **Rules look at what is so, not at what came in.** After every input they are asked what follows, until nothing
//!   follows any more. So an input that is late, doubled or missing is a difference in time, never in kind, and a
//!   journal that ends anywhere is a state to go on from.
//! - **Effects behind a [`Effect::Persist`] wait for it.** All events of one call are one `Persist` in front of
//!   everything else, so the outcomes of one stage and the orders of the next are durable together.
//! - **At most once.** An attempt is ordered only to an agent that has said, on this connection and under the boot id of
//!   the order, that it has no record of it.

mod config;
mod dispatch;
mod effect;
mod input;
mod inputs;
mod placement;
mod query;
mod rules;
mod scope;
mod state;
mod status;
mod verdict;
mod words;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xrdtest_model::{Event, EventBody, InstanceId, RunId, Timestamp};

pub use config::Config;
pub use effect::Effect;
pub use input::{Ability, ClusterOrder, Input, InstanceReport};
pub use placement::{Survey, ToldHypervisor, ToldInstance, survey, told_cluster};
pub use query::{
    HypervisorStatus, InstanceStatus, MachineStatus, OpenAttempt, Progress, RunPhase, RunStatus, WaitingRun,
};

use rules::View;
use scope::{Scope, Touched};
use state::State;
use world::{Contact, Seen, World};

/// Owns runs, instances, agents and placement, and decides everything about them.
#[derive(Clone, Debug, Default)]
pub struct Orchestrator {
    config: Config,
    state: State,
    world: World,
    /// Events of the present call.
    events: Vec<Event>,
    /// Effects of the present call, to follow its events.
    effects: Vec<Effect>,
    /// Runs about which there is news.
    touched: Touched,
    /// The same of instances that belong to no run.
    touched_instances: BTreeSet<InstanceId>,
    /// Clusters that are to be started by hand, once it is known what waiting runs leave.
    orders: VecDeque<ClusterOrder>,
    /// There may be a place for a waiting run, or another reason why there is none.
    placement_due: bool,
    /// An agent with a name of its own came or went.
    agents_due: bool,
    /// When the absence of such an agent is to be recorded.
    agents_wakeup: Option<Timestamp>,
    /// When what is due about a run, never later than that.
    wakeups: BTreeMap<RunId, Timestamp>,
    /// The same of instances that belong to no run.
    instance_wakeups: BTreeMap<InstanceId, Timestamp>,
    wakeup: Option<Timestamp>,
}

impl Orchestrator {
    /// A core that has nothing to do yet.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// The core as the journal left it, nobody in contact. Call [`Self::resume`] next.
    ///
    /// Events must come in the order of their numbers. Those of runs that are over, of instances of which nothing is left
    /// and of agents that are gone may be missing, but not the journal's last event: it gives the next number. The journal may end anywhere,
    /// also between the events of one [`Effect::Persist`].
    pub fn restore(config: Config, journal: impl IntoIterator<Item = Event>) -> Self {
        let mut core = Self::new(config);
        for event in journal {
            core.state.apply(&event);
        }
        core
    }

    /// Goes on after [`Self::restore`]. What was on its way to agents is sent again when they connect, and they are not
    /// judged before they had time to do so.
    pub fn resume(&mut self, now: Timestamp) -> Vec<Effect> {
        self.resume_with(now, [])
    }

    /// The same, with what the engine knows by itself, without any agent: physical machines can be used
    /// ([`Input::HypervisorConnected`] of [`xrdtest_model::ids::EXTERNAL`]), and how much evidence of
    /// [`Self::open_attempts`] is in its files ([`Input::EvidenceArrived`]). Nothing is decided before all of it is taken
    /// in, so that no stage is recorded as incomplete whose files are complete.
    pub fn resume_with(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
        self.world.now = now;
        self.world.awake = now;
        for input in inputs {
            self.take(input);
        }
        for event in self.view().orphans() {
            self.record(event);
        }
        self.touch_all();
        self.settle();
        self.flush()
    }

    /// Takes one input and decides what follows. `now` is the engine's clock, made from a steady one while the process
    /// lives: the core can't tell a clock that jumps from a process that was stopped.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        self.handle_all(now, [input])
    }

    /// The same for all inputs that have come in by now, in their order: one decision, and one [`Effect::Persist`] for
    /// all of them. With hundreds of machines in a stage this is what keeps a barrier short.
    pub fn handle_all(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
        self.notice_stall(now);
        self.world.now = now;
        for input in inputs {
            self.take(input);
        }
        self.settle();
        self.flush()
    }

    /// When [`Input::Tick`] is due at the latest, if nothing else comes in before. After that tick it is later than the
    /// tick's `now`.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.wakeup
    }

    /// A process that was stopped, or a machine that slept, has not watched its agents: they get the time to come back
    /// as after a restart.
    fn notice_stall(&mut self, now: Timestamp) {
        let late_after = self.config.late_after;
        if self.wakeup.is_none_or(|due| now <= due.after(late_after)) {
            return;
        }
        self.world.awake = now;
        self.world.ordered.clear();
        let earliest = earlier(now, late_after);
        for seen in self.world.agents.values_mut() {
            if let Seen::Out { since } = seen {
                *since = now;
            }
        }
        for link in self.world.links.values_mut() {
            if let Contact::Out { last, .. } = &mut link.contact {
                *last = (*last).max(earliest);
            }
        }
    }

    fn view(&self) -> View<'_> {
        View { config: &self.config, state: &self.state, world: &self.world, now: self.world.now }
    }

    /// The only way in which durable state changes while the core lives.
    fn record(&mut self, body: EventBody) {
        let event = Event { number: self.state.last_number + 1, at: self.world.now, body };
        self.effects_of(&event.body);
        self.state.apply(&event);
        self.events.push(event);
    }

    fn touch_all(&mut self) {
        for run in self.state.runs.keys() {
            self.touched.run(run);
        }
        self.touched_instances.extend(self.state.instances.keys().cloned());
        self.placement_due = true;
        self.agents_due = true;
    }

    /// Asks the rules until nothing follows any more.
    fn settle(&mut self) {
        if std::mem::take(&mut self.agents_due) {
            self.note_absent_agents();
        }
        loop {
            while let Some((run, scope)) = self.touched.next() {
                self.settle_run(&run, scope);
            }
            while let Some(instance) = self.touched_instances.pop_first() {
                self.settle_instance(&instance);
            }
            if std::mem::take(&mut self.placement_due) {
                self.place_runs();
                continue;
            }
            match self.orders.pop_front() {
                Some(order) => self.place_order(order),
                None => return,
            }
        }
    }

    /// One that belongs to a run is its run's business.
    fn settle_instance(&mut self, id: &InstanceId) {
        while self.state.stands(id) {
            let events = self.view().decide_standing(id);
            if events.is_empty() {
                break;
            }
            for event in events {
                self.record(event);
            }
        }
        match self.view().standing_wakeup(id) {
            Some(due) => self.instance_wakeups.insert(id.clone(), due),
            None => self.instance_wakeups.remove(id),
        };
    }

    fn settle_run(&mut self, id: &RunId, mut scope: Scope) {
        while let Some(run) = self.state.runs.get(id) {
            let events = self.view().decide(run, &scope);
            if events.is_empty() {
                break;
            }
            if events.iter().any(Scope::concerns_all) {
                scope = Scope::All;
            }
            for event in events {
                self.record(event);
            }
        }
        self.dispatch(id, &scope);
        self.reckon(id, &scope);
    }

    /// When to look at a run again. What was known of the machines outside of the scope still holds; to look too early
    /// does no harm.
    fn reckon(&mut self, id: &RunId, scope: &Scope) {
        let run = self.state.runs.get(id);
        let due = run.and_then(|run| self.view().wakeup(run, scope));
        let known = self.wakeups.remove(id).filter(|_| run.is_some() && *scope != Scope::All);
        if let Some(due) = due.into_iter().chain(known).min() {
            self.wakeups.insert(id.clone(), due);
        }
    }

    /// What this call leads to: its events first, everything else behind them.
    fn flush(&mut self) -> Vec<Effect> {
        let known = self.wakeups.values().chain(self.instance_wakeups.values()).copied();
        self.wakeup = known.chain(self.view().placement_wakeup()).chain(self.agents_wakeup).min();
        let events = std::mem::take(&mut self.events);
        let mut effects = std::mem::take(&mut self.effects);
        if !events.is_empty() {
            effects.insert(0, Effect::Persist(events));
        }
        effects
    }
}

/// A time so much earlier.
fn earlier(time: Timestamp, duration: std::time::Duration) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_sub(xrdtest_model::time::millis(duration)))
}
