//! What the data plane must know about runs: filled from the journal's events, read by uploads and requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use xrdtest_model::event::InstanceState;
use xrdtest_model::{AttemptId, Event, EventBody, InstanceId, MachineId, RunId, RunPlan};

#[derive(Debug, Default)]
pub(crate) struct Runs {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    plans: HashMap<RunId, Arc<RunPlan>>,
    instances: BTreeMap<InstanceId, RunId>,
    /// Repositories of instances that were started by hand.
    by_hand: BTreeMap<InstanceId, String>,
}

impl Inner {
    fn holds(&self, instance: &InstanceId) -> bool {
        self.instances.contains_key(instance) || self.by_hand.contains_key(instance)
    }
}

impl Runs {
    pub(crate) fn apply(&self, event: &Event) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        match &event.body {
            EventBody::RunQueued { run, plan, .. } => {
                inner.plans.insert(run.clone(), Arc::new((**plan).clone()));
            }
            EventBody::RunPlaced { run, instances } => {
                for placement in instances {
                    inner.instances.insert(placement.instance.clone(), run.clone());
                }
            }
            EventBody::ClusterOrdered { instance, repository, .. } => {
                inner.by_hand.insert(instance.clone(), repository.clone());
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopped, .. } => {
                inner.by_hand.remove(instance);
                if let Some(run) = inner.instances.remove(instance)
                    && !inner.instances.values().any(|other| *other == run)
                {
                    inner.plans.remove(&run);
                }
            }
            EventBody::RunFinished { run, .. } if !inner.instances.values().any(|other| other == run) => {
                inner.plans.remove(run);
            }
            _ => {}
        }
    }

    /// Whether anything of an instance may be left.
    pub(crate) fn knows(&self, instance: &InstanceId) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).holds(instance)
    }

    /// The root of the repository that an instance was made from.
    pub(crate) fn repository_of(&self, instance: &InstanceId) -> Option<String> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let of_run = || Some(inner.plans.get(inner.instances.get(instance)?)?.repository.clone());
        inner.by_hand.get(instance).cloned().or_else(of_run)
    }

    /// The roots that machines may still ask for files of.
    pub(crate) fn repositories(&self) -> BTreeSet<String> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let of_runs = inner.plans.values().map(|plan| &plan.repository);
        of_runs.chain(inner.by_hand.values()).cloned().collect()
    }

    /// The run that owns an instance, with its plan.
    pub(crate) fn of_instance(&self, instance: &InstanceId) -> Option<(RunId, Arc<RunPlan>)> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let run = inner.instances.get(instance)?;
        Some((run.clone(), inner.plans.get(run)?.clone()))
    }

    /// The plan for an attempt that `machine` may speak about.
    pub(crate) fn of_attempt(&self, machine: &MachineId, attempt: &AttemptId) -> Option<Arc<RunPlan>> {
        let own = if machine.is_physical() {
            attempt.machine.host == machine.host && self.is_external(&attempt.machine)
        } else {
            attempt.machine == *machine
        };
        let (run, plan) = self.of_instance(&attempt.machine.instance)?;
        (own && attempt.run == run).then_some(plan)
    }

    /// The run's plan, while something of it is alive.
    pub(crate) fn plan(&self, run: &RunId) -> Option<Arc<RunPlan>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).plans.get(run).cloned()
    }

    /// Whether a machine is of an instance of physical machines.
    fn is_external(&self, machine: &MachineId) -> bool {
        let Some((_, plan)) = self.of_instance(&machine.instance) else { return false };
        let mut external = plan.clusters.iter().filter(|cluster| cluster.external);
        external.any(|cluster| cluster.hosts.iter().any(|host| host.name == machine.host))
    }
}
