//! How much of a run an input concerns. What a machine says concerns that machine and, at most, the end of a stage; so
//! with hundreds of machines in a stage each report costs the same as with a few.

use std::collections::{BTreeMap, BTreeSet};

use xrdtest_model::{EventBody, MachineId, RunId};

use crate::state::{Attempt, Barrier, Run};

/// The machines of a run about which there is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them, and the run itself.
    All,
    /// These, by the host's name.
    Hosts(BTreeSet<String>),
}

impl Scope {
    /// The machines concerned that run scripts.
    pub(crate) fn machines<'a>(&'a self, run: &'a Run) -> Box<dyn Iterator<Item = &'a MachineId> + 'a> {
        match self {
            Self::All => Box::new(run.awaited()),
            Self::Hosts(hosts) => Box::new(hosts.iter().filter_map(|host| run.awaited_on(host))),
        }
    }

    /// The attempts concerned that have no final result.
    pub(crate) fn open<'a>(&'a self, barrier: &'a Barrier) -> Box<dyn Iterator<Item = &'a Attempt> + 'a> {
        match self {
            Self::All => Box::new(barrier.open()),
            Self::Hosts(hosts) => {
                let concerned = hosts.iter().filter_map(|host| barrier.attempts.get(host));
                Box::new(concerned.filter(|attempt| !attempt.done))
            }
        }
    }

    /// Whether an event changes more than the machine that it is about.
    pub(crate) fn concerns_all(event: &EventBody) -> bool {
        !matches!(
            event,
            EventBody::StageReported { .. }
                | EventBody::StageFinished { .. }
                | EventBody::MachineConnected { .. }
                | EventBody::MachineLate { .. }
                | EventBody::MachineAway { .. }
                | EventBody::MachineBack { .. }
                | EventBody::MachineLost { .. }
                | EventBody::MachineRebooting { .. }
        )
    }
}

/// The runs about which there is news.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched(BTreeMap<RunId, Scope>);

impl Touched {
    /// Everything about a run may be different.
    pub(crate) fn run(&mut self, run: &RunId) {
        self.0.insert(run.clone(), Scope::All);
    }

    /// Something about one machine may be different.
    pub(crate) fn machine(&mut self, run: &RunId, host: &str) {
        let scope = self.0.entry(run.clone()).or_insert_with(|| Scope::Hosts(BTreeSet::new()));
        if let Scope::Hosts(hosts) = scope {
            hosts.insert(host.to_owned());
        }
    }

    pub(crate) fn next(&mut self) -> Option<(RunId, Scope)> {
        self.0.pop_first()
    }
}
