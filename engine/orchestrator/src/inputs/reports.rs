//! What slave agents say about attempts.

use std::time::Duration;

use xrdtest_model::crash::crashed;
use xrdtest_model::definition::CoreDumps;
use xrdtest_model::event::StageResult;
use xrdtest_model::time::millis;
use xrdtest_model::{
    AttemptId, EndCause, EventBody, FinishedReport, MachineId, Outcome, StageReport, Timestamp,
};

use crate::state::Run;
use crate::world::Link;
use crate::{Effect, Orchestrator, earlier};

impl Orchestrator {
    /// A report outside of the contact is not believed; it comes again with the next connection. A physical machine
    /// outlives the instances that it worked for, and may still have attempts of those.
    pub(super) fn stage_report(&mut self, attempt: AttemptId, report: StageReport) {
        let machine = attempt.machine.clone();
        if self.world.is_in(&machine) {
            self.stage_report_of(&machine, attempt, report);
        } else if self.world.is_physical_in(&machine.host)
            && !self.state.instances.contains_key(&machine.instance)
        {
            self.foreign_report(MachineId::physical(machine.host), attempt, &report);
        }
    }

    /// An agent speaks only for its own machine.
    pub(super) fn stage_report_of(&mut self, machine: &MachineId, attempt: AttemptId, report: StageReport) {
        if attempt.machine != *machine {
            return;
        }
        let run = self.state.runs.get(&attempt.run);
        let open = run.and_then(|run| run.attempt(&attempt)).filter(|known| !known.done);
        match open.map(|known| known.report.is_some()) {
            None => self.foreign_report(machine.clone(), attempt, &report),
            Some(true) => {}
            Some(false) => self.open_report(attempt, report),
        }
    }

    /// Nobody waits for this attempt: it is over, or was never ordered. The agent is to end it and clean up.
    fn foreign_report(&mut self, machine: MachineId, attempt: AttemptId, report: &StageReport) {
        match report {
            StageReport::Accepted | StageReport::Rebooting => self.effects.push(Effect::EndStage {
                machine,
                attempt,
                cause: EndCause::Cancelled,
                reason: "nobody waits for it any more".to_owned(),
            }),
            StageReport::Finished(_) => self.effects.push(Effect::Forget { machine, attempt }),
            StageReport::Unknown => {}
        }
    }

    fn open_report(&mut self, attempt: AttemptId, report: StageReport) {
        self.touched.machine(&attempt.run, &attempt.machine.host);
        if report == StageReport::Rebooting {
            self.boot_announced(&attempt);
        }
        match report {
            StageReport::Accepted | StageReport::Rebooting => {
                if let Some(link) = self.link_of(&attempt) {
                    link.has.entry(attempt).or_default();
                }
            }
            StageReport::Unknown => {
                if let Some(link) = self.link_of(&attempt)
                    && link.has.remove(&attempt).is_some()
                {
                    *link.denied.entry(attempt).or_default() += 1;
                }
            }
            StageReport::Finished(report) => {
                if let Some(link) = self.link_of(&attempt) {
                    link.has.remove(&attempt);
                }
                self.finished(&attempt, *report);
            }
        }
    }

    /// Recorded once: the script that announces a boot does not outlive it.
    fn boot_announced(&mut self, id: &AttemptId) {
        let attempt = self.state.runs.get(&id.run).and_then(|run| run.attempt(id));
        if attempt.is_some_and(|attempt| attempt.boot.is_none()) && self.state.takes_part(&id.machine) {
            let within_ms = millis(self.config.reboot_within);
            self.record(EventBody::MachineRebooting { machine: id.machine.clone(), within_ms });
        }
    }

    fn link_of(&mut self, attempt: &AttemptId) -> Option<&mut Link> {
        self.world.links.get_mut(&attempt.machine)
    }

    fn finished(&mut self, attempt: &AttemptId, report: FinishedReport) {
        let Some(run) = self.state.runs.get(&attempt.run) else {
            return;
        };
        let complete = self.world.arrived(attempt).length >= report.evidence_length();
        let lost = report.output_lost;
        let result = Box::new(StageResult {
            output_complete: complete && lost == 0,
            ..result(run, attempt, report, self.world.now)
        });
        let run = attempt.run.clone();
        // The outcome is worth a record while its output is on its way; not if it is final at once.
        self.record(match complete {
            true => EventBody::StageFinished { run, result },
            false => EventBody::StageReported { run, result },
        });
    }
}

/// A report as a result, believed as far as it agrees with itself and with what the engine saw.
fn result(run: &Run, attempt: &AttemptId, report: FinishedReport, now: Timestamp) -> StageResult {
    let ordered = run.barrier.as_ref().map_or(now, |barrier| barrier.started);
    let (outcome, reason) = match contradiction(run, &report) {
        Some(why) => (Outcome::Lost, why),
        None => with_crashes(run, &report),
    };
    StageResult {
        stage: attempt.stage,
        machine: attempt.machine.clone(),
        attempt: attempt.number,
        outcome,
        exit_code: report.exit_code,
        signal: report.signal,
        reason,
        started: started(ordered, now, report.started, report.duration_ms),
        duration_ms: report.duration_ms,
        output_length: report.output_length,
        output_lost: report.output_lost,
        output_complete: false,
        leftovers: report.leftovers,
        logs: report.logs,
        metrics: report.metrics,
        crashes: report.crashes,
        no_cores: report.no_cores,
    }
}

/// What a stage amounts to beside which something crashed: where the suite says so, it has not passed.
fn with_crashes(run: &Run, report: &FinishedReport) -> (Outcome, String) {
    let fails = run.plan.core_dumps == CoreDumps::Fail && report.outcome == Outcome::Passed;
    if !fails || report.crashes.is_empty() {
        return (report.outcome, report.reason.clone());
    }
    let reasons = [report.reason.as_str(), &crashed(&report.crashes)].map(str::to_owned);
    let reasons: Vec<String> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
    (Outcome::Failed, reasons.join("; "))
}

/// The machine's clock is believed between order and report; else the duration is counted back from the report.
fn started(ordered: Timestamp, now: Timestamp, told: Timestamp, duration_ms: u64) -> Timestamp {
    match told >= ordered && told <= now {
        true => told,
        false => earlier(now, Duration::from_millis(duration_ms)).max(ordered),
    }
}

/// Why a report can't be true, where it can't.
fn contradiction(run: &Run, report: &FinishedReport) -> Option<String> {
    match report.outcome {
        Outcome::Passed if report.exit_code != Some(0) || report.signal.is_some() => {
            Some("the machine reports passed without exit code 0".to_owned())
        }
        Outcome::Failed if report.exit_code == Some(0) => {
            Some("the machine reports failed with exit code 0".to_owned())
        }
        Outcome::Cancelled if run.cancel.is_none() => {
            Some("the machine reports a cancel that nobody asked for".to_owned())
        }
        Outcome::NotRun => Some("the machine accepted the stage but did not run it".to_owned()),
        _ => None,
    }
}
