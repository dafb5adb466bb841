//! The queries: a look at the present state, which changes nothing.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{InstanceId, MachineId, RunId};

use crate::placement::free_room;
use crate::query::{
    HypervisorStatus, InstanceStatus, MachineStatus, OpenAttempt, Progress, RunPhase, RunStatus, WaitingRun,
};
use crate::state::{Attempt, Barrier, Presence, Run};
use crate::{Orchestrator, rules::View};

impl Orchestrator {
    /// The runs that are not over, oldest first.
    pub fn runs(&self) -> Vec<RunStatus> {
        let mut runs: Vec<&Run> = self.state.runs.values().collect();
        runs.sort_by_key(|run| run.number);
        runs.into_iter().map(|run| self.view().status(run)).collect()
    }

    /// A run that is not over.
    pub fn run(&self, id: &RunId) -> Option<RunStatus> {
        self.state.runs.get(id).map(|run| self.view().status(run))
    }

    /// The ids of the runs that are not over, oldest first.
    pub fn run_ids(&self) -> Vec<RunId> {
        let mut runs: Vec<&Run> = self.state.runs.values().collect();
        runs.sort_by_key(|run| run.number);
        runs.into_iter().map(|run| run.id.clone()).collect()
    }

    /// The runs that have no place yet, in the order in which they are tried.
    pub fn queue(&self) -> Vec<WaitingRun> {
        let runs = self.view().waiting();
        let runs = runs.into_iter().map(|run| WaitingRun {
            run: run.id.clone(),
            suite: run.plan.suite.clone(),
            trigger: run.trigger.clone(),
            queued: run.queued,
            reason: run.waiting.clone().unwrap_or_default(),
        });
        runs.collect()
    }

    /// How many runs have no place yet.
    pub fn waiting(&self) -> usize {
        self.state.runs.values().filter(|run| run.placed.is_none()).count()
    }

    /// The attempts without a final result, of all runs.
    pub fn open_attempts(&self) -> Vec<OpenAttempt> {
        let barriers = self.state.runs.values().filter_map(Run::open_barrier);
        let open = barriers.flat_map(Barrier::open).map(|attempt| OpenAttempt {
            attempt: attempt.id.clone(),
            reported: attempt.report.as_ref().map(|(_, result)| result.clone()),
        });
        open.collect()
    }

    /// The machine as which a physical machine is in use, by its host name.
    pub fn physical(&self, host: &str) -> Option<MachineId> {
        let instances = self.state.instances.iter();
        let (id, _) = instances
            .filter(|(_, instance)| instance.cluster.external)
            .find(|(_, instance)| instance.machines.contains_key(host))?;
        Some(MachineId::new(id.clone(), host))
    }

    /// All instances of which something may be left.
    pub fn instances(&self) -> Vec<InstanceStatus> {
        let instances = self.state.instances.iter();
        instances
            .map(|(id, instance)| InstanceStatus {
                instance: id.clone(),
                cluster: instance.cluster.name.clone(),
                hypervisor: instance.hypervisor.clone(),
                owner: instance.owner.told(),
                state: instance.state,
                since: instance.since,
                until: instance.until(),
                hosts: instance.cluster.hosts.iter().map(|host| host.name.clone()).collect(),
            })
            .collect()
    }

    /// All hypervisor agents that have been in contact since the core was made.
    pub fn hypervisors(&self) -> Vec<HypervisorStatus> {
        let hypervisors = self.world.hypervisors.iter();
        hypervisors
            .map(|(name, known)| HypervisorStatus {
                name: name.clone(),
                connected: known.connected,
                orderly: known.orderly,
                provider: known.ability.provider.clone(),
                room: known.ability.room,
                free: free_room(name, known.ability.room, &self.state),
                labels: known.ability.labels.iter().cloned().collect(),
                instances: self.instances_on(name),
            })
            .collect()
    }

    fn instances_on(&self, name: &xrdtest_model::HypervisorName) -> Vec<InstanceId> {
        let instances = self.state.instances.iter();
        instances.filter(|(_, instance)| instance.hypervisor == *name).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a slave is in contact.
    pub fn is_in_contact(&self, machine: &MachineId) -> bool {
        self.world.is_in(machine)
    }

    /// The number of the last event that was decided; 0 where there is none.
    pub fn last_event(&self) -> u64 {
        self.state.last_number
    }

    /// No run is alive and nothing is left of any instance.
    pub fn is_idle(&self) -> bool {
        self.state.runs.is_empty() && self.state.instances.is_empty()
    }

    /// Whether two cores have the same durable state, so that what a journal rebuilds can be held against what wrote
    /// it.
    pub fn same_state(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl View<'_> {
    fn status(self, run: &Run) -> RunStatus {
        RunStatus {
            run: run.id.clone(),
            suite: run.plan.suite.clone(),
            trigger: run.trigger.clone(),
            queued: run.queued,
            began: run.began,
            phase: self.phase(run),
            stages: stages(run),
            ending: self.stop(run).map(|stop| stop.words().to_owned()),
            cases: run.cases.iter().map(|case| case.verdict).collect(),
        }
    }

    fn phase(self, run: &Run) -> RunPhase {
        if run.placed.is_none() {
            return RunPhase::Waiting { reason: run.waiting.clone().unwrap_or_default() };
        }
        let Some(barrier) = &run.barrier else {
            return self.starting(run);
        };
        let hosts = run.plan.machines_of(barrier.stage).iter();
        let machines = hosts.filter_map(|host| {
            let attempt = barrier.attempts.get(host)?;
            Some(self.machine_status(run, barrier, attempt))
        });
        RunPhase::InStage {
            stage: barrier.stage,
            title: run.plan.stage_title(barrier.stage),
            since: barrier.started,
            machines: machines.collect(),
        }
    }

    fn starting(self, run: &Run) -> RunPhase {
        let incomplete =
            self.state.instances_of(run).filter(|(_, instance)| instance.state != InstanceState::Active);
        RunPhase::Starting {
            instances: incomplete.map(|(id, _)| id.clone()).collect(),
            missing: self.missing(run).cloned().collect(),
        }
    }

    fn machine_status(self, run: &Run, barrier: &Barrier, attempt: &Attempt) -> MachineStatus {
        let result = run.results.get(&barrier.stage);
        let result = result.and_then(|of_stage| of_stage.get(&attempt.id.machine.host));
        let progress = match (result, &attempt.report) {
            (Some(brief), _) => Progress::Done(brief.outcome),
            (None, Some((_, report))) => Progress::Reported(report.outcome),
            (None, None) => Progress::Running,
        };
        let presence = self.state.machine(&attempt.id.machine).map(|known| known.presence);
        MachineStatus {
            machine: attempt.id.machine.clone(),
            progress,
            late: presence == Some(Presence::Late),
            away: presence == Some(Presence::Away),
            rebooting: attempt.awaited_boot().is_some(),
        }
    }
}

/// How many stages with scripts are before the one that goes on, and how many there are.
fn stages(run: &Run) -> (u32, u32) {
    let of_plan = run.plan.stages().filter(|stage| run.plan.script(*stage).is_some());
    let (mut done, mut all, mut before) = (0, 0, run.barrier.is_some());
    for stage in of_plan {
        before = before && run.barrier.as_ref().is_some_and(|barrier| barrier.stage != stage);
        done += u32::from(before);
        all += 1;
    }
    (done, all)
}
