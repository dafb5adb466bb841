//! What is known of the world without the journal: who is in contact, what was said on this connection. A restart
//! forgets it, and the agents say it again.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use xrdtest_model::{AgentName, AttemptId, HypervisorName, InstanceId, MachineId, Timestamp};

use crate::input::Ability;

/// Everything volatile. What is looked up for each of hundreds of machines is hashed, and never gone through in an order
/// that matters.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// The time of the last call.
    pub(crate) now: Timestamp,
    /// Since when the core has been watching without a break. Nobody is judged by time that it did not watch.
    pub(crate) awake: Timestamp,
    pub(crate) links: HashMap<MachineId, Link>,
    pub(crate) hypervisors: BTreeMap<HypervisorName, Hypervisor>,
    /// Those that have been in contact and did not say goodbye.
    pub(crate) agents: BTreeMap<AgentName, Seen>,
    /// When an attempt was ordered last.
    pub(crate) ordered: HashMap<AttemptId, Timestamp>,
    /// Output of open attempts.
    pub(crate) arrived: HashMap<AttemptId, Arrived>,
}

/// Whether an agent that has a name of its own is in contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    In,
    Out { since: Timestamp },
}

/// What is known of a slave agent.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) contact: Contact,
    pub(crate) boot_id: String,
    /// The open attempts that the agent has, or will have when it has read what is on its way. Of the
    /// last connection only: whoever connects says what it has.
    pub(crate) has: BTreeMap<AttemptId, Has>,
    /// How often the agent denied an attempt on this connection after it was ordered on it.
    pub(crate) denied: BTreeMap<AttemptId, u32>,
}

/// Whether a slave is in contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    In {
        since: Timestamp,
    },
    Out {
        last: Timestamp,
        /// It said goodbye and will be back.
        orderly: bool,
    },
}

/// An attempt on its way to or at an agent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Has {
    /// The order to end it is on its way as well.
    pub(crate) ended: bool,
}

/// Durable output of an attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) length: u64,
    /// When the length grew last.
    pub(crate) at: Timestamp,
}

/// What is known of a hypervisor agent.
#[derive(Clone, Debug)]
pub(crate) struct Hypervisor {
    pub(crate) connected: bool,
    /// It said goodbye.
    pub(crate) orderly: bool,
    pub(crate) ability: Ability,
    /// Instances that it has although no live run owns them and the journal does not know them; being stopped.
    pub(crate) strays: BTreeSet<InstanceId>,
}

impl Link {
    /// Who was just heard of.
    pub(crate) fn new(boot_id: String, now: Timestamp) -> Self {
        Self { contact: Contact::In { since: now }, boot_id, has: BTreeMap::new(), denied: BTreeMap::new() }
    }

    /// An agent that denies what it was just given twice would do so for ever; the stage's limit deals with it.
    pub(crate) fn may_order(&self, attempt: &AttemptId) -> bool {
        self.denied.get(attempt).is_none_or(|times| *times < 2)
    }

    pub(crate) fn is_in(&self) -> bool {
        matches!(self.contact, Contact::In { .. })
    }
}

impl World {
    /// The slave, where it is in contact.
    pub(crate) fn link_in(&self, machine: &MachineId) -> Option<&Link> {
        self.links.get(machine).filter(|link| link.is_in())
    }

    pub(crate) fn is_in(&self, machine: &MachineId) -> bool {
        self.link_in(machine).is_some()
    }

    pub(crate) fn is_physical_in(&self, host: &str) -> bool {
        self.agents.get(&AgentName::Slave(host.to_owned())) == Some(&Seen::In)
    }

    pub(crate) fn is_connected(&self, hypervisor: &HypervisorName) -> bool {
        self.hypervisors.get(hypervisor).is_some_and(|known| known.connected)
    }

    pub(crate) fn arrived(&self, attempt: &AttemptId) -> Arrived {
        self.arrived.get(attempt).copied().unwrap_or_default()
    }
}
