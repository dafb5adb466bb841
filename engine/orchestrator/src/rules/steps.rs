//! What comes next when every machine of a stage has an outcome.

use std::collections::BTreeMap;

use xrdtest_model::event::StageResult;
use xrdtest_model::{AttemptId, EventBody, MachineId, Outcome, StageId, StageKind};

use super::attempts::blank;
use crate::rules::View;
use crate::state::Run;
use crate::verdict::{CaseFacts, Outcomes, Stop, describe, of_case, passed};

const KINDS: [StageKind; 3] = [StageKind::Initialize, StageKind::Run, StageKind::Finalize];

/// What becomes of one stage of a case whose earlier stages are over.
enum Next {
    /// It is over, or there is nothing to do in it.
    Over,
    Begin,
    NotRun(String),
}

impl View<'_> {
    /// The next step of a run whose clusters are up; nothing while a stage goes on.
    pub(super) fn next_step(self, run: &Run) -> Vec<EventBody> {
        if run.open_barrier().is_some() {
            return Vec::new();
        }
        let stop = self.stop(run);
        let Some(initialize) = run.results.get(&StageId::SUITE_INITIALIZE) else {
            return match stop {
                None => self.begin(run, StageId::SUITE_INITIALIZE),
                Some(_) => self.finish(run, None),
            };
        };
        if let Some(events) = self.case_step(run, stop.as_ref(), passed(initialize)) {
            return events;
        }
        let finalize = StageId::SUITE_FINALIZE;
        match self.may_finalize(run, finalize) {
            true => self.begin(run, finalize),
            false => self.finish(run, None),
        }
    }

    /// The next step within the cases; `None` where they are over, or no further one is begun.
    fn case_step(self, run: &Run, stop: Option<&Stop>, initialized: bool) -> Option<Vec<EventBody>> {
        let index = u32::try_from(run.cases.len()).ok()?;
        run.plan.case(index)?;
        let begun = run.results.keys().any(|stage| stage.case == Some(index));
        if !begun && (stop.is_some() || !initialized) {
            return None;
        }
        for stage in KINDS.map(|kind| StageId::of_case(index, kind)) {
            match self.next_of_case(run, stage, stop) {
                Next::Over => {}
                Next::Begin => return Some(self.begin(run, stage)),
                Next::NotRun(reason) => return Some(self.not_run(run, stage, &reason)),
            }
        }
        Some(vec![self.case_finished(run, index, stop)])
    }

    fn next_of_case(self, run: &Run, stage: StageId, stop: Option<&Stop>) -> Next {
        match stage.kind {
            StageKind::Initialize if has_script(run, stage) && !run.results.contains_key(&stage) => {
                Next::Begin
            }
            StageKind::Initialize => Next::Over,
            StageKind::Run if is_over(run, stage) => Next::Over,
            StageKind::Run => why_not_run(run, stage, stop).map_or(Next::Begin, Next::NotRun),
            StageKind::Finalize if self.may_finalize(run, stage) => Next::Begin,
            StageKind::Finalize => Next::Over,
        }
    }

    /// Whether a finalize stage is still to come: it has a script and somebody to run it, and nobody forbade it.
    fn may_finalize(self, run: &Run, stage: StageId) -> bool {
        has_script(run, stage)
            && !run.results.contains_key(&stage)
            && !run.is_forced()
            && !self.participants(run, stage).is_empty()
    }

    fn participants(self, run: &Run, stage: StageId) -> Vec<MachineId> {
        let machines = run.plan.machines_of(stage).iter();
        machines
            .filter_map(|host| run.machines.get(host))
            .filter(|machine| self.state.takes_part(machine))
            .cloned()
            .collect()
    }

    /// A stage begins on all its machines. Each stage of a run is begun once, so every attempt is the first.
    fn begin(self, run: &Run, stage: StageId) -> Vec<EventBody> {
        let machines = self.participants(run, stage);
        vec![EventBody::StageStarted {
            run: run.id.clone(),
            stage,
            machines: machines.into_iter().map(|machine| (machine, 1)).collect(),
        }]
    }

    fn not_run(self, run: &Run, stage: StageId, reason: &str) -> Vec<EventBody> {
        let told = run.results.get(&stage);
        let machines = run.plan.machines_of(stage).iter();
        machines
            .filter(|host| !told.is_some_and(|told| told.contains_key(*host)))
            .filter_map(|host| run.machines.get(host))
            .map(|machine| EventBody::StageFinished {
                run: run.id.clone(),
                result: Box::new(self.not_run_on(run, stage, machine, reason)),
            })
            .collect()
    }

    fn not_run_on(self, run: &Run, stage: StageId, machine: &MachineId, reason: &str) -> StageResult {
        let none = AttemptId { run: run.id.clone(), stage, machine: machine.clone(), number: 0 };
        StageResult {
            outcome: Outcome::NotRun,
            reason: reason.to_owned(),
            output_complete: true,
            ..blank(&none, self.now)
        }
    }

    fn case_finished(self, run: &Run, case: u32, stop: Option<&Stop>) -> EventBody {
        let stages = KINDS.iter().filter_map(|kind| {
            let outcomes = run.results.get(&StageId::of_case(case, *kind))?;
            Some((*kind, outcomes))
        });
        let finalize = StageId::of_case(case, StageKind::Finalize);
        let end = of_case(&CaseFacts {
            stages: stages.collect(),
            stop,
            forced: run.is_forced() && has_script(run, finalize) && !run.results.contains_key(&finalize),
        });
        EventBody::CaseFinished { run: run.id.clone(), case, verdict: end.verdict, reason: end.reason }
    }
}

fn has_script(run: &Run, stage: StageId) -> bool {
    run.plan.script(stage).is_some()
}

/// Whether a run stage has all its results. Where it is not run these are events of their own, and a journal may end
/// between two of them.
fn is_over(run: &Run, stage: StageId) -> bool {
    let hosts = run.plan.machines_of(stage);
    run.results
        .get(&stage)
        .is_some_and(|told| !is_not_run(told) || hosts.iter().all(|host| told.contains_key(host)))
}

fn is_not_run(outcomes: &BTreeMap<String, crate::state::Brief>) -> bool {
    outcomes.values().any(|brief| brief.outcome == Outcome::NotRun)
}

/// Why a run stage is not run, where it is not. A case that was begun through its initialize stage is not left without
/// a word when the run ends early.
fn why_not_run(run: &Run, stage: StageId, stop: Option<&Stop>) -> Option<String> {
    let initialize = StageId { kind: StageKind::Initialize, ..stage };
    let outcomes: Option<&Outcomes> = run.results.get(&initialize);
    if let Some(bad) = outcomes.filter(|outcomes| !passed(outcomes)) {
        let title = run.plan.stage_title(initialize);
        return Some(format!("{title} {}", describe(bad)));
    }
    stop.map(|stop| stop.words().to_owned())
}
