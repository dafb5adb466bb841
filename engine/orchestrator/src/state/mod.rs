//! What the journal says. It changes by [`State::apply`] and by nothing else, so that a restart finds the same state.

mod instance;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::event::{InstanceState, Placement};
use xrdtest_model::{
    AgentName, Event, EventBody, Held, Hold, HypervisorName, InstanceId, MachineId, RunId, Timestamp, Verdict,
};

pub(crate) use instance::{Instance, Machine, Owner, Presence};
pub(crate) use run::{Attempt, Barrier, Boot, Brief, Cancel, CaseEnd, Run};

/// Everything durable: the runs that are not over, and the instances of which something may be left.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// The number of the last event.
    pub(crate) last_number: u64,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    /// The agents with names of their own that are in contact as far as that is recorded.
    pub(crate) agents: BTreeMap<AgentName, AgentNote>,
    /// What people hold.
    pub(crate) holds: BTreeMap<Held, Hold>,
}

/// What is recorded of an agent in contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentNote {
    pub(crate) software: String,
    pub(crate) detail: String,
}

impl State {
    /// Takes over what happened. An event that fits nothing here (its run is over, a journal without the runs that
    /// are over) changes nothing.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.last_number = self.last_number.max(event.number);
        match &event.body {
            EventBody::RunQueued { run, plan, trigger } => {
                let queued =
                    Run::new(run.clone(), event.number, event.at, Arc::new(plan.as_ref().clone()), trigger);
                self.runs.insert(run.clone(), queued);
            }
            EventBody::RunPlaced { run, instances } => self.place(run, instances, event.at),
            EventBody::RunFinished { run, verdict, .. } => self.finish_run(run, *verdict),
            EventBody::InstanceChanged { instance, state, detail, .. } => {
                self.change_instance(instance, *state, detail);
            }
            EventBody::MachineConnected { machine, boot_id } => {
                self.change_machine(machine, |known| known.boot_id = Some(boot_id.clone()));
                self.change_machine(machine, Machine::set_here);
                if let Some(boot) = self.last_attempt(machine).and_then(|attempt| attempt.boot.as_mut()) {
                    boot.done = true;
                }
            }
            EventBody::MachineLate { machine } => self.set_presence(machine, Presence::Late),
            EventBody::MachineAway { machine } => self.set_presence(machine, Presence::Away),
            EventBody::MachineBack { machine } => self.change_machine(machine, Machine::set_here),
            EventBody::MachineLost { machine, reason } => {
                self.change_machine(machine, |known| known.lost = Some(reason.clone()));
            }
            EventBody::MachineRebooting { machine, within_ms } => {
                let boot = Boot { announced: event.at, within_ms: *within_ms, done: false };
                if let Some(attempt) = self.last_attempt(machine) {
                    attempt.boot.get_or_insert(boot);
                }
            }
            EventBody::AgentConnected { agent, software, detail } => {
                let note = AgentNote { software: software.clone(), detail: detail.clone() };
                self.agents.insert(agent.clone(), note);
            }
            EventBody::AgentGone { agent, .. } | EventBody::AgentRevoked { agent, .. } => {
                self.agents.remove(agent);
            }
            EventBody::HoldBegan { on, by, reason } => {
                let hold = Hold { by: by.clone(), reason: reason.clone(), since: event.at };
                self.holds.insert(on.clone(), hold);
            }
            EventBody::HoldEnded { on, .. } => {
                self.holds.remove(on);
            }
            EventBody::ImagesUsed { .. } => {}
            EventBody::ClusterOrdered { instance, plan, hypervisor, by, start_ms, until, .. } => {
                let owner = Owner::Hand { by: by.clone(), start_ms: *start_ms, until: *until };
                let ordered = Instance::new(owner, event.at, hypervisor.clone(), Arc::clone(plan));
                self.instances.insert(instance.clone(), ordered);
            }
            EventBody::InstanceKept { instance, until } => self.keep(instance, *until),
            EventBody::RunWaiting { run, .. }
            | EventBody::StageStarted { run, .. }
            | EventBody::StageReported { run, .. }
            | EventBody::StageFinished { run, .. }
            | EventBody::CancelRequested { run, .. }
            | EventBody::RunTimedOut { run }
            | EventBody::CaseFinished { run, .. } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.apply(event.at, &event.body);
                }
            }
        }
    }

    fn place(&mut self, run: &RunId, placements: &[Placement], at: Timestamp) {
        let Some(run) = self.runs.get_mut(run) else {
            return;
        };
        run.placed = Some(at);
        for (cluster, placement) in run.plan.clusters.iter().zip(placements) {
            for host in &cluster.hosts {
                let machine = MachineId::new(placement.instance.clone(), host.name.clone());
                run.machines.insert(host.name.clone(), machine);
            }
            run.instances.push(placement.instance.clone());
            let owner = Owner::Run { run: run.id.clone(), keep: false };
            let instance = Instance::new(owner, at, placement.hypervisor.clone(), Arc::clone(cluster));
            self.instances.insert(placement.instance.clone(), instance);
        }
    }

    /// What becomes of its instances is decided with this, and recorded by events of their own, which may not have
    /// become durable.
    fn finish_run(&mut self, id: &RunId, verdict: Verdict) {
        let Some(run) = self.runs.remove(id) else {
            return;
        };
        for instance in &run.instances {
            if let Some(instance) = self.instances.get_mut(instance) {
                let keep = run.is_left_as_it_is(verdict) && instance.is_made();
                instance.owner = Owner::Run { run: id.clone(), keep };
            }
        }
    }

    fn keep(&mut self, id: &InstanceId, until: Timestamp) {
        if let Some(instance) = self.instances.get_mut(id)
            && let Some(run) = instance.run().cloned()
        {
            instance.owner = Owner::Kept { run, until };
        }
    }

    fn change_instance(&mut self, id: &InstanceId, state: InstanceState, detail: &str) {
        if state == InstanceState::Stopped {
            self.instances.remove(id);
        } else if let Some(instance) = self.instances.get_mut(id) {
            instance.state = state;
            if state == InstanceState::Failed {
                instance.broken = Some(detail.to_owned());
            }
        }
    }

    fn set_presence(&mut self, machine: &MachineId, presence: Presence) {
        self.change_machine(machine, |known| known.presence = presence);
    }

    fn change_machine(&mut self, id: &MachineId, change: impl FnOnce(&mut Machine)) {
        let instance = self.instances.get_mut(&id.instance);
        if let Some(machine) = instance.and_then(|instance| instance.machines.get_mut(&id.host)) {
            change(machine);
        }
    }

    /// The machine's part in the stage that was begun last.
    fn last_attempt(&mut self, machine: &MachineId) -> Option<&mut Attempt> {
        let run = self.instances.get(&machine.instance)?.run()?;
        self.runs.get_mut(run)?.barrier.as_mut()?.attempts.get_mut(&machine.host)
    }

    /// Who holds a hypervisor.
    pub(crate) fn hold_of(&self, hypervisor: &HypervisorName) -> Option<&Hold> {
        self.holds.get(&Held::Hypervisor(hypervisor.clone()))
    }

    /// The machine, where its instance is known.
    pub(crate) fn machine(&self, id: &MachineId) -> Option<&Machine> {
        self.instances.get(&id.instance)?.machines.get(&id.host)
    }

    /// The live run that an instance was made for.
    pub(crate) fn run_of(&self, instance: &InstanceId) -> Option<&Run> {
        self.runs.get(self.instances.get(instance)?.run()?)
    }

    /// Whether an instance belongs to no run and nobody has told it to stop.
    pub(crate) fn stands(&self, instance: &InstanceId) -> bool {
        let instance = self.instances.get(instance);
        instance.is_some_and(|known| known.until().is_some() && known.state != InstanceState::Stopping)
    }

    /// The instances of a run, in the order of its clusters.
    pub(crate) fn instances_of<'a>(
        &'a self,
        run: &'a Run,
    ) -> impl Iterator<Item = (&'a InstanceId, &'a Instance)> {
        run.instances.iter().filter_map(|id| self.instances.get_key_value(id))
    }

    /// The machines of a run that are given up, with the reasons, whether they run scripts or not.
    pub(crate) fn lost_machines<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.instances_of(run)
            .flat_map(|(_, instance)| &instance.machines)
            .filter_map(|(host, machine)| Some((host.as_str(), machine.lost.as_deref()?)))
    }

    /// Whether a machine of a run can take part in a stage.
    pub(crate) fn takes_part(&self, machine: &MachineId) -> bool {
        self.machine(machine).is_some_and(|known| known.lost.is_none())
    }
}
