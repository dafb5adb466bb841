//! Commands as inputs of the core: who is connected is noted here, and who is not believed.

use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{error, warn};
use xrdtest_model::event::InstanceOwner;
use xrdtest_model::{AttemptId, HypervisorName, InstanceId, MachineId, StageReport};
use xrdtest_orchestrator::{Ability, Input, InstanceReport, RunPhase};
use xrdtest_protocol::Identity;
use xrdtest_protocol::message::{EngineToHypervisor, EngineToSlave, HypervisorToEngine};

use crate::clock;
use crate::command::{CancelHow, Command, HypervisorHello, NotCancelled, NotStopped, SlaveHello};
use crate::engine::{Answer, Engine};
use crate::handle::HypervisorNote;
use crate::registry::{Connected, Serial};

impl Engine {
    /// Takes note of a command, and adds what the core must know about it. `Stop` is none of its business.
    pub(crate) fn take(&mut self, command: Command, inputs: &mut Vec<Input>) {
        match command {
            Command::Submit { run, plan, trigger, queued } => {
                inputs.push(Input::Submit { run, plan, trigger });
                self.answers.extend(queued.map(|queued| Box::new(move || send(queued, ())) as _));
            }
            Command::Cancel { run, by, reason, how, noted } => {
                let possible = self.may_cancel(&run, how);
                if possible.is_ok() {
                    let force = how == CancelHow::Force;
                    inputs.push(Input::Cancel { run, by, reason, force });
                }
                self.answers.extend(noted.map(|noted| Box::new(move || send(noted, possible)) as _));
            }
            Command::StartCluster { order, placed } => {
                self.orders.insert(order.instance.clone(), placed);
                inputs.push(Input::StartCluster(order));
            }
            Command::StopCluster { instance, by, noted } => {
                let possible = self.may_stop(&instance);
                if possible.is_ok() {
                    inputs.push(Input::StopCluster { instance, by });
                }
                self.answers.push(Box::new(move || send(noted, possible)));
            }
            Command::Hold { on, by, reason, noted } => {
                inputs.push(match reason {
                    Some(reason) => Input::Hold { on, by, reason },
                    None => Input::Release { on, by },
                });
                self.answers.push(Box::new(move || send(noted, ())));
            }
            Command::Disconnect { agent, identity, by, reason, why, noted } => {
                inputs.push(Input::Revoke { agent, by, reason });
                self.disconnect(identity, &why, inputs);
                self.answers.push(Box::new(move || send(noted, ())));
            }
            Command::Subscribe(subscriber) => self.subscribers.push(subscriber),
            Command::Answer(reply) => send(reply, ()),
            Command::SlaveConnected { machine, connected, hello } => {
                self.slave_connected(machine, connected, hello, inputs);
            }
            Command::SlaveReport { machine, serial, attempt, report } => {
                if self.slaves.is_current(&machine, serial) {
                    self.slave_report(&machine, attempt, report, inputs);
                }
            }
            Command::SlaveDisconnected { machine, serial, orderly, silence } => {
                self.slave_disconnected(machine, serial, (orderly, silence), inputs);
            }
            Command::EvidenceStored { attempt, file, length } => {
                let length = self.arrivals.arrived(&attempt, file, length);
                inputs.push(Input::EvidenceArrived { attempt, length });
            }
            Command::HypervisorConnected { name, connected, hello } => {
                self.hypervisor_connected(name, connected, *hello, inputs);
            }
            Command::HypervisorReport { name, serial, message } => {
                if self.hypervisors.is_current(&name, serial) {
                    inputs.extend(self.hypervisor_report(name, message));
                }
            }
            Command::HypervisorDisconnected { name, serial, orderly } => {
                self.hypervisor_disconnected(name, serial, orderly, inputs);
            }
            Command::Fail(why) => {
                error!(why, "the engine stops");
                self.failure = Some(why);
            }
            Command::Stop(_) => {}
        }
    }

    fn may_cancel(&self, run: &xrdtest_model::RunId, how: CancelHow) -> Result<(), NotCancelled> {
        let status = self.core.run(run).ok_or(NotCancelled::NotAlive)?;
        match (how, status.phase) {
            (CancelHow::IfWaiting, RunPhase::Waiting { .. }) => Ok(()),
            (CancelHow::IfWaiting, _) => Err(NotCancelled::Running),
            (CancelHow::Orderly | CancelHow::Force, _) => Ok(()),
        }
    }

    /// One that is being stopped already may be stopped again.
    fn may_stop(&self, id: &InstanceId) -> Result<(), NotStopped> {
        let known = self.core.instances().into_iter().find(|known| known.instance == *id);
        match known.ok_or(NotStopped::NotThere)?.owner {
            InstanceOwner::Run { run } => Err(NotStopped::OfRun(run)),
            InstanceOwner::Hand { .. } | InstanceOwner::Kept { .. } => Ok(()),
        }
    }

    /// Whose clusters have a place is told with everything else that has become durable.
    pub(crate) fn answer_orders(&mut self) {
        let placed = std::mem::take(&mut self.orders).into_values();
        self.answers.extend(placed.map(|placed| Box::new(move || send(placed, Ok(()))) as Answer));
    }

    fn slave_connected(
        &mut self,
        agent: MachineId,
        connected: Connected<EngineToSlave>,
        hello: SlaveHello,
        inputs: &mut Vec<Input>,
    ) {
        self.slaves.insert(agent.clone(), connected);
        let SlaveHello { software, boot_id, known } = hello;
        if !agent.is_physical() {
            self.look_for_evidence(&known, inputs);
            inputs.push(Input::SlaveConnected { machine: agent, boot_id, known });
            return;
        }
        self.external.arrived(&agent.host, &boot_id);
        inputs.push(Input::PhysicalConnected { host: agent.host.clone(), software });
        let role = self.core.physical(&agent.host);
        let (own, others): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|(attempt, _)| Some(&attempt.machine) == role.as_ref());
        if let Some(machine) = role {
            self.look_for_evidence(&own, inputs);
            inputs.push(Input::SlaveConnected { machine, boot_id, known: own });
        }
        // Of instances that it works for no more: the core dismisses them.
        inputs.extend(others.into_iter().map(|(attempt, report)| Input::StageReport { attempt, report }));
    }

    /// A slave is believed only about its own machine.
    fn slave_report(
        &mut self,
        agent: &MachineId,
        attempt: AttemptId,
        report: StageReport,
        inputs: &mut Vec<Input>,
    ) {
        let own = match agent.is_physical() {
            true => attempt.machine.host == agent.host,
            false => attempt.machine == *agent,
        };
        if !own {
            warn!(%agent, %attempt, "a slave agent spoke for another machine and was not believed");
            return;
        }
        self.look_for_evidence(&[(attempt.clone(), report.clone())], inputs);
        inputs.push(Input::StageReport { attempt, report });
    }

    /// For attempts from before the engine's start: what the agent reports as finished may be here in full, and then
    /// the agent will not send it again.
    fn look_for_evidence(&mut self, known: &[(AttemptId, StageReport)], inputs: &mut Vec<Input>) {
        for (attempt, report) in known {
            let StageReport::Finished(report) = report else { continue };
            if self.arrivals.have(attempt, report.evidence_length()) {
                continue;
            }
            let Some(plan) = self.runs.plan(&attempt.run) else { continue };
            for (file, length) in self.inherited.files(&plan, attempt, &report.logs) {
                let length = self.arrivals.arrived(attempt, file, length);
                inputs.push(Input::EvidenceArrived { attempt: attempt.clone(), length });
            }
        }
    }

    fn slave_disconnected(
        &mut self,
        agent: MachineId,
        serial: Serial,
        (orderly, silence): (bool, Duration),
        inputs: &mut Vec<Input>,
    ) {
        if !self.slaves.remove(&agent, serial) {
            return;
        }
        let now = self.clock.now();
        let last_contact = now.before(silence);
        let role = if agent.is_physical() {
            self.external.left(&agent.host);
            inputs.push(Input::PhysicalDisconnected { host: agent.host.clone(), orderly });
            self.core.physical(&agent.host)
        } else {
            Some(agent)
        };
        if let Some(machine) = role {
            inputs.push(Input::SlaveDisconnected { machine, orderly, last_contact });
        }
    }

    fn hypervisor_disconnected(
        &mut self,
        name: HypervisorName,
        serial: Serial,
        orderly: bool,
        inputs: &mut Vec<Input>,
    ) {
        if self.hypervisors.remove(&name, serial) {
            // How busy it was says nothing any more.
            self.notes.entry(name.clone()).and_modify(|note| (note.load, note.clock_ahead_ms) = (None, None));
            inputs.push(Input::HypervisorDisconnected { name, orderly });
        }
    }

    /// Ends an agent's connection; nobody waits for the agent to notice.
    fn disconnect(&mut self, identity: Identity, why: &str, inputs: &mut Vec<Input>) {
        match identity {
            Identity::Hypervisor(name) => {
                if let Some(serial) = self.hypervisors.close(&name, why) {
                    self.hypervisor_disconnected(name, serial, false, inputs);
                }
            }
            Identity::Slave(machine) => {
                if let Some(serial) = self.slaves.close(&machine, why) {
                    self.slave_disconnected(machine, serial, (false, Duration::ZERO), inputs);
                }
            }
            Identity::Engine => {}
        }
    }

    fn hypervisor_connected(
        &mut self,
        name: HypervisorName,
        connected: Connected<EngineToHypervisor>,
        hello: HypervisorHello,
        inputs: &mut Vec<Input>,
    ) {
        self.hypervisors.insert(name.clone(), connected);
        let HypervisorHello { software, abilities, instances } = hello;
        self.notes
            .insert(name.clone(), HypervisorNote { detail: abilities.detail, ..HypervisorNote::default() });
        let ability = Ability {
            provider: abilities.provider,
            room: abilities.room,
            labels: abilities.labels.into_iter().collect(),
            exclusive: abilities.exclusive,
        };
        let all = instances.iter().map(|(instance, _)| instance.clone()).collect();
        inputs.push(Input::HypervisorConnected { name: name.clone(), software, ability, instances: all });
        let made = instances.into_iter().filter(|(_, made)| *made);
        inputs.extend(made.map(|(instance, _)| Input::InstanceReport {
            hypervisor: name.clone(),
            instance,
            report: InstanceReport::Made,
        }));
    }

    fn hypervisor_report(&mut self, name: HypervisorName, message: HypervisorToEngine) -> Option<Input> {
        match message {
            HypervisorToEngine::Status { room, load, now_ms } => {
                let note = self.notes.entry(name.clone()).or_default();
                note.load = Some(load);
                note.clock_ahead_ms = now_ms.and_then(clock::ahead_ms);
                Some(Input::HypervisorRoom { name, room })
            }
            message => instance_report(name, message),
        }
    }
}

/// Whoever does not wait any more needs no answer.
fn send<T>(reply: oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}

fn instance_report(hypervisor: HypervisorName, message: HypervisorToEngine) -> Option<Input> {
    let (instance, report) = match message {
        HypervisorToEngine::Progress { instance, detail, step } => {
            (instance, InstanceReport::Progress { detail, step })
        }
        HypervisorToEngine::Made { instance } => (instance, InstanceReport::Made),
        HypervisorToEngine::Failed { instance, detail } => (instance, InstanceReport::Failed { detail }),
        HypervisorToEngine::MachineGone { instance, host, detail } => {
            (instance, InstanceReport::MachineGone { host, detail })
        }
        HypervisorToEngine::Images { instance, images } => (instance, InstanceReport::Images(images)),
        HypervisorToEngine::Stopped { instance } => (instance, InstanceReport::Stopped),
        HypervisorToEngine::Status { .. } | HypervisorToEngine::Goodbye | HypervisorToEngine::Unknown => {
            return None;
        }
    };
    Some(Input::InstanceReport { hypervisor, instance, report })
}
