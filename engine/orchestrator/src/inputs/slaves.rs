//! Contact with slave agents.

use xrdtest_model::{AttemptId, EventBody, MachineId, StageReport, Timestamp};

use crate::state::Attempt;
use crate::world::{Arrived, Contact, Link};
use crate::{Orchestrator, earlier};

impl Orchestrator {
    /// Whatever was on its way on an earlier connection is not any more: the agent has said what it has. A boot that is
    /// announced in it is announced first, as it explains a new boot id, and that explains the rest.
    pub(super) fn slave_connected(
        &mut self,
        machine: &MachineId,
        boot_id: String,
        known: Vec<(AttemptId, StageReport)>,
    ) {
        let link = Link::new(boot_id.clone(), self.world.now);
        self.world.links.insert(machine.clone(), link);
        let (announced, others): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|(_, report)| *report == StageReport::Rebooting);
        for (attempt, report) in announced {
            self.stage_report_of(machine, attempt, report);
        }
        self.accept_boot(machine, boot_id);
        for (attempt, report) in others {
            self.stage_report_of(machine, attempt, report);
        }
        self.touch_owner_of(machine);
    }

    /// A machine is back from the boot that a script on it announced. Any other boot is a loss, see the rules.
    fn accept_boot(&mut self, machine: &MachineId, boot_id: String) {
        let attempt = self.state.run_of(&machine.instance).and_then(|run| run.attempt_on(&machine.host));
        let awaited = attempt.and_then(Attempt::awaited_boot).is_some();
        let known = self.state.machine(machine).filter(|known| known.lost.is_none());
        if awaited && known.is_some_and(|known| known.boot_id.as_ref() != Some(&boot_id)) {
            self.record(EventBody::MachineConnected { machine: machine.clone(), boot_id });
        }
    }

    pub(super) fn slave_disconnected(&mut self, machine: &MachineId, orderly: bool, last: Timestamp) {
        if !self.world.is_in(machine) {
            return;
        }
        if self.state.run_of(&machine.instance).is_none() && !self.state.stands(&machine.instance) {
            self.world.links.remove(machine);
            return;
        }
        // News of an absence that comes late says more about the engine than about the machine.
        let now = self.world.now;
        let last = last.max(earlier(now, self.config.late_after)).min(now);
        if let Some(link) = self.world.links.get_mut(machine) {
            link.contact = Contact::Out { last, orderly };
        }
        self.touch_owner_of(machine);
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

    fn touch_owner_of(&mut self, machine: &MachineId) {
        if let Some(run) = self.state.run_of(&machine.instance) {
            self.touched.machine(&run.id, &machine.host);
        } else if self.state.stands(&machine.instance) {
            self.touched_instances.insert(machine.instance.clone());
        }
    }
}
