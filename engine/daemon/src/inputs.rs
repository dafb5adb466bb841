//! Commands as inputs of the core: who is connected is noted here, and who is not believed.

use tracing::warn;
use xrdtest_model::{HypervisorName, InstanceId};
use xrdtest_orchestrator::{Ability, Input, InstanceReport};
use xrdtest_protocol::IDLE_TIMEOUT;
use xrdtest_protocol::message::{Abilities, EngineToHypervisor, HypervisorToEngine};

use crate::command::Command;
use crate::engine::Engine;
use crate::registry::Connected;

impl Engine {
    /// Takes note of a command, and adds what the core must know about it. `Stop` is none of its business.
    pub(crate) fn take(&mut self, command: Command, inputs: &mut Vec<Input>) {
        match command {
            Command::Submit { run, plan, trigger } => inputs.push(Input::Submit { run, plan, trigger }),
            Command::Cancel { run, by, reason, force } => {
                inputs.push(Input::Cancel { run, by, reason, force });
            }
            Command::Subscribe(subscriber) => self.subscribers.push(subscriber),
            Command::SlaveConnected { machine, connected, boot_id, known } => {
                self.slaves.insert(machine.clone(), connected);
                inputs.push(Input::SlaveConnected { machine, boot_id, known });
            }
            Command::SlaveReport { machine, serial, attempt, report } => {
                if attempt.machine != machine {
                    warn!(%machine, %attempt, "a slave agent spoke for another machine and was not believed");
                } else if self.slaves.is_current(&machine, serial) {
                    inputs.push(Input::StageReport { attempt, report });
                }
            }
            Command::SlaveDisconnected { machine, serial, orderly, idle } => {
                if self.slaves.remove(&machine, serial) {
                    let now = self.clock.now();
                    let last_contact = if idle { now.before(IDLE_TIMEOUT) } else { now };
                    inputs.push(Input::SlaveDisconnected { machine, orderly, last_contact });
                }
            }
            Command::EvidenceStored { attempt, file, length } => {
                let length = self.arrivals.arrived(&attempt, file, length);
                inputs.push(Input::EvidenceArrived { attempt, length });
            }
            Command::HypervisorConnected { name, connected, abilities, instances } => {
                self.hypervisor_connected(name, connected, abilities, instances, inputs);
            }
            Command::HypervisorReport { name, serial, message } => {
                if self.hypervisors.is_current(&name, serial) {
                    inputs.extend(instance_report(name, message));
                }
            }
            Command::HypervisorDisconnected { name, serial, orderly } => {
                if self.hypervisors.remove(&name, serial) {
                    inputs.push(Input::HypervisorDisconnected { name, orderly });
                }
            }
            Command::Stop(_) => {}
        }
    }

    fn hypervisor_connected(
        &mut self,
        name: HypervisorName,
        connected: Connected<EngineToHypervisor>,
        abilities: Abilities,
        instances: Vec<(InstanceId, bool)>,
        inputs: &mut Vec<Input>,
    ) {
        self.hypervisors.insert(name.clone(), connected);
        let Abilities { provider, room, labels, exclusive } = abilities;
        let ability = Ability { provider, room, labels: labels.into_iter().collect(), exclusive };
        let all = instances.iter().map(|(instance, _)| instance.clone()).collect();
        inputs.push(Input::HypervisorConnected { name: name.clone(), ability, instances: all });
        let made = instances.into_iter().filter(|(_, made)| *made);
        inputs.extend(made.map(|(instance, _)| Input::InstanceReport {
            hypervisor: name.clone(),
            instance,
            report: InstanceReport::Made,
        }));
    }
}

fn instance_report(hypervisor: HypervisorName, message: HypervisorToEngine) -> Option<Input> {
    let (instance, report) = match message {
        HypervisorToEngine::Progress { instance, detail, .. } => {
            (instance, InstanceReport::Progress { detail })
        }
        HypervisorToEngine::Made { instance } => (instance, InstanceReport::Made),
        HypervisorToEngine::Failed { instance, detail } => (instance, InstanceReport::Failed { detail }),
        HypervisorToEngine::MachineGone { instance, host, detail } => {
            (instance, InstanceReport::MachineGone { host, detail })
        }
        HypervisorToEngine::Stopped { instance } => (instance, InstanceReport::Stopped),
        HypervisorToEngine::Goodbye | HypervisorToEngine::Unknown => return None,
    };
    Some(Input::InstanceReport { hypervisor, instance, report })
}
