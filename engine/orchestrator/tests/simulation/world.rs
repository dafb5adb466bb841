//! The world: what happens when, and who is connected how.

use std::collections::{BTreeMap, BTreeSet};

use xrdtest_model::{
    AttemptId, Held, HypervisorName, InstanceId, MachineId, Outcome, RunId, RunPlan, Timestamp,
};
use xrdtest_orchestrator::{ClusterOrder, Effect, Input, InstanceReport};

use crate::agent::Agent;
use crate::engine::Engine;
use crate::faults::Fault;
use crate::hypervisor::Hypervisor;
use crate::rng::Rng;
use crate::setup;

/// Who talks to the engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Machine(MachineId),
    Hypervisor(HypervisorName),
}

/// What is to happen.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A message reaches the engine, if it still believes in the connection.
    ToEngine {
        peer: Peer,
        link: u64,
        input: Input,
    },
    /// The first message of a connection reaches the engine.
    Hello {
        peer: Peer,
        link: u64,
        input: Input,
    },
    /// A message reaches an agent, if it still believes in the connection.
    ToPeer {
        peer: Peer,
        link: u64,
        effect: Effect,
    },
    /// The engine notices that a connection is broken.
    EngineNotices {
        peer: Peer,
        link: u64,
        orderly: bool,
        last: u64,
    },
    /// An agent notices that its connection is broken, or tries to get one.
    PeerNotices {
        peer: Peer,
        link: u64,
    },
    PeerConnects {
        peer: Peer,
    },
    Tick {
        life: u32,
    },
    Inbox {
        life: u32,
    },
    EngineStarts,
    Submit {
        run: RunId,
    },
    /// Somebody starts a cluster by hand.
    Order {
        instance: InstanceId,
    },
    Cancel {
        run: RunId,
        force: bool,
    },
    Hold {
        on: Held,
        held: bool,
    },
    ScriptEnds {
        attempt: AttemptId,
        outcome: Outcome,
        boot: u32,
    },
    Report {
        attempt: AttemptId,
    },
    Output {
        attempt: AttemptId,
    },
    Instance {
        hypervisor: HypervisorName,
        instance: InstanceId,
        report: InstanceReport,
    },
    MachineUp {
        machine: MachineId,
    },
    /// A script announces a boot.
    Announces {
        attempt: AttemptId,
        boot: u32,
    },
    /// It happens.
    AnnouncedBoot {
        attempt: AttemptId,
        boot: u32,
    },
    /// The engine speaks for physical machines.
    External {
        life: u32,
        instance: InstanceId,
        report: InstanceReport,
    },
    InstanceRemoved {
        hypervisor: HypervisorName,
        instance: InstanceId,
    },
    Fault(Fault),
}

pub(crate) struct World {
    pub(crate) talk: bool,
    pub(crate) now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    pub(crate) rng: Rng,
    pub(crate) chaos: setup::Chaos,
    pub(crate) plans: BTreeMap<RunId, RunPlan>,
    pub(crate) engine: Engine,
    pub(crate) hypervisors: BTreeMap<HypervisorName, Hypervisor>,
    pub(crate) agents: BTreeMap<MachineId, Agent>,
    next_link: u64,
    /// Connections on which nothing more is sent.
    broken: BTreeSet<u64>,
    /// Attempts whose script was started, with how it ended once it did: the truth, which survives everything.
    pub(crate) truth: BTreeMap<AttemptId, Option<(Outcome, Option<i32>)>>,
    pub(crate) submitted: BTreeMap<RunId, u64>,
    /// Physical machines in use, by instance.
    pub(crate) external: BTreeMap<InstanceId, Vec<String>>,
    /// How many boots were announced.
    pub(crate) announcements: u64,
    /// How many results came from such boots.
    pub(crate) booted: u64,
    /// Clusters that somebody starts by hand, and those of them that were refused.
    pub(crate) orders: BTreeMap<InstanceId, ClusterOrder>,
    pub(crate) refused: BTreeSet<InstanceId>,
    pub(crate) told_to_stop: BTreeSet<InstanceId>,
    pub(crate) told_to_start: BTreeSet<InstanceId>,
    /// Instances that did not survive a restart of their hypervisor.
    pub(crate) vanished: BTreeSet<InstanceId>,
}

/// Virtual time begins here, in milliseconds.
pub(crate) const BEGIN: u64 = 1_000_000_000;

impl World {
    pub(crate) fn new(seed: u64, talk: bool) -> Self {
        let mut world = Self {
            talk,
            now: BEGIN,
            sequence: 0,
            queue: BTreeMap::new(),
            rng: Rng::new(seed),
            chaos: setup::Chaos::default(),
            plans: BTreeMap::new(),
            engine: Engine::new(),
            hypervisors: BTreeMap::new(),
            agents: BTreeMap::new(),
            next_link: 0,
            broken: BTreeSet::new(),
            truth: BTreeMap::new(),
            submitted: BTreeMap::new(),
            external: BTreeMap::new(),
            announcements: 0,
            booted: 0,
            orders: BTreeMap::new(),
            refused: BTreeSet::new(),
            told_to_stop: BTreeSet::new(),
            told_to_start: BTreeSet::new(),
            vanished: BTreeSet::new(),
        };
        setup::set_up(&mut world);
        world
    }

    /// Runs until nothing happens any more, and checks what is left.
    pub(crate) fn run(mut self) -> Self {
        let mut steps = 0;
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            self.now = self.now.max(at);
            self.happen(happening);
            steps += 1;
            assert!(steps < 100_000, "the world does not come to rest");
        }
        self.check_end();
        self
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.talk {
            eprintln!("{:>9} {}", self.now - BEGIN, what());
        }
    }

    pub(crate) fn after(&mut self, delay: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), happening);
    }

    fn happen(&mut self, happening: Happening) {
        if let Some(delay) = self.engine.stalled(self.now, &happening) {
            return self.after(delay, happening);
        }
        match happening {
            Happening::ToEngine { peer, link, input } => {
                if self.engine.believes(&peer, link) {
                    self.input(input);
                }
            }
            Happening::Hello { peer, link, input } => self.hello(peer, link, input),
            Happening::ToPeer { peer, link, effect } => self.reach_peer(&peer, link, effect),
            Happening::EngineNotices { peer, link, orderly, last } => {
                self.engine_notices(&peer, link, orderly, last);
            }
            Happening::PeerNotices { peer, link } => self.peer_notices(peer, link),
            Happening::PeerConnects { peer } => self.peer_connects(peer),
            Happening::Tick { life } => self.tick(life),
            Happening::Inbox { life } => self.inbox(life),
            Happening::EngineStarts => self.start_engine(),
            Happening::Submit { run } => self.submit(run),
            Happening::Order { instance } => self.order(instance),
            Happening::Cancel { run, force } => self.cancel(run, force),
            Happening::Hold { on, held } => self.hold(on, held),
            Happening::ScriptEnds { attempt, outcome, boot } => self.script_ends(&attempt, outcome, boot),
            Happening::Report { attempt } => self.tell_report(&attempt),
            Happening::Output { attempt } => self.tell_output(&attempt),
            Happening::Instance { hypervisor, instance, report } => {
                self.tell_instance(&hypervisor, &instance, report);
            }
            Happening::MachineUp { machine } => self.machine_up(&machine),
            Happening::Announces { attempt, boot } => self.announces(&attempt, boot),
            Happening::AnnouncedBoot { attempt, boot } => self.boots_as_announced(&attempt, boot),
            Happening::External { life, instance, report } => self.external_says(life, instance, report),
            Happening::InstanceRemoved { hypervisor, instance } => self.removed(&hypervisor, &instance),
            Happening::Fault(fault) => self.fault(fault),
        }
    }

    // ---- connections ----

    /// The connection that a peer believes in.
    fn link_of(&mut self, peer: &Peer) -> Option<&mut Option<u64>> {
        match peer {
            Peer::Machine(id) => self.agents.get_mut(id).map(|agent| &mut agent.link),
            Peer::Hypervisor(name) => self.hypervisors.get_mut(name).map(|known| &mut known.link),
        }
    }

    /// Messages of one connection arrive in the order in which they were sent.
    fn transit(&mut self, earliest: u64) -> u64 {
        let delay = self.rng.span(20, self.chaos.latency);
        (self.now + delay).max(earliest) - self.now
    }

    /// An agent says something; perhaps it arrives twice.
    pub(crate) fn send_to_engine(&mut self, peer: &Peer, input: Input) {
        let Some(link) = self.link_of(peer).and_then(|link| *link) else {
            return;
        };
        if self.broken.contains(&link) {
            return;
        }
        let delay = self.transit(self.engine.last_to_engine(link));
        self.engine.set_last_to_engine(link, self.now + delay);
        let message = |input: Input| Happening::ToEngine { peer: peer.clone(), link, input };
        if self.rng.chance(self.chaos.doubled) {
            let later = delay + self.rng.below(3000);
            self.after(later, message(input.clone()));
        }
        self.after(delay, message(input));
    }

    pub(crate) fn send_to_peer(&mut self, peer: &Peer, effect: Effect) {
        let Some(link) = self.engine.link(peer).filter(|link| !self.broken.contains(link)) else {
            return;
        };
        let delay = self.transit(self.engine.last_to_peer(link));
        self.engine.set_last_to_peer(link, self.now + delay);
        self.after(delay, Happening::ToPeer { peer: peer.clone(), link, effect });
    }

    fn reach_peer(&mut self, peer: &Peer, link: u64, effect: Effect) {
        if self.link_of(peer).is_some_and(|believed| *believed == Some(link)) {
            match peer {
                Peer::Machine(id) => self.agent_hears(id, effect),
                Peer::Hypervisor(name) => self.hypervisor_hears(name, effect),
            }
        }
    }

    /// A connection breaks: what is on its way may arrive until the receiver notices.
    pub(crate) fn break_link(&mut self, peer: &Peer, orderly: bool) {
        let Some(link) = self.link_of(peer).and_then(|link| *link) else {
            return;
        };
        if !self.broken.insert(link) {
            return;
        }
        self.say(|| format!("link {link} of {peer:?} breaks, orderly {orderly}"));
        let slow = if orderly { 50 } else { self.chaos.notice };
        let (there, here) = (self.rng.below(slow + 1), self.rng.below(slow + 1));
        self.after(there, Happening::PeerNotices { peer: peer.clone(), link });
        self.after(here, Happening::EngineNotices { peer: peer.clone(), link, orderly, last: self.now });
    }

    fn engine_notices(&mut self, peer: &Peer, link: u64, orderly: bool, last: u64) {
        if !self.engine.believes(peer, link) {
            return;
        }
        self.engine.forget_link(peer);
        let input = match peer.clone() {
            Peer::Machine(machine) => {
                Input::SlaveDisconnected { machine, orderly, last_contact: Timestamp::from_millis(last) }
            }
            Peer::Hypervisor(name) => Input::HypervisorDisconnected { name, orderly },
        };
        self.input(input);
    }

    fn peer_notices(&mut self, peer: Peer, link: u64) {
        let Some(believed) = self.link_of(&peer).filter(|believed| **believed == Some(link)) else {
            return;
        };
        *believed = None;
        let wait = self.rng.span(2000, self.chaos.away);
        self.after(wait, Happening::PeerConnects { peer });
    }

    fn peer_connects(&mut self, peer: Peer) {
        if self.link_of(&peer).is_none_or(|link| link.is_some()) || !self.is_able(&peer) {
            return;
        }
        if !self.engine.is_up() {
            let retry = 200 + self.rng.below(1500);
            return self.after(retry, Happening::PeerConnects { peer });
        }
        self.next_link += 1;
        let link = self.next_link;
        if let Some(believed) = self.link_of(&peer) {
            *believed = Some(link);
        }
        let input = match &peer {
            Peer::Machine(id) => self.greeting(id),
            Peer::Hypervisor(name) => self.introduction(name),
        };
        let delay = self.transit(0);
        self.engine.set_last_to_engine(link, self.now + delay);
        let hello = Happening::Hello { peer: peer.clone(), link, input };
        self.after(delay, hello);
        if let Peer::Machine(id) = &peer {
            self.offer_outputs(id);
        }
    }

    fn is_able(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Machine(id) => self.agents.get(id).is_some_and(|agent| agent.alive && !agent.hung),
            Peer::Hypervisor(_) => true,
        }
    }

    fn hello(&mut self, peer: Peer, link: u64, input: Input) {
        if !self.engine.is_up() {
            // The agent will notice that nobody answers.
            self.broken.insert(link);
            return self.after(1000, Happening::PeerNotices { peer, link });
        }
        if self.broken.contains(&link) || self.engine.link(&peer).is_some_and(|newer| newer > link) {
            return;
        }
        self.engine.set_link(peer, link);
        self.input(input);
    }

    pub(crate) fn break_all(&mut self) {
        let machines = self.agents.keys().cloned().map(Peer::Machine);
        let hypervisors = self.hypervisors.keys().cloned().map(Peer::Hypervisor);
        for peer in machines.chain(hypervisors).collect::<Vec<_>>() {
            self.break_link(&peer, false);
        }
    }
}
