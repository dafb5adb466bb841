//! What goes wrong.

use xrdtest_model::{HypervisorName, MachineId, RunId};

use crate::world::{Happening, Peer, World};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Machine(MachineFault),
    HypervisorAway,
    HypervisorRestarts,
    EngineKilled,
    EngineStalls,
    Cancelled { force: bool },
    ClusterStopped,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum MachineFault {
    LinkBreaks,
    Goodbye,
    Dies,
    Gone,
    Boots,
    Hangs,
    SupervisorGone,
}

/// All kinds, the harmless ones more often.
pub(crate) const FAULTS: [Fault; 18] = [
    Fault::Machine(MachineFault::LinkBreaks),
    Fault::Machine(MachineFault::LinkBreaks),
    Fault::Machine(MachineFault::LinkBreaks),
    Fault::Machine(MachineFault::Goodbye),
    Fault::Machine(MachineFault::Goodbye),
    Fault::Machine(MachineFault::Dies),
    Fault::Machine(MachineFault::Gone),
    Fault::Machine(MachineFault::Boots),
    Fault::Machine(MachineFault::Hangs),
    Fault::Machine(MachineFault::SupervisorGone),
    Fault::HypervisorAway,
    Fault::HypervisorRestarts,
    Fault::EngineKilled,
    Fault::EngineStalls,
    Fault::Cancelled { force: false },
    Fault::Cancelled { force: true },
    Fault::ClusterStopped,
    Fault::ClusterStopped,
];

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Machine(fault) => self.machine_fault(fault),
            Fault::HypervisorAway => {
                let name = self.any_hypervisor();
                self.break_link(&Peer::Hypervisor(name), false);
            }
            Fault::HypervisorRestarts => self.restart_hypervisor(),
            Fault::EngineKilled => self.kill_engine(),
            Fault::EngineStalls => self.stall_engine(),
            Fault::Cancelled { force } => {
                let runs: Vec<RunId> = self.plans.keys().cloned().collect();
                let run = self.rng.pick(&runs).clone();
                self.after(0, Happening::Cancel { run, force });
            }
            Fault::ClusterStopped => self.stop_some_cluster(),
        }
    }

    fn machine_fault(&mut self, fault: MachineFault) {
        let machines: Vec<MachineId> = self.agents.keys().cloned().collect();
        if machines.is_empty() {
            return;
        }
        let machine = self.rng.pick(&machines).clone();
        self.say(|| format!("fault {fault:?} at {machine}"));
        match fault {
            MachineFault::LinkBreaks => self.break_link(&Peer::Machine(machine), false),
            MachineFault::Goodbye => self.break_link(&Peer::Machine(machine), true),
            MachineFault::Dies => self.die(&machine),
            MachineFault::Gone => self.machine_gone(&machine),
            MachineFault::Boots => self.reboot(&machine),
            MachineFault::Hangs => self.agents.get_mut(&machine).unwrap().hung = true,
            MachineFault::SupervisorGone => self.lose_supervisor(&machine),
        }
    }

    fn any_hypervisor(&mut self) -> HypervisorName {
        let names: Vec<HypervisorName> = self.hypervisors.keys().cloned().collect();
        self.rng.pick(&names).clone()
    }

    /// Some of its instances do not survive.
    fn restart_hypervisor(&mut self) {
        let name = self.any_hypervisor();
        self.break_link(&Peer::Hypervisor(name.clone()), false);
        for instance in self.hypervisors[&name].instances.keys().cloned().collect::<Vec<_>>() {
            if self.rng.chance(300) {
                self.say(|| format!("    {instance} is gone"));
                self.vanish(&name, &instance);
                self.vanished.insert(instance);
            }
        }
    }
}
