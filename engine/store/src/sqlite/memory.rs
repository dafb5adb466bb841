//! What the writer knows without asking: the runs that are not over, and the instances of which something may be left.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xrdtest_model::chronicle::{Chronicle, Subject, SubjectKind, Transition};
use xrdtest_model::event::InstanceState;
use xrdtest_model::{Event, EventBody, InstanceId, MachineId, RunId, RunPlan};

/// The last step of each suite and machine that is at work. Steps are not kept in the file: the events of their run tell
/// them. By one transaction they may be ahead of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<Mutex<BTreeMap<Subject, Transition>>>);

impl Steps {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Subject, Transition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of subjects of a kind.
    pub(super) fn of(&self, kind: SubjectKind) -> Vec<Transition> {
        self.lock().values().filter(|step| step.subject.kind == kind).cloned().collect()
    }
}

/// The writer's memory. It is the same after all live events as after all events.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The number of the last event.
    pub(super) last: u64,
    /// Tells states from events.
    pub(super) chronicle: Chronicle,
    /// Rows written since the last checkpoint.
    pub(super) rows: u64,
    /// For readers: see [`Steps`].
    pub(super) steps: Steps,
    plans: HashMap<RunId, Arc<RunPlan>>,
    /// The runs that are not over and whose first stage has begun.
    begun: HashSet<RunId>,
    /// With the run that their events are filed under: see [`filed_under`].
    instances: HashMap<InstanceId, (RunId, InstanceState)>,
}

impl Memory {
    /// Takes over events that are in the store already.
    pub(super) fn restore(events: &[Event]) -> Self {
        let mut memory = Self::default();
        for event in events {
            memory.tell(event);
            memory.learn(event);
        }
        memory
    }

    /// The states that an event leads to and that are to be kept. The others are steps.
    pub(super) fn tell(&mut self, event: &Event) -> Vec<Transition> {
        let mut kept = self.chronicle.apply(event);
        let mut latest = self.steps.lock();
        for step in kept.extract_if(.., |transition| transition.is_step) {
            match latest.get_mut(&step.subject) {
                Some(known) => *known = step,
                None => drop(latest.insert(step.subject.clone(), step)),
            }
        }
        drop(latest);
        kept
    }

    /// Takes over what an event says, apart from the chronicle.
    pub(super) fn learn(&mut self, event: &Event) {
        self.last = event.number;
        match &event.body {
            EventBody::RunQueued { run, plan, .. } => {
                self.plans.insert(run.clone(), Arc::new(plan.as_ref().clone()));
            }
            EventBody::RunPlaced { run, instances } => {
                let placed = instances
                    .iter()
                    .map(|placement| (placement.instance.clone(), (run.clone(), InstanceState::Starting)));
                self.instances.extend(placed);
            }
            EventBody::ClusterOrdered { instance, .. } => {
                let filed = (filed_under(instance), InstanceState::Starting);
                self.instances.insert(instance.clone(), filed);
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopped, .. } => {
                self.instances.remove(instance);
            }
            EventBody::InstanceChanged { instance, state, .. } => {
                if let Some((_, known)) = self.instances.get_mut(instance) {
                    *known = *state;
                }
            }
            EventBody::StageStarted { run, .. } => {
                if !self.begun.contains(run) {
                    self.begun.insert(run.clone());
                }
            }
            EventBody::RunFinished { run, .. } => {
                self.plans.remove(run);
                self.begun.remove(run);
            }
            _ => return,
        }
        if matches!(event.body, EventBody::RunFinished { .. } | EventBody::InstanceChanged { .. }) {
            // Of what is not live the end was told, which is kept.
            let is_live = |run: &RunId| self.is_live(run);
            self.steps.lock().retain(|_, step| step.run.as_ref().is_some_and(is_live));
        }
    }

    /// The plan of a run that is not over.
    pub(super) fn plan(&self, run: &RunId) -> Option<&Arc<RunPlan>> {
        self.plans.get(run)
    }

    /// Whether the first stage of a run that is not over has begun.
    pub(super) fn has_begun(&self, run: &RunId) -> bool {
        self.begun.contains(run)
    }

    /// Whether a run is not over, or has instances that are not stopped.
    pub(super) fn is_live(&self, run: &RunId) -> bool {
        self.plans.contains_key(run) || self.instances.values().any(|(of, _)| of == run)
    }

    /// The state of an instance that is not stopped.
    pub(super) fn state(&self, instance: &InstanceId) -> Option<InstanceState> {
        self.instances.get(instance).map(|(_, state)| *state)
    }

    /// The run that an event has to do with, asked before [`Self::learn`].
    pub(super) fn run_of(&self, body: &EventBody) -> Option<RunId> {
        let instance = |instance: &InstanceId| self.instances.get(instance).map(|(run, _)| run.clone());
        let machine = |machine: &MachineId| instance(&machine.instance);
        match body {
            EventBody::RunQueued { run, .. }
            | EventBody::RunWaiting { run, .. }
            | EventBody::RunPlaced { run, .. }
            | EventBody::StageStarted { run, .. }
            | EventBody::StageReported { run, .. }
            | EventBody::StageFinished { run, .. }
            | EventBody::CancelRequested { run, .. }
            | EventBody::RunTimedOut { run }
            | EventBody::CaseFinished { run, .. }
            | EventBody::RunFinished { run, .. } => Some(run.clone()),
            EventBody::ClusterOrdered { instance, .. } => Some(filed_under(instance)),
            EventBody::InstanceChanged { instance: of, .. }
            | EventBody::ImagesUsed { instance: of, .. }
            | EventBody::InstanceKept { instance: of, .. } => instance(of),
            EventBody::MachineConnected { machine: of, .. }
            | EventBody::MachineLate { machine: of }
            | EventBody::MachineAway { machine: of }
            | EventBody::MachineBack { machine: of }
            | EventBody::MachineLost { machine: of, .. }
            | EventBody::MachineRebooting { machine: of, .. } => machine(of),
            EventBody::AgentRevoked { agent, .. } => agent.machine().and_then(|of| machine(&of)),
            EventBody::AgentConnected { .. }
            | EventBody::AgentGone { .. }
            | EventBody::HoldBegan { .. }
            | EventBody::HoldEnded { .. } => None,
        }
    }
}

/// An instance that was started by hand has no run: its events are filed under its own id, as if it were one. It is in
/// no list of runs.
pub(super) fn filed_under(instance: &InstanceId) -> RunId {
    RunId::new(instance.as_str())
}
