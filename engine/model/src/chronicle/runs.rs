//! Suites and jobs: what runs and their stages lead to.

use std::collections::HashSet;
use std::sync::Arc;

use super::words::{self, Word};
use super::{Chronicle, SubjectKind, Told};
use crate::event::{Placement, StageResult};
use crate::ids::{MachineId, RunId};
use crate::outcome::{Outcome, Verdict};
use crate::plan::{ClusterPlan, RunPlan};
use crate::stage::{StageId, StageKind};

/// A run that is not over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) suite: String,
    pub(super) clusters: Vec<Arc<ClusterPlan>>,
    cases: Vec<String>,
    pub(super) waiting: bool,
    placed: bool,
    stage: Option<Barrier>,
}

/// The stage that began last.
#[derive(Clone, Debug, PartialEq)]
struct Barrier {
    stage: StageId,
    /// Hosts that are not done.
    open: HashSet<String>,
    machines: usize,
    passed: usize,
}

/// The words of a stage: for the suite while it goes on, when a machine is done, when all are; for the slave when the
/// order goes out and when it is done.
struct StageWords {
    begun: Word,
    one: Word,
    all: Word,
    sent: Word,
    done: Word,
}

fn stage_words(stage: StageId) -> StageWords {
    match (stage.case, stage.kind) {
        (None, StageKind::Initialize) => StageWords {
            begun: words::S_WAIT_4_INIT,
            one: words::S_SLAVE_INITIALIZED,
            all: words::S_ALL_INITIALIZED,
            sent: words::S_SUITE_INIT_SENT,
            done: words::S_SUITE_INITIALIZED,
        },
        (None, StageKind::Finalize | StageKind::Run) => StageWords {
            begun: words::S_WAIT_4_FINALIZE,
            one: words::S_SLAVE_FINALIZED,
            all: words::S_ALL_FINALIZED,
            sent: words::S_SUITE_FINALIZE_SENT,
            done: words::S_CONNECTED_IDLE,
        },
        (Some(_), StageKind::Initialize) => StageWords {
            begun: words::S_WAIT_4_TEST_INIT,
            one: words::S_SLAVE_TEST_INITIALIZED,
            all: words::S_ALL_TEST_INITIALIZED,
            sent: words::S_TEST_INIT_SENT,
            done: words::S_TEST_INITIALIZED,
        },
        (Some(_), StageKind::Run) => StageWords {
            begun: words::S_WAIT_4_TEST_RUN,
            one: words::S_SLAVE_TEST_RUN_FINISHED,
            all: words::S_ALL_TEST_RUN_FINISHED,
            sent: words::S_TEST_RUN_SENT,
            done: words::S_TEST_RUN_FINISHED,
        },
        (Some(_), StageKind::Finalize) => StageWords {
            begun: words::S_WAIT_4_TEST_FINALIZE,
            one: words::S_SLAVE_TEST_FINALIZED,
            all: words::S_ALL_TEST_FINALIZED,
            sent: words::S_TEST_FINALIZE_SENT,
            done: words::S_TEST_FINALIZED,
        },
    }
}

impl Run {
    /// What a machine is busy with, and that in words.
    pub(super) fn busy_with(&self, host: &str) -> Option<(Word, &str)> {
        let barrier = self.stage.as_ref().filter(|barrier| barrier.open.contains(host))?;
        Some((stage_words(barrier.stage).sent, self.title(barrier.stage)))
    }

    /// The case's title; empty for the suite's own stages.
    fn title(&self, stage: StageId) -> &str {
        let index = stage.case.and_then(|case| usize::try_from(case).ok());
        index.and_then(|index| self.cases.get(index)).map_or("", String::as_str)
    }
}

impl Chronicle {
    pub(super) fn run_queued(&mut self, id: &RunId, plan: &RunPlan, trigger: &str, told: &mut Told) {
        let cases = (0..).zip(&plan.cases).map(|(index, _)| plan.case_title(index)).collect();
        let clusters = plan.clusters.clone();
        let suite = plan.suite.clone();
        told.tell((SubjectKind::Job, id.as_str()), words::S_ADDED, trigger, Some(id));
        told.tell((SubjectKind::Suite, &suite), words::S_IDLE, "", Some(id));
        let run = Run { suite, clusters, cases, waiting: false, placed: false, stage: None };
        self.runs.insert(id.clone(), run);
    }

    pub(super) fn run_waiting(&mut self, id: &RunId, reason: &str, told: &mut Told) {
        let hypervisors = self.has_hypervisor();
        let Some(run) = self.runs.get_mut(id) else { return };
        run.waiting = true;
        told.tell((SubjectKind::Suite, &run.suite), words::S_IDLE, reason, Some(id));
        if !hypervisors {
            for cluster in run.clusters.iter().filter(|cluster| !cluster.external) {
                let subject = (SubjectKind::Cluster, &cluster.name);
                told.tell(subject, words::S_UNKNOWN_NOHYPERV, reason, Some(id));
            }
        }
    }

    pub(super) fn run_placed(&mut self, id: &RunId, placements: &[Placement], told: &mut Told) {
        let Some(run) = self.runs.get_mut(id) else { return };
        run.waiting = false;
        run.placed = true;
        told.tell((SubjectKind::Job, id.as_str()), words::S_STARTED, "", Some(id));
        let clusters = run.clusters.clone();
        for (cluster, placement) in clusters.into_iter().zip(placements) {
            self.instance_placed(id, cluster, placement, told);
        }
    }

    pub(super) fn stage_started(
        &mut self,
        id: &RunId,
        stage: StageId,
        machines: &[(MachineId, u32)],
        told: &mut Told,
    ) {
        let Some(run) = self.runs.get_mut(id) else { return };
        let open: HashSet<String> = machines.iter().map(|(machine, _)| machine.host.clone()).collect();
        run.stage = Some(Barrier { stage, machines: open.len(), open, passed: 0 });
        let (words, title) = (stage_words(stage), run.title(stage).to_owned());
        told.tell((SubjectKind::Suite, &run.suite), words.begun, title.as_str(), Some(id));
        for (machine, _) in machines {
            let name = self.slave_name(machine);
            told.tell_step((SubjectKind::Slave, name), words.sent, title.as_str(), id);
        }
    }

    pub(super) fn stage_finished(&mut self, id: &RunId, result: &StageResult, told: &mut Told) {
        let (machine, stage) = (&result.machine, result.stage);
        let slave = self.slave_name(machine);
        let in_contact = self.is_in_contact(machine);
        let Some(run) = self.runs.get_mut(id) else { return };
        let (words, title) = (stage_words(stage), run.title(stage).to_owned());
        let suite = run.suite.clone();
        let about =
            |detail: &str| if title.is_empty() { detail.to_owned() } else { format!("{title}: {detail}") };
        let outcome = outcome_words(result);
        if result.attempt == 0 {
            if stage == StageId::SUITE_INITIALIZE {
                let detail = format!("{}: {outcome}", machine.host);
                told.tell((SubjectKind::Suite, suite), words::S_INIT_ERROR, detail, Some(id));
            }
            return;
        }
        if in_contact {
            told.tell_step((SubjectKind::Slave, slave), words.done, about(&outcome), id);
        }
        let detail = about(&format!("{} {outcome}", machine.host));
        told.tell_step((SubjectKind::Suite, &suite), words.one, detail, id);
        let Some(barrier) = run.stage.as_mut().filter(|barrier| barrier.stage == stage) else { return };
        if !barrier.open.remove(&machine.host) {
            return;
        }
        barrier.passed += usize::from(result.outcome == Outcome::Passed);
        if barrier.open.is_empty() {
            let all_passed = barrier.passed == barrier.machines;
            let failed = stage == StageId::SUITE_INITIALIZE && !all_passed;
            let word = if failed { words::S_INIT_ERROR } else { words.all };
            let detail = about(&format!("{} of {} passed", barrier.passed, barrier.machines));
            told.tell((SubjectKind::Suite, suite), word, detail, Some(id));
        }
    }

    pub(super) fn run_finished(&mut self, id: &RunId, verdict: Verdict, reason: &str, told: &mut Told) {
        let Some(run) = self.runs.remove(id) else { return };
        let detail = if reason.is_empty() { verdict.to_string() } else { format!("{verdict}: {reason}") };
        let word = match (&run.stage, verdict) {
            (Some(_), _) => words::S_ALL_FINALIZED,
            (None, Verdict::Cancelled) => words::S_DEF_OK,
            (None, _) => words::S_INIT_ERROR,
        };
        told.tell((SubjectKind::Suite, run.suite), word, detail.as_str(), Some(id));
        let word = if run.placed { words::S_STARTED } else { words::S_ADDED };
        told.tell((SubjectKind::Job, id.as_str()), word, format!("over: {detail}"), Some(id));
    }
}

/// `passed`, `failed (exit code 3)`, `lost: no contact for 30 s`.
fn outcome_words(result: &StageResult) -> String {
    let mut told = result.outcome.to_string();
    match (result.outcome, result.exit_code, result.signal) {
        (Outcome::Failed, Some(code), _) => told.push_str(&format!(" (exit code {code})")),
        (Outcome::Killed, _, Some(signal)) => told.push_str(&format!(" (signal {signal})")),
        _ => {}
    }
    if !result.reason.is_empty() {
        told.push_str(": ");
        told.push_str(&result.reason);
    }
    told
}
