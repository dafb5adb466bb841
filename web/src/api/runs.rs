//! Runs: asked for, listed, told, given up.

use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;
use xrdtest_model::api::{
    ArchiveRequest, Archived, CancelRequest, PinRequest, RerunRequest, RunCreated, RunRequest, RunSummary,
};
use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_model::{RunId, RunPlan, Timestamp, Verdict};
use xrdtest_report::RunRecorder;
use xrdtest_store::RunFilter;

use super::Shared;
use super::extract::{Body, Caller, Params, limit, now};
use super::files::{FileEvidence, folder_of};
use super::journal;
use super::paging::{Paged, next};
use super::problem::{Answer, Failure};
use crate::actions;

/// Runs in a list, unless said otherwise, and at most.
const LISTED: (u32, u32) = (100, 1000);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// Of this suite only.
    suite: Option<String>,
    /// With this verdict only.
    verdict: Option<Verdict>,
    /// Only those that are over, or are not.
    over: Option<bool>,
    /// Asked for at this time or later, in milliseconds since 1970.
    since: Option<Timestamp>,
    /// Asked for before this time, in milliseconds since 1970.
    before: Option<Timestamp>,
    /// At most so many, 1 to 1000; absent: 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(engine): State<Shared>,
    OriginalUri(uri): OriginalUri,
    Params(filter): Params<Filter>,
) -> Answer<Paged<RunSummary>> {
    let Filter { suite, verdict, over, since, before, limit: asked } = filter;
    let limit = limit(asked, LISTED.0, LISTED.1)?;
    let runs = engine.store().runs(RunFilter { suite, verdict, over, since, before, limit }).await?;
    let more = runs.last().filter(|_| runs.len() == limit as usize);
    let next = more.map(|last| next(&uri, "before", last.queued.as_millis()));
    Ok(Paged { next, items: runs })
}

/// Where the first new run is told, and all of them.
type Created = (StatusCode, [(HeaderName, String); 1], Json<RunCreated>);

fn created(runs: Vec<RunId>) -> Answer<Created> {
    let run = runs.first().cloned().ok_or_else(|| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the engine queued no run, and does not say why")
    })?;
    let location = format!("/api/v1/runs/{run}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(RunCreated { run, runs })))
}

pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<RunRequest>,
) -> Answer<Created> {
    created(actions::run(&engine, caller.name, request).await?)
}

/// What a run that is over did, or what of it failed, once more.
pub(crate) async fn rerun(
    State(engine): State<Shared>,
    caller: Caller,
    Path(run): Path<RunId>,
    request: Option<Body<RerunRequest>>,
) -> Answer<Created> {
    let request = request.map(|Body(request)| request).unwrap_or_default();
    created(actions::rerun(&engine, caller.name, &run, request).await?)
}

/// Answers what was known of it.
pub(crate) async fn delete(
    State(engine): State<Shared>,
    caller: Caller,
    Path(run): Path<RunId>,
) -> Answer<Json<RunSummary>> {
    Ok(Json(actions::delete(&engine, caller.name, &run).await?))
}

/// The run document with this one run, over or not.
pub(crate) async fn show(State(engine): State<Shared>, Path(run): Path<RunId>) -> Answer<Json<RunsDocument>> {
    let mut recorder = RunRecorder::new(run.clone());
    journal::each(&*engine.store(), &run, 0, |event| recorder.apply(event)).await?;
    Ok(Json(RunsDocument::new(vec![record(&engine, &run, recorder).await?])))
}

/// What a recorder that has heard all events of a run makes of them, with what the run is doing and where its files are.
pub(crate) async fn record(engine: &Shared, run: &RunId, recorder: RunRecorder) -> Answer<RunRecord> {
    let phase = engine.phases().into_iter().find(|(other, _)| other == run).map(|(_, phase)| phase);
    let folder = folder_of(&engine.runs_folder(), run);
    let told = tokio::task::spawn_blocking(move || {
        let mut record = recorder.record_at(now(), &FileEvidence::new(folder.clone()))?;
        record.phase = phase.filter(|_| record.verdict.is_none());
        record.directory = folder.is_dir().then(|| folder.to_string_lossy().into_owned());
        Some(record)
    });
    let record = told.await.map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the record of {run} broke off: {error}"))
    })?;
    record.ok_or_else(|| Failure::unknown_run(run))
}

/// The definition as it was.
pub(crate) async fn plan(State(engine): State<Shared>, Path(run): Path<RunId>) -> Answer<Json<RunPlan>> {
    Ok(Json(*journal::plan(&*engine.store(), &run).await?))
}

/// The run ends a little later; its events tell.
pub(crate) async fn cancel(
    State(engine): State<Shared>,
    caller: Caller,
    Path(run): Path<RunId>,
    request: Option<Body<CancelRequest>>,
) -> Answer<(StatusCode, Json<RunSummary>)> {
    let request = request.map(|Body(request)| request).unwrap_or_default();
    Ok((StatusCode::ACCEPTED, Json(actions::cancel(&engine, caller.name, &run, request).await?)))
}

pub(crate) async fn pin(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
    Body(request): Body<PinRequest>,
) -> Answer<Json<RunSummary>> {
    Ok(Json(actions::pin(&engine, &run, request.pinned).await?))
}

pub(crate) async fn archive(
    State(engine): State<Shared>,
    Body(request): Body<ArchiveRequest>,
) -> Answer<Json<Archived>> {
    if request.runs.is_empty() && request.older_than_s.is_none() {
        return Err(Failure::unprocessable("which runs are to be archived is not said")
            .help("name them in `runs`, or give their age in seconds in `older_than_s`"));
    }
    Ok(Json(engine.archive(request).await?))
}

/// A run as lists tell it.
pub(crate) async fn summary_of(engine: &Shared, run: &RunId) -> Answer<RunSummary> {
    engine.store().run(run.clone()).await?.ok_or_else(|| Failure::unknown_run(run))
}
