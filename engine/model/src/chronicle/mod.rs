//! The states of suites, clusters, hypervisors, slaves and jobs in the manual's words, told from the events.
//!
//! Source: manual chapter 9, the constants `S_*` of the classes Cluster, Job, Slave, TCPClient and TestSuite.

mod words;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::RunId;
use crate::time::Timestamp;

/// A state in the manual's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateWord {
    /// `S_ACTIVE`.
    pub constant: String,
    /// The manual's number.
    pub code: i32,
    /// `Cluster active.`
    pub text: String,
}

/// Whose state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its name: of a suite, a cluster, a hypervisor, a run; `INSTANCE/HOST` or a physical machine's host name.
    pub name: String,
}

/// What has states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A suite.
    Suite,
    /// A cluster definition.
    Cluster,
    /// A hypervisor agent.
    Hypervisor,
    /// A slave agent.
    Slave,
    /// A run (the manual's job).
    Job,
}

/// A state that was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Number of the event that says so.
    pub event: u64,
    /// When.
    pub at: Timestamp,
    /// Whose state.
    pub subject: Subject,
    /// The state.
    pub state: StateWord,
    /// What is known beside that, in words: a hypervisor's error, which machine, which case; else empty.
    pub detail: String,
    /// The run that it has to do with.
    pub run: Option<RunId>,
}

/// Tells states from events. It has to see the events of all live runs and instances from their beginning.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {}

impl Chronicle {
    /// The states that an event leads to.
    pub fn apply(&mut self, event: &Event) -> Vec<Transition> {
        let _ = event;
        Vec::new()
    }
}
