//! What a journal should say, by an account of its own: written from the rules of a run, sharing nothing with the core.

use std::collections::{BTreeMap, BTreeSet};

use xrdtest_model::event::StageResult;
use xrdtest_model::plan::RunPlan;
use xrdtest_model::{Event, EventBody, Outcome, RunId, StageId, StageKind, Verdict};

/// One run as its journal tells it.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) results: BTreeMap<StageId, BTreeMap<String, StageResult>>,
    pub(crate) begun: Vec<(StageId, Vec<String>)>,
    reported: BTreeMap<(StageId, String), StageResult>,
    pub(crate) lost: BTreeSet<String>,
    /// Hosts whose boot was announced and has not been seen, with the time for it.
    rebooting: BTreeMap<String, u64>,
    announced: BTreeSet<(StageId, String)>,
    pub(crate) cancelled: bool,
    pub(crate) forced: bool,
    pub(crate) timed_out: bool,
    pub(crate) cases: Vec<Verdict>,
    pub(crate) finished: Option<(u64, Verdict, String)>,
}

/// Reads the journal for one run and holds every event against what came before it.
pub(crate) fn read(run: &RunId, plan: &RunPlan, journal: &[Event]) -> Told {
    let mut told = Told::default();
    let mine = |event: &&Event| concerns(run, &event.body);
    for event in journal.iter().filter(mine) {
        // What is kept of it has an account of its own.
        if told.finished.is_some() && is_of_machine(&event.body) {
            continue;
        }
        assert!(told.finished.is_none(), "{run} goes on after its end: {:?}", event.body);
        told.take(plan, event);
    }
    told
}

fn is_of_machine(body: &EventBody) -> bool {
    matches!(
        body,
        EventBody::MachineLost { .. }
            | EventBody::MachineLate { .. }
            | EventBody::MachineAway { .. }
            | EventBody::MachineBack { .. }
            | EventBody::MachineConnected { .. }
    )
}

fn concerns(run: &RunId, body: &EventBody) -> bool {
    match body {
        EventBody::MachineLost { machine, .. }
        | EventBody::MachineLate { machine }
        | EventBody::MachineAway { machine }
        | EventBody::MachineBack { machine }
        | EventBody::MachineRebooting { machine, .. }
        | EventBody::MachineConnected { machine, .. } => {
            machine.instance.as_str().starts_with(&format!("{run}."))
        }
        EventBody::InstanceChanged { .. }
        | EventBody::ImagesUsed { .. }
        | EventBody::ClusterOrdered { .. }
        | EventBody::InstanceKept { .. }
        | EventBody::AgentConnected { .. }
        | EventBody::AgentGone { .. }
        | EventBody::AgentRevoked { .. }
        | EventBody::HoldBegan { .. }
        | EventBody::HoldEnded { .. } => false,
        EventBody::RunQueued { run: of, .. }
        | EventBody::RunWaiting { run: of, .. }
        | EventBody::RunPlaced { run: of, .. }
        | EventBody::StageStarted { run: of, .. }
        | EventBody::StageReported { run: of, .. }
        | EventBody::StageFinished { run: of, .. }
        | EventBody::CancelRequested { run: of, .. }
        | EventBody::RunTimedOut { run: of }
        | EventBody::CaseFinished { run: of, .. }
        | EventBody::RunFinished { run: of, .. } => of == run,
    }
}

impl Told {
    fn take(&mut self, plan: &RunPlan, event: &Event) {
        self.boot(event);
        match &event.body {
            EventBody::MachineLost { machine, reason } => {
                assert!(!reason.is_empty());
                assert!(self.lost.insert(machine.host.clone()), "{} lost twice", machine.host);
            }
            EventBody::CancelRequested { force, .. } => {
                self.cancelled = true;
                self.forced |= force;
            }
            EventBody::RunTimedOut { .. } => self.timed_out = true,
            EventBody::StageStarted { stage, machines, .. } => {
                let hosts = machines.iter().map(|(machine, _)| machine.host.clone()).collect();
                self.begin(plan, *stage, hosts);
            }
            EventBody::StageReported { result, .. } => {
                let attempt = (result.stage, result.machine.host.clone());
                assert!(self.result_of(result).is_none(), "reported after the end: {attempt:?}");
                let before = self.reported.insert(attempt, result.as_ref().clone());
                assert!(before.is_none(), "reported twice: {before:?}");
            }
            EventBody::StageFinished { result, .. } => self.result(result),
            EventBody::CaseFinished { case, verdict, reason, .. } => {
                assert_eq!(*case as usize, self.cases.len());
                assert_eq!(*verdict, self.case_verdict(plan, *case), "verdict of case {case}");
                assert_eq!(reason.is_empty(), *verdict == Verdict::Passed, "reason of {verdict}");
                self.check_case(plan, *case);
                self.cases.push(*verdict);
            }
            EventBody::RunFinished { verdict, reason, .. } => {
                assert_eq!(*verdict, self.run_verdict(plan), "verdict of the run: {reason}");
                assert_eq!(reason.is_empty(), *verdict == Verdict::Passed, "reason of {verdict}");
                self.check_suite(plan);
                self.finished = Some((event.at.as_millis(), *verdict, reason.clone()));
            }
            _ => {}
        }
    }

    /// An announced boot: while it may take, its machine is not missed; no other boot is accepted during the run.
    fn boot(&mut self, event: &Event) {
        let at = event.at.as_millis();
        match &event.body {
            EventBody::MachineRebooting { machine, within_ms } => {
                let (stage, hosts) = self.begun.last().expect("a boot before any stage");
                assert!(hosts.contains(&machine.host));
                let attempt = (*stage, machine.host.clone());
                assert!(!self.reported.contains_key(&attempt), "announced after the end: {attempt:?}");
                assert!(self.announced.insert(attempt), "announced twice");
                self.rebooting.insert(machine.host.clone(), at + within_ms);
            }
            EventBody::MachineConnected { machine, .. } if !self.begun.is_empty() => {
                assert!(self.rebooting.remove(&machine.host).is_some(), "{} booted by itself", machine.host);
            }
            EventBody::StageReported { result, .. } | EventBody::StageFinished { result, .. } => {
                self.rebooting.remove(&result.machine.host);
            }
            EventBody::MachineLate { machine } | EventBody::MachineAway { machine } => {
                let until = self.rebooting.get(&machine.host);
                assert!(until.is_none_or(|until| at >= *until), "{} is missed while it boots", machine.host);
            }
            EventBody::MachineLost { machine, reason } => {
                let early = self.rebooting.get(&machine.host).is_some_and(|until| at < *until);
                let missed = ["no contact for", "booted again", "has not reported", "did not come back"];
                let missed = missed.iter().any(|words| reason.contains(words));
                assert!(!early || !missed, "{} is given up while it boots: {reason}", machine.host);
            }
            _ => {}
        }
    }

    fn result_of(&self, result: &StageResult) -> Option<&StageResult> {
        self.results.get(&result.stage)?.get(&result.machine.host)
    }

    fn result(&mut self, result: &StageResult) {
        if let Some(reported) = self.reported.get(&(result.stage, result.machine.host.clone())) {
            let mut same = reported.clone();
            same.output_complete = result.output_complete;
            assert_eq!(same, *result, "the report was another");
        }
        assert_eq!(result.attempt == 0, result.outcome == Outcome::NotRun);
        if result.outcome != Outcome::NotRun {
            let (stage, hosts) = self.begun.last().expect("a result before any stage");
            assert!(*stage == result.stage && hosts.contains(&result.machine.host));
        } else {
            assert!(!result.reason.is_empty());
        }
        let of_stage = self.results.entry(result.stage).or_default();
        let before = of_stage.insert(result.machine.host.clone(), result.clone());
        assert!(before.is_none(), "two results of {} on {}", result.stage, result.machine.host);
    }

    /// A barrier: everybody who was in the last stage has an outcome, and this one has the right company.
    fn begin(&mut self, plan: &RunPlan, stage: StageId, hosts: Vec<String>) {
        for (before, company) in &self.begun {
            assert!(*before != stage, "{stage} begins twice");
            let done = self.results.get(before);
            let all = company.iter().all(|host| done.is_some_and(|done| done.contains_key(host)));
            assert!(all, "{stage} begins before {before} is over");
        }
        assert!(plan.script(stage).is_some(), "{stage} has no script");
        let expected: Vec<String> =
            plan.machines_of(stage).iter().filter(|host| !self.lost.contains(*host)).cloned().collect();
        assert_eq!(hosts, expected, "who takes part in {stage}");
        assert!(!hosts.is_empty());
        if stage.kind != StageKind::Finalize {
            assert!(!self.cancelled && !self.timed_out && self.lost.is_empty(), "{stage} begins too late");
        }
        if stage.case.is_some() {
            assert!(self.all_passed(StageId::SUITE_INITIALIZE), "a case without suite initialize");
        }
        if let (Some(case), StageKind::Run) = (stage.case, stage.kind) {
            let initialize = StageId::of_case(case, StageKind::Initialize);
            assert!(plan.script(initialize).is_none() || self.all_passed(initialize));
        }
        assert!(!self.forced, "{stage} begins although nothing more was wanted");
        self.begun.push((stage, hosts));
    }

    fn outcomes(&self, stage: StageId) -> Vec<Outcome> {
        let results = self.results.get(&stage).into_iter().flatten();
        results.map(|(_, result)| result.outcome).collect()
    }

    fn all_passed(&self, stage: StageId) -> bool {
        let outcomes = self.outcomes(stage);
        !outcomes.is_empty() && outcomes.iter().all(|outcome| *outcome == Outcome::Passed)
    }

    fn case_verdict(&self, plan: &RunPlan, case: u32) -> Verdict {
        let stage = |kind| StageId::of_case(case, kind);
        let [initialize, run, finalize] = [StageKind::Initialize, StageKind::Run, StageKind::Finalize]
            .map(|kind| self.outcomes(stage(kind)));
        let all: Vec<Outcome> = [initialize.clone(), run.clone(), finalize.clone()].concat();
        let given_up =
            run.contains(&Outcome::NotRun) && initialize.iter().all(|outcome| *outcome == Outcome::Passed);
        let no_finalize =
            self.forced && finalize.is_empty() && plan.script(stage(StageKind::Finalize)).is_some();
        let has = |outcome| all.contains(&outcome);
        let because = |cause: bool| given_up && cause;
        match () {
            () if has(Outcome::Cancelled) || no_finalize || because(self.cancelled) => Verdict::Cancelled,
            () if has(Outcome::Lost) || because(!self.lost.is_empty()) => Verdict::Error,
            () if has(Outcome::Failed) || has(Outcome::Killed) => Verdict::Failed,
            () if has(Outcome::TimedOut) || because(self.timed_out) => Verdict::TimedOut,
            () => {
                assert!(!run.is_empty() && all.iter().all(|outcome| *outcome == Outcome::Passed));
                Verdict::Passed
            }
        }
    }

    fn run_verdict(&self, plan: &RunPlan) -> Verdict {
        let initialize = self.outcomes(StageId::SUITE_INITIALIZE);
        let finalize = self.outcomes(StageId::SUITE_FINALIZE);
        let bad = |outcomes: &[Outcome]| outcomes.iter().any(|outcome| *outcome != Outcome::Passed);
        let errors = self.cases.contains(&Verdict::Error) || initialize.contains(&Outcome::Lost);
        match () {
            () if self.cancelled => Verdict::Cancelled,
            () if self.begun.is_empty() || !self.lost.is_empty() || errors => Verdict::Error,
            () if self.timed_out => Verdict::TimedOut,
            () if bad(&initialize) || bad(&finalize) => Verdict::Failed,
            () if self.cases.iter().any(|verdict| *verdict != Verdict::Passed) => Verdict::Failed,
            // Nothing ran that could have passed.
            () if plan.cases.is_empty() => Verdict::Error,
            () => {
                assert_eq!(self.cases.len(), plan.cases.len());
                Verdict::Passed
            }
        }
    }

    /// A case that was begun has its run stage on record, and was finalized where anybody could.
    fn check_case(&self, plan: &RunPlan, case: u32) {
        let run = StageId::of_case(case, StageKind::Run);
        let hosts: BTreeSet<&String> = self.results[&run].keys().collect();
        assert_eq!(hosts, plan.machines_of(run).iter().collect());
        self.check_finalized(plan, StageId::of_case(case, StageKind::Finalize));
    }

    fn check_suite(&self, plan: &RunPlan) {
        if !self.begun.is_empty() {
            self.check_finalized(plan, StageId::SUITE_FINALIZE);
        }
        let begun = self.begun.iter().filter_map(|(stage, _)| stage.case).max();
        assert_eq!(begun.map_or(0, |case| case as usize + 1), self.cases.len(), "a case without a verdict");
    }

    fn check_finalized(&self, plan: &RunPlan, stage: StageId) {
        let somebody = plan.machines_of(stage).iter().any(|host| !self.lost.contains(host));
        let finalized = self.begun.iter().any(|(begun, _)| *begun == stage);
        if plan.script(stage).is_some() && somebody && !self.forced {
            assert!(finalized, "{stage} was left out");
        }
    }
}
