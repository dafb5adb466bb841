//! The deciding core: (now, input) to ordered effects, without I/O.

mod config;
mod effect;
mod input;
mod query;

use xrdtest_model::{Event, RunId, Timestamp};

pub use config::Config;
pub use effect::Effect;
pub use input::{Ability, Input, InstanceReport};
pub use query::{HypervisorStatus, InstanceStatus, MachineStatus, Progress, RunPhase, RunStatus};

/// Owns runs, instances, agents and placement, and decides everything about them.
#[derive(Clone, Debug)]
pub struct Orchestrator {}

impl Orchestrator {
    /// A core that has nothing to do yet.
    pub fn new(_config: Config) -> Self {
        Self {}
    }

    /// The core as the journal left it, nobody in contact. Call [`Self::resume`] next.
    pub fn restore(config: Config, _journal: impl IntoIterator<Item = Event>) -> Self {
        Self::new(config)
    }

    /// Goes on after [`Self::restore`]. Agents are not judged before they had time to come back.
    pub fn resume(&mut self, _now: Timestamp) -> Vec<Effect> {
        Vec::new()
    }

    /// Takes one input and decides what follows.
    pub fn handle(&mut self, _now: Timestamp, _input: Input) -> Vec<Effect> {
        Vec::new()
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        None
    }

    /// The runs that are not over, oldest first.
    pub fn runs(&self) -> Vec<RunStatus> {
        Vec::new()
    }

    /// A run that is not over.
    pub fn run(&self, _id: &RunId) -> Option<RunStatus> {
        None
    }

    /// All instances of which something may be left.
    pub fn instances(&self) -> Vec<InstanceStatus> {
        Vec::new()
    }

    /// All hypervisor agents that have been in contact.
    pub fn hypervisors(&self) -> Vec<HypervisorStatus> {
        Vec::new()
    }

    /// No run is alive and nothing is left of any instance.
    pub fn is_idle(&self) -> bool {
        true
    }
}
