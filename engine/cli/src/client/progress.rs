//! What a run is doing, told from its events, for the live view.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{AttemptId, Event, EventBody, InstanceId, MachineId, RunId, RunPlan, StageId};
use xrdtest_orchestrator::{MachineStatus, Progress as MachineProgress, RunPhase, RunStatus};

/// Folds events of one run into its present state.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    plan: Option<Box<RunPlan>>,
    status: Option<RunStatus>,
}

impl Progress {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let EventBody::RunQueued { run, plan, trigger } = &event.body {
            self.status = Some(RunStatus {
                run: run.clone(),
                suite: plan.suite.clone(),
                trigger: trigger.clone(),
                queued: event.at,
                began: None,
                phase: RunPhase::Waiting { reason: "it was just asked for".to_owned() },
                // The line on the terminal counts cases.
                stages: (0, 0),
                ending: None,
                cases: Vec::new(),
            });
            self.plan = Some(plan.clone());
        }
        let (Some(status), Some(plan)) = (&mut self.status, &self.plan) else { return };
        match &event.body {
            EventBody::RunWaiting { reason, .. } => {
                status.phase = RunPhase::Waiting { reason: reason.clone() };
            }
            EventBody::RunPlaced { instances, .. } => {
                let placed = instances.iter().flat_map(|placed| {
                    let cluster = plan.clusters.iter().find(|cluster| cluster.name == placed.cluster);
                    let hosts = cluster.map(|cluster| cluster.hosts.as_slice()).unwrap_or_default();
                    hosts.iter().map(|host| MachineId::new(placed.instance.clone(), &host.name))
                });
                let missing = placed.collect();
                let instances = instances.iter().map(|placed| placed.instance.clone()).collect();
                status.phase = RunPhase::Starting { instances, missing };
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Active, .. } => {
                started(&mut status.phase, instance);
            }
            EventBody::StageStarted { stage, machines, .. } => {
                status.began.get_or_insert(event.at);
                status.phase = RunPhase::InStage {
                    stage: *stage,
                    title: plan.stage_title(*stage),
                    since: event.at,
                    machines: machines.iter().map(|(machine, _)| running(machine)).collect(),
                };
            }
            EventBody::CancelRequested { by, .. } => status.ending = Some(format!("cancelled by {by}")),
            EventBody::RunTimedOut { .. } => status.ending = Some("out of time".to_owned()),
            EventBody::RunFinished { .. } => self.status = None,
            body => about_machine(&mut status.phase, body),
        }
    }

    /// The present state; `None` before the first event and when the run is over.
    pub(crate) fn status(&self) -> Option<&RunStatus> {
        self.status.as_ref()
    }

    /// The folder of a stage's outputs.
    pub(crate) fn folder(&self, stage: StageId) -> Option<String> {
        Some(self.plan.as_ref()?.stage_folder(stage))
    }
}

/// The attempts that a stage begins with.
pub(crate) fn attempts(run: &RunId, stage: StageId, machines: &[(MachineId, u32)]) -> Vec<AttemptId> {
    let attempt = |(machine, number): &(MachineId, u32)| AttemptId {
        run: run.clone(),
        stage,
        machine: machine.clone(),
        number: *number,
    };
    machines.iter().map(attempt).collect()
}

fn running(machine: &MachineId) -> MachineStatus {
    MachineStatus {
        machine: machine.clone(),
        progress: MachineProgress::Running,
        late: false,
        away: false,
        rebooting: false,
    }
}

/// An instance is complete.
fn started(phase: &mut RunPhase, instance: &InstanceId) {
    if let RunPhase::Starting { instances, missing } = phase {
        instances.retain(|other| other != instance);
        missing.retain(|machine| machine.instance != *instance);
    }
}

/// News of one machine.
fn about_machine(phase: &mut RunPhase, body: &EventBody) {
    match (phase, body) {
        (RunPhase::Starting { missing, .. }, EventBody::MachineConnected { machine, .. }) => {
            missing.retain(|other| other != machine);
        }
        (RunPhase::InStage { stage, machines, .. }, body) => {
            let mut change = |id: &MachineId, change: &dyn Fn(&mut MachineStatus)| {
                machines.iter_mut().filter(|machine| machine.machine == *id).for_each(change);
            };
            match body {
                EventBody::StageReported { result, .. } if result.stage == *stage => {
                    change(&result.machine, &|it| {
                        it.progress = MachineProgress::Reported(result.outcome);
                    });
                }
                EventBody::StageFinished { result, .. } if result.stage == *stage => {
                    change(&result.machine, &|it| {
                        it.progress = MachineProgress::Done(result.outcome);
                    });
                }
                EventBody::MachineLate { machine } => change(machine, &|it| it.late = true),
                EventBody::MachineAway { machine } => change(machine, &|it| it.away = true),
                EventBody::MachineRebooting { machine, .. } => change(machine, &|it| it.rebooting = true),
                EventBody::MachineBack { machine } | EventBody::MachineConnected { machine, .. } => {
                    change(machine, &|it| (it.late, it.away, it.rebooting) = (false, false, false));
                }
                _ => {}
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the golden journal's first run is doing after each of its events.
    #[test]
    fn follows_the_golden_journal() {
        let golden = include_str!("../../../model/tests/golden/events-1.jsonl");
        let mut progress = Progress::default();
        let mut seen = Vec::new();
        for line in golden.lines() {
            let event: Event = serde_json::from_str(line).unwrap();
            // A client hears of its own run only.
            if event.number > 1 && matches!(event.body, EventBody::RunQueued { .. }) {
                continue;
            }
            progress.apply(&event);
            let phase = match progress.status() {
                None => "over".to_owned(),
                Some(status) => {
                    let busy: Vec<_> =
                        status.waits_for().map(|machine| machine.machine.host.as_str()).collect();
                    match &status.phase {
                        RunPhase::Waiting { reason } => format!("waits: {reason}"),
                        RunPhase::Starting { missing, .. } => format!("starts, {} missing", missing.len()),
                        RunPhase::InStage { title, .. } => format!("{title}: {}", busy.join(", ")),
                    }
                }
            };
            if seen.last() != Some(&phase) {
                seen.push(phase);
            }
        }
        insta::assert_snapshot!(seen.join("\n"));
    }
}
