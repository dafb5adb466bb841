//! What can be done, once: the API's handlers and those of the pages' forms call the same functions. `by`: who asks.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use xrdtest_model::api::{
    CancelRequest, ClusterRequest, HoldRequest, HypervisorInfo, InstanceInfo, QueuePause, QueuePauseRequest,
    RerunRequest, RunRequest, RunSummary, SchedulesInfo,
};
use xrdtest_model::{EventBody, Held, HypervisorName, InstanceId, RunId, RunPlan, Verdict};

use crate::api::{Answer, Failure, STARTS, Shared, hypervisors, instances, journal, runs};

/// Asks for runs.
pub(crate) async fn run(engine: &Shared, by: String, request: RunRequest) -> Answer<Vec<RunId>> {
    Ok(engine.submit(request, by).await?)
}

/// Asks for what a run did once more.
pub(crate) async fn rerun(
    engine: &Shared,
    by: String,
    run: &RunId,
    request: RerunRequest,
) -> Answer<Vec<RunId>> {
    let mut old = OldRun::default();
    journal::each(&*engine.store(), run, 0, |event| old.apply(&event.body)).await?;
    let plan = old.plan.as_ref().ok_or_else(|| Failure::unknown_run(run))?;
    let conflict = |error: String| Failure::new(StatusCode::CONFLICT, error);
    if !old.over {
        let help = format!("wait for it, or `xrdtest cancel {run}`");
        return Err(conflict(format!("{run} is not over: nobody knows yet what failed")).help(help));
    }
    let cases = old.cases(plan, request.failed);
    if cases.is_empty() {
        let help = "rerun all of them instead";
        return Err(
            conflict(format!("all cases of {run} have passed: there is nothing to run again")).help(help)
        );
    }
    let what = if request.failed { "what failed in" } else { "all of" };
    let reason = match request.reason.as_str() {
        "" => format!("{what} {run} again"),
        reason => format!("{what} {run} again, {reason}"),
    };
    let tags = plan.overridden.iter().filter_map(|name| Some((name.clone(), plan.tags.get(name)?.clone())));
    let request = RunRequest {
        suite: plan.suite.clone(),
        cases,
        reason,
        keep_on_failure: plan.keep_on_failure,
        tags: tags.collect(),
        repeat: None,
    };
    self::run(engine, by, request).await
}

/// What a rerun must know of the run before.
#[derive(Default)]
struct OldRun {
    plan: Option<Box<RunPlan>>,
    verdicts: BTreeMap<u32, Verdict>,
    over: bool,
}

impl OldRun {
    fn apply(&mut self, body: &EventBody) {
        match body {
            EventBody::RunQueued { plan, .. } => self.plan = Some(plan.clone()),
            EventBody::CaseFinished { case, verdict, .. } => drop(self.verdicts.insert(*case, *verdict)),
            EventBody::RunFinished { .. } => self.over = true,
            _ => {}
        }
    }

    /// The names of its cases, each once; `failed`: of those that did not pass, or were never begun.
    fn cases(&self, plan: &RunPlan, failed: bool) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let wanted = (0u32..).zip(&plan.cases).filter(|(index, case)| {
            let passed = self.verdicts.get(index) == Some(&Verdict::Passed);
            !(failed && passed) && seen.insert(case.name.clone())
        });
        wanted.map(|(_, case)| case.name.clone()).collect()
    }
}

/// Gives a run up; it ends a little later.
pub(crate) async fn cancel(
    engine: &Shared,
    by: String,
    run: &RunId,
    request: CancelRequest,
) -> Answer<RunSummary> {
    engine.cancel(run.clone(), by, request.reason, request.force).await?;
    runs::summary_of(engine, run).await
}

/// Keeps a run for good, or does not any more.
pub(crate) async fn pin(engine: &Shared, run: &RunId, pinned: bool) -> Answer<RunSummary> {
    if !engine.store().pin(run.clone(), pinned).await? {
        return Err(Failure::unknown_run(run));
    }
    runs::summary_of(engine, run).await
}

/// Removes a run and all that it left; answers what was known of it.
pub(crate) async fn delete(engine: &Shared, by: String, run: &RunId) -> Answer<RunSummary> {
    Ok(engine.delete_run(run.clone(), by).await?)
}

/// Takes a run out of the queue.
pub(crate) async fn dequeue(engine: &Shared, by: String, run: &RunId, reason: String) -> Answer<RunSummary> {
    engine.dequeue(run.clone(), by, reason).await?;
    runs::summary_of(engine, run).await
}

/// Starts a cluster by hand; it comes up a little later, or does not.
pub(crate) async fn start_cluster(
    engine: &Shared,
    by: String,
    request: ClusterRequest,
) -> Answer<InstanceInfo> {
    let instance = engine.start_cluster(request, by).await?;
    instances::find(engine, &instance)
}

/// Stops an instance that belongs to no run; it is taken away a little later.
pub(crate) async fn stop_instance(engine: &Shared, by: String, id: &InstanceId) -> Answer<InstanceInfo> {
    let instance = instances::find(engine, id)?;
    engine.stop_cluster(id.clone(), by).await?;
    // Where nothing was left of it so soon, what was there is told.
    Ok(instances::find(engine, id).unwrap_or(instance))
}

/// Pauses the schedule of a suite, of all by an empty name, or lets it go on.
pub(crate) async fn pause_schedule(
    engine: &Shared,
    by: String,
    suite: String,
    paused: bool,
) -> Answer<SchedulesInfo> {
    engine.pause(suite, paused, by).await?;
    Ok(engine.schedules(STARTS))
}

/// Who has paused the queue.
pub(crate) fn queue_pause(engine: &Shared) -> QueuePause {
    QueuePause { paused: engine.holds().remove(&Held::Queue) }
}

/// Pauses the queue, or lets it go on.
pub(crate) async fn pause_queue(
    engine: &Shared,
    by: String,
    request: QueuePauseRequest,
) -> Answer<QueuePause> {
    engine.hold(Held::Queue, by, request.paused.then_some(request.reason)).await?;
    Ok(queue_pause(engine))
}

/// Holds a hypervisor, or lets go of it.
pub(crate) async fn hold(
    engine: &Shared,
    by: String,
    name: &HypervisorName,
    request: HoldRequest,
) -> Answer<HypervisorInfo> {
    let on = Held::Hypervisor(name.clone());
    engine.hold(on, by, request.held.then_some(request.reason)).await?;
    hypervisors::one(engine, name).await
}
