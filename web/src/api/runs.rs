//! Runs: asked for, listed, told, given up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use serde::Deserialize;
use xrdtest_model::api::{
    ArchiveRequest, Archived, CancelRequest, PinRequest, RunCreated, RunRequest, RunSummary,
};
use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_model::{RunId, RunPlan, Timestamp, Verdict};
use xrdtest_report::RunRecorder;
use xrdtest_store::RunFilter;

use super::Shared;
use super::extract::{Body, Caller, Params, limit, now};
use super::files::{FileEvidence, folder_of};
use super::journal;
use super::problem::{Answer, Failure};

/// Runs in a list, unless said otherwise, and at most.
const LISTED: (u32, u32) = (100, 1000);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    suite: Option<String>,
    verdict: Option<Verdict>,
    over: Option<bool>,
    since: Option<Timestamp>,
    before: Option<Timestamp>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(engine): State<Shared>,
    Params(filter): Params<Filter>,
) -> Answer<Json<Vec<RunSummary>>> {
    let Filter { suite, verdict, over, since, before, limit: asked } = filter;
    let limit = limit(asked, LISTED.0, LISTED.1)?;
    Ok(Json(engine.store().runs(RunFilter { suite, verdict, over, since, before, limit }).await?))
}

pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<RunRequest>,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<RunCreated>)> {
    let run = engine.submit(request, caller.name).await?;
    let location = format!("/api/v1/runs/{run}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(RunCreated { run })))
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
    let CancelRequest { reason, force } = request.map(|Body(request)| request).unwrap_or_default();
    engine.cancel(run.clone(), caller.name, reason, force).await?;
    Ok((StatusCode::ACCEPTED, Json(summary_of(&engine, &run).await?)))
}

pub(crate) async fn pin(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
    Body(request): Body<PinRequest>,
) -> Answer<Json<RunSummary>> {
    if !engine.store().pin(run.clone(), request.pinned).await? {
        return Err(Failure::unknown_run(&run));
    }
    Ok(Json(summary_of(&engine, &run).await?))
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
