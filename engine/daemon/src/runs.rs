//! What the data plane must know about runs: filled from the journal's events, read by uploads and requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use xrdtest_model::event::{InstanceState, Placement};
use xrdtest_model::{
    AttemptId, ClusterPlan, Event, EventBody, HypervisorName, InstanceId, MachineId, RunId, RunPlan,
};
use xrdtest_protocol::run_authority::MachineNames;

#[derive(Debug, Default)]
pub(crate) struct Runs {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    plans: HashMap<RunId, Arc<RunPlan>>,
    instances: BTreeMap<InstanceId, Instance>,
    /// Runs that are over while something of them is left.
    over: BTreeSet<RunId>,
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
            self.over.remove(run);
        }
    }

    /// An instance that `hypervisor` has.
    fn instance_on(&self, hypervisor: &HypervisorName, instance: &InstanceId) -> Option<&Instance> {
        self.instances.get(instance).filter(|known| known.hypervisor == *hypervisor)
    }
}

/// Why a machine gets nothing that is for running runs only.
const NOT_RUNNING: &str =
    "the run is over, or the cluster is another agent's; only machines of a run that goes on get this";

/// A machine of a run that has not ended.
#[derive(Debug)]
pub(crate) struct MachineAtWork {
    pub(crate) run: RunId,
    pub(crate) plan: Arc<RunPlan>,
    pub(crate) names: MachineNames,
}

/// The names by which others reach a host of a cluster.
fn names(cluster: &ClusterPlan, host: &str) -> Option<MachineNames> {
    let host = cluster.hosts.iter().find(|known| known.name == host)?;
    let in_network = cluster.names().into_iter().filter(|(address, _)| *address == host.ip);
    let mut hosts = vec![host.name.clone()];
    hosts.extend(in_network.flat_map(|(_, names)| names));
    let mut seen = BTreeSet::new();
    hosts.retain(|name| seen.insert(name.clone()));
    Some(MachineNames { hosts, addresses: vec![host.ip.into()] })
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
            EventBody::RunFinished { run, .. } => {
                inner.over.insert(run.clone());
                inner.forget_plan(run);
            }
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

    /// The run that a machine of `hypervisor` works for just now, or why there is none.
    pub(crate) fn machine_at_work(
        &self,
        hypervisor: &HypervisorName,
        instance: &InstanceId,
        host: &str,
    ) -> Result<MachineAtWork, &'static str> {
        let inner = self.read();
        let known = inner.instance_on(hypervisor, instance);
        let Owner::Run { run, cluster } = &known.ok_or(NOT_RUNNING)?.owner else {
            return Err(
                "this cluster was started by hand: only machines of a run have an authority, start a run",
            );
        };
        let plan = inner.plans.get(run).filter(|_| !inner.over.contains(run)).ok_or(NOT_RUNNING)?;
        let cluster = plan.clusters.iter().find(|known| known.name == *cluster).ok_or(NOT_RUNNING)?;
        let names = names(cluster, host).ok_or("there is no such machine in the run's cluster")?;
        Ok(MachineAtWork { run: run.clone(), plan: plan.clone(), names })
    }

    /// Whether a run has not ended.
    pub(crate) fn is_going_on(&self, run: &RunId) -> bool {
        let inner = self.read();
        inner.plans.contains_key(run) && !inner.over.contains(run)
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
    fn only_machines_of_runs_that_go_on_are_at_work() {
        let runs = runs();
        let ask = |hypervisor: &str, instance: &str, host: &str| {
            runs.machine_at_work(&hypervisor.into(), &instance.into(), host)
        };
        let found = ask("h1", "i1", "ds1.xrd.test").unwrap();
        assert!(runs.is_going_on(&found.run));
        assert_eq!(found.names.hosts[..2], ["ds1.xrd.test", "ds1"]);
        for (hypervisor, instance, host, why) in [
            ("h2", "i1", "ds1.xrd.test", "another agent's"),
            ("h1", "i3", "ds1.xrd.test", "the run is over"),
            ("h1", "i1", "ds9.xrd.test", "no such machine"),
            ("h2", "i2", "ds1.xrd.test", "started by hand"),
        ] {
            let refusal = ask(hypervisor, instance, host).unwrap_err();
            assert!(refusal.contains(why), "{hypervisor} {instance} {host}: {refusal}");
        }
        // Its instance is kept, or not stopped yet: files can still be had, and nothing else.
        let over = json!({"event": "run_finished", "run": found.run, "verdict": "failed", "reason": ""});
        apply(&runs, over);
        assert!(ask("h1", "i1", "ds1.xrd.test").unwrap_err().contains("the run is over"));
        assert!(!runs.is_going_on(&found.run));
        assert!(runs.repository_of(&"h1".into(), &"i1".into()).is_some());
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
