//! What the data plane must know about runs: filled from the journal's events, read by uploads and requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use xrdtest_model::event::{InstanceState, Placement};
use xrdtest_model::{AttemptId, Event, EventBody, HypervisorName, InstanceId, MachineId, RunId, RunPlan};

#[derive(Debug, Default)]
pub(crate) struct Runs {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    plans: HashMap<RunId, Arc<RunPlan>>,
    instances: BTreeMap<InstanceId, Instance>,
}

/// An instance of which anything may be left.
#[derive(Debug)]
struct Instance {
    /// Who has it, and may speak for its machines.
    hypervisor: HypervisorName,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    Run {
        run: RunId,
        cluster: String,
    },
    /// Somebody started it by hand.
    Person {
        repository: String,
    },
}

impl Instance {
    fn run(&self) -> Option<&RunId> {
        match &self.owner {
            Owner::Run { run, .. } => Some(run),
            Owner::Person { .. } => None,
        }
    }
}

impl Inner {
    /// Forgets the plan of a run that has no instance any more.
    fn forget_plan(&mut self, run: &RunId) {
        if !self.instances.values().any(|instance| instance.run() == Some(run)) {
            self.plans.remove(run);
        }
    }

    /// An instance that `hypervisor` has.
    fn instance_on(&self, hypervisor: &HypervisorName, instance: &InstanceId) -> Option<&Instance> {
        self.instances.get(instance).filter(|known| known.hypervisor == *hypervisor)
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
                for Placement { instance, cluster, hypervisor } in instances {
                    let owner = Owner::Run { run: run.clone(), cluster: cluster.clone() };
                    let hypervisor = hypervisor.clone();
                    inner.instances.insert(instance.clone(), Instance { hypervisor, owner });
                }
            }
            EventBody::ClusterOrdered { instance, repository, hypervisor, .. } => {
                let owner = Owner::Person { repository: repository.clone() };
                let hypervisor = hypervisor.clone();
                inner.instances.insert(instance.clone(), Instance { hypervisor, owner });
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopped, .. } => {
                if let Some(stopped) = inner.instances.remove(instance)
                    && let Some(run) = stopped.run()
                {
                    inner.forget_plan(run);
                }
            }
            EventBody::RunFinished { run, .. } => inner.forget_plan(run),
            _ => {}
        }
    }

    /// Whether anything of an instance may be left.
    pub(crate) fn knows(&self, instance: &InstanceId) -> bool {
        self.read().instances.contains_key(instance)
    }

    /// The root of the repository that an instance of `hypervisor` was made from.
    pub(crate) fn repository_of(&self, hypervisor: &HypervisorName, instance: &InstanceId) -> Option<String> {
        let inner = self.read();
        match &inner.instance_on(hypervisor, instance)?.owner {
            Owner::Run { run, .. } => Some(inner.plans.get(run)?.repository.clone()),
            Owner::Person { repository } => Some(repository.clone()),
        }
    }

    /// The run whose machine `host` is in an instance of `hypervisor`.
    pub(crate) fn run_of_host(
        &self,
        hypervisor: &HypervisorName,
        instance: &InstanceId,
        host: &str,
    ) -> Option<RunId> {
        let inner = self.read();
        let Owner::Run { run, cluster } = &inner.instance_on(hypervisor, instance)?.owner else {
            return None;
        };
        let mut clusters = inner.plans.get(run)?.clusters.iter();
        let cluster = clusters.find(|known| known.name == *cluster)?;
        cluster.hosts.iter().any(|known| known.name == host).then(|| run.clone())
    }

    /// The roots that machines may still ask for files of.
    pub(crate) fn repositories(&self) -> BTreeSet<String> {
        let inner = self.read();
        let of_runs = inner.plans.values().map(|plan| &plan.repository);
        let by_hand = inner.instances.values().filter_map(|instance| match &instance.owner {
            Owner::Person { repository } => Some(repository),
            Owner::Run { .. } => None,
        });
        of_runs.chain(by_hand).cloned().collect()
    }

    /// The run that owns an instance, with its plan.
    fn of_instance(&self, instance: &InstanceId) -> Option<(RunId, Arc<RunPlan>)> {
        let inner = self.read();
        let run = inner.instances.get(instance)?.run()?;
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
        self.read().plans.get(run).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a machine is of an instance of physical machines.
    fn is_external(&self, machine: &MachineId) -> bool {
        let Some((_, plan)) = self.of_instance(&machine.instance) else { return false };
        let mut external = plan.clusters.iter().filter(|cluster| cluster.external);
        external.any(|cluster| cluster.hosts.iter().any(|host| host.name == machine.host))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use xrdtest_model::Timestamp;

    use super::*;

    /// A run of the golden journal, with the machine `ds1.xrd.test` of `cluster_001_mm`, and a cluster by hand.
    fn runs() -> Runs {
        let runs = Runs::default();
        let golden = include_str!("../../model/tests/golden/events-1.jsonl");
        let queued: Event = serde_json::from_str(golden.lines().next().unwrap()).unwrap();
        let EventBody::RunQueued { run, plan, .. } = &queued.body else { unreachable!("the first event") };
        let place = json!([{"instance": "i1", "cluster": "cluster_001_mm", "hypervisor": "h1"}]);
        runs.apply(&queued);
        apply(&runs, json!({"event": "run_placed", "run": run, "instances": place}));
        let by_hand = json!({"event": "cluster_ordered", "instance": "i2", "plan": plan.clusters[0],
            "repository": "/by/hand", "hypervisor": "h2", "by": "x", "start_ms": 1, "until": 1});
        apply(&runs, by_hand);
        runs
    }

    fn apply(runs: &Runs, body: serde_json::Value) {
        let body = serde_json::from_value(body).unwrap();
        runs.apply(&Event { number: 1, at: Timestamp::from_millis(1), body });
    }

    #[test]
    fn an_agent_speaks_only_for_the_instances_that_it_has() {
        let runs = runs();
        for (hypervisor, instance, repository, of_run) in [
            ("h1", "i1", true, true),
            ("h2", "i1", false, false),
            ("h2", "i2", true, false),
            ("h1", "i2", false, false),
            ("h1", "i3", false, false),
        ] {
            let (name, instance) = (HypervisorName::from(hypervisor), InstanceId::from(instance));
            assert_eq!(runs.repository_of(&name, &instance).is_some(), repository, "{hypervisor} {instance}");
            let run = runs.run_of_host(&name, &instance, "ds1.xrd.test");
            assert_eq!(run.is_some(), of_run, "{hypervisor} {instance}");
            assert_eq!(runs.run_of_host(&name, &instance, "other.xrd.test"), None);
        }
    }

    #[test]
    fn what_has_stopped_is_forgotten() {
        let runs = runs();
        let repository = runs.read().plans.values().next().unwrap().repository.clone();
        assert_eq!(runs.repositories(), BTreeSet::from([repository, "/by/hand".to_owned()]));
        for instance in ["i1", "i2"] {
            assert!(runs.knows(&instance.into()));
            let stopped = json!({"event": "instance_changed", "instance": instance, "state": "stopped",
                "detail": ""});
            apply(&runs, stopped);
            assert!(!runs.knows(&instance.into()));
        }
        assert!(runs.read().plans.is_empty());
        assert!(runs.repositories().is_empty());
    }
}
