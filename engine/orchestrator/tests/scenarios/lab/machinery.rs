//! Inputs to the core and its effects carried out.

use std::time::Duration;

use xrdtest_model::{HypervisorName, MachineId, StageOrder, StageReport};
use xrdtest_orchestrator::{Config, Effect, Input, Orchestrator};

use super::Lab;
use crate::trace;

impl Lab {
    pub(crate) fn input(&mut self, input: Input) {
        let restart = self.restarting && input != Input::Tick;
        let effects = self.core.handle(self.now, input);
        self.perform(effects);
        if restart {
            self.restart();
        }
    }

    /// The core is gone; its successor has the journal, and everybody connects again.
    pub(crate) fn restart(&mut self) {
        self.core = Orchestrator::restore(Config::default(), self.journal.clone());
        let effects = self.core.resume(self.now);
        self.perform(effects);
        let hypervisors: Vec<HypervisorName> = self.hypervisors.keys().cloned().collect();
        for name in hypervisors {
            if self.hypervisors[&name].connected {
                let hello = self.hello(&name);
                let effects = self.core.handle(self.now, hello);
                self.perform(effects);
            }
        }
        for host in self.physical.clone() {
            let effects = self.core.handle(self.now, Self::physical_hello(&host));
            self.perform(effects);
        }
        let machines: Vec<MachineId> = self.agents.keys().cloned().collect();
        for machine in machines {
            if self.agents.get(&machine).is_some_and(|agent| agent.connected) {
                let greeting = self.greeting(&machine);
                let effects = self.core.handle(self.now, greeting);
                self.perform(effects);
                self.tell_outputs(&machine);
            }
        }
    }

    /// The engine is away for so long; then it has its journal, and nobody is connected.
    pub(crate) fn down(&mut self, seconds: u64) {
        self.agents.values_mut().for_each(|agent| agent.connected = false);
        self.hypervisors.values_mut().for_each(|known| known.connected = false);
        self.physical.clear();
        self.now = self.now.after(Duration::from_secs(seconds));
        self.restart();
    }

    /// The engine's process is stopped for so long, and looks at nothing.
    pub(crate) fn stall(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    pub(super) fn physical_hello(host: &str) -> Input {
        Input::PhysicalConnected { host: host.to_owned(), software: "1.0".to_owned() }
    }

    pub(super) fn hello(&self, name: &HypervisorName) -> Input {
        let known = &self.hypervisors[name];
        Input::HypervisorConnected {
            name: name.clone(),
            software: known.software.clone(),
            ability: known.ability.clone(),
            instances: known.instances.clone(),
        }
    }

    pub(super) fn greeting(&self, machine: &MachineId) -> Input {
        let agent = &self.agents[machine];
        // What was announced before the boot is said again, as the engine may not have heard it.
        let announced = agent.announced.iter().filter(|attempt| agent.known.contains_key(*attempt));
        let announced = announced.map(|attempt| (attempt.clone(), StageReport::Rebooting));
        let known = agent.known.iter().map(|(attempt, (report, _))| (attempt.clone(), report.clone()));
        Input::SlaveConnected {
            machine: machine.clone(),
            boot_id: format!("boot {}", agent.boot),
            known: announced.chain(known).collect(),
        }
    }

    pub(super) fn tell_outputs(&mut self, machine: &MachineId) {
        let known = self.agents[machine].known.clone();
        for (attempt, (_, length)) in known {
            let effects = self.core.handle(self.now, Input::EvidenceArrived { attempt, length });
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            trace::effect(&effect, &mut self.trace);
            match effect {
                Effect::Persist(events) => self.journal.extend(events),
                Effect::StartInstance { hypervisor, instance, cluster, .. } => {
                    for host in &cluster.hosts {
                        let machine = MachineId::new(instance.clone(), host.name.clone());
                        self.agents.entry(machine).or_default();
                    }
                    self.hypervisors.get_mut(&hypervisor).unwrap().instances.insert(instance);
                }
                Effect::StopInstance { .. } | Effect::ClusterRefused { .. } => {}
                Effect::Order { machine, order } => self.execute(&machine, *order),
                Effect::EndStage { machine, attempt, cause, reason } => {
                    if let Some(agent) = self.agents.get_mut(&machine) {
                        agent.ended = Some((attempt, cause, reason));
                    }
                }
                Effect::Forget { machine, attempt } => {
                    if let Some(agent) = self.agents.get_mut(&machine) {
                        agent.known.remove(&attempt);
                    }
                }
            }
        }
    }

    fn execute(&mut self, machine: &MachineId, order: StageOrder) {
        let agent = self.agents.get_mut(machine).unwrap();
        assert!(agent.connected, "an order to a machine out of contact");
        assert_eq!(order.boot_id, format!("boot {}", agent.boot));
        let attempt = order.attempt.clone();
        assert!(agent.executed.insert(attempt.clone()), "executed twice: {attempt}");
        agent.known.insert(attempt, (StageReport::Accepted, 0));
        agent.order = Some(order);
    }
}
