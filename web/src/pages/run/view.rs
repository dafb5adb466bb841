//! What the pages of a run show of it: its record, its plan, and what goes on.

use std::collections::BTreeMap;

use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::{EventBody, Outcome, RunId, RunPlan, StageId, StageKind, Timestamp};
use xrdtest_report::RunRecorder;

use crate::api::{Failure, Shared, journal, runs};

/// One run.
#[derive(Debug)]
pub(super) struct RunView {
    pub(super) record: RunRecord,
    pub(super) plan: Box<RunPlan>,
    /// When stages began that are not over, by stage and host.
    pub(super) going_on: BTreeMap<(StageId, String), Timestamp>,
}

impl RunView {
    pub(super) async fn read(engine: &Shared, run: &RunId) -> Result<Self, Failure> {
        let mut recorder = RunRecorder::new(run.clone());
        let mut going_on = BTreeMap::new();
        journal::each(&*engine.store(), run, 0, |event| {
            match &event.body {
                EventBody::StageStarted { stage, machines, .. } => {
                    let began =
                        machines.iter().map(|(machine, _)| ((*stage, machine.host.clone()), event.at));
                    going_on.extend(began);
                }
                EventBody::StageFinished { result, .. } => {
                    going_on.remove(&(result.stage, result.machine.host.clone()));
                }
                EventBody::RunFinished { .. } => going_on.clear(),
                _ => {}
            }
            recorder.apply(event);
        })
        .await?;
        let plan = recorder.plan().map(|plan| Box::new(plan.clone()));
        let plan = plan.ok_or_else(|| Failure::unknown_run(run))?;
        let record = runs::record(engine, run, recorder).await?;
        Ok(Self { record, plan, going_on })
    }

    pub(super) fn is_over(&self) -> bool {
        self.record.verdict.is_some()
    }

    /// The folder of a stage's files.
    pub(super) fn folder_of(&self, stage: &StageRecord) -> Option<String> {
        let id = stage_id(stage);
        self.plan.stages().any(|known| known == id).then(|| self.plan.stage_folder(id))
    }

    /// Where the whole output of a stage on a machine is shown.
    pub(super) fn output_address(&self, stage: &StageRecord) -> Option<String> {
        let folder = self.folder_of(stage)?;
        Some(format!("/runs/{}/outputs/{folder}/{}", self.record.id, stage.machine))
    }
}

/// Which stage a record is of.
pub(super) fn stage_id(stage: &StageRecord) -> StageId {
    StageId { case: stage.case_index, kind: stage.stage }
}

/// A stage in people's words.
pub(super) fn stage_title(stage: &StageRecord) -> String {
    match &stage.case {
        Some(case) => format!("{case} / {}", stage.stage.as_str()),
        None => format!("suite {}", stage.stage.as_str()),
    }
}

/// Whether it needs somebody's attention.
pub(super) fn is_bad(stage: &StageRecord) -> bool {
    !matches!(stage.outcome, Outcome::Passed | Outcome::NotRun | Outcome::Cancelled)
}

/// The stages in order of execution, grouped: the suite's first, each case's, the suite's last.
pub(super) fn groups(plan: &RunPlan) -> Vec<(String, Vec<StageId>)> {
    let cases = (0u32..).zip(&plan.cases).map(|(index, _)| {
        let stages = [StageKind::Initialize, StageKind::Run, StageKind::Finalize];
        (plan.case_title(index), stages.map(|kind| StageId::of_case(index, kind)).to_vec())
    });
    let first = std::iter::once(("suite".to_owned(), vec![StageId::SUITE_INITIALIZE]));
    let last = std::iter::once(("suite".to_owned(), vec![StageId::SUITE_FINALIZE]));
    first.chain(cases).chain(last).collect()
}
