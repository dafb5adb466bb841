//! Contact with slave agents.

use xrdtest_model::{AttemptId, MachineId, StageReport, Timestamp};

use crate::world::{Arrived, Contact, Link};
use crate::{Orchestrator, earlier};

impl Orchestrator {
    /// Whatever was on its way on an earlier connection is not any more: the agent has said what it has.
    pub(super) fn slave_connected(
        &mut self,
        machine: &MachineId,
        boot_id: String,
        known: Vec<(AttemptId, StageReport)>,
    ) {
        let link = Link::new(boot_id, self.world.now);
        self.world.links.insert(machine.clone(), link);
        for (attempt, report) in known {
            self.stage_report_of(machine, attempt, report);
        }
        self.touch_run_of(machine);
    }

    pub(super) fn slave_disconnected(&mut self, machine: &MachineId, orderly: bool, last: Timestamp) {
        if !self.world.is_in(machine) {
            return;
        }
        if self.state.run_of(&machine.instance).is_none() {
            self.world.links.remove(machine);
            return;
        }
        // News of an absence that comes late says more about the engine than about the machine.
        let now = self.world.now;
        let last = last.max(earlier(now, self.config.late_after)).min(now);
        if let Some(link) = self.world.links.get_mut(machine) {
            link.contact = Contact::Out { last, orderly };
        }
        self.touch_run_of(machine);
    }

    pub(super) fn evidence_arrived(&mut self, attempt: AttemptId, length: u64) {
        let run = self.state.runs.get(&attempt.run);
        let open = run.and_then(|run| run.attempt(&attempt)).filter(|attempt| !attempt.done);
        if open.is_none() || length <= self.world.arrived(&attempt).length {
            return;
        }
        self.touched.machine(&attempt.run, &attempt.machine.host);
        let at = self.world.now;
        self.world.arrived.insert(attempt, Arrived { length, at });
    }

    fn touch_run_of(&mut self, machine: &MachineId) {
        if let Some(run) = self.state.run_of(&machine.instance) {
            self.touched.machine(&run.id, &machine.host);
        }
    }
}
