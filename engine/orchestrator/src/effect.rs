//! What the core wants done.

use std::sync::Arc;

use xrdtest_model::{
    AttemptId, ClusterPlan, EndCause, Event, HypervisorName, InstanceId, MachineId, StageOrder,
};

/// One thing to do. Effects are carried out in order; those for one machine or hypervisor travel on one ordered
/// channel. All but [`Effect::Persist`] are idempotent for who receives them, and those whose receiver is out of
/// contact are dropped: the core repeats what is still wanted when the receiver connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A fence: nothing behind it, of this call or a later one, leaves before these events are durable.
    Persist(Vec<Event>),
    /// Make an instance. An agent that has it already, or is making it, answers with its state.
    StartInstance {
        /// Who makes it.
        hypervisor: HypervisorName,
        /// Its id.
        instance: InstanceId,
        /// What to make.
        cluster: Arc<ClusterPlan>,
    },
    /// A cluster that somebody wants to start by hand has no place now: nothing is made, and it is not waited for.
    ClusterRefused {
        /// The instance that there will not be.
        instance: InstanceId,
        /// Why, in words.
        reason: String,
    },
    /// Take an instance away, or what there is of it. Answered by `Stopped`, also for an unknown one.
    StopInstance {
        /// Who has it.
        hypervisor: HypervisorName,
        /// Its id.
        instance: InstanceId,
    },
    /// Carry out a stage on a machine.
    Order {
        /// The machine.
        machine: MachineId,
        /// What to do.
        order: Box<StageOrder>,
    },
    /// End a stage on a machine: the script and all that it started in this stage. A stage that is over already
    /// keeps its outcome. Answered by `Finished`, or `Unknown` where the attempt was never accepted.
    EndStage {
        /// The machine.
        machine: MachineId,
        /// The attempt.
        attempt: AttemptId,
        /// The outcome that it is to have.
        cause: EndCause,
        /// Why, in words.
        reason: String,
    },
    /// The result of an attempt is final and durable, or nobody wants it: the machine may drop its record.
    Forget {
        /// The machine.
        machine: MachineId,
        /// The attempt.
        attempt: AttemptId,
    },
}
