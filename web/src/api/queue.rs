//! Runs that wait for a place.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use xrdtest_model::RunId;
use xrdtest_model::api::{QueueEntry, QueuePause, QueuePauseRequest, RunSummary};

use super::Shared;
use super::extract::{Body, Caller, Params};
use super::problem::Answer;
use crate::actions;

pub(crate) async fn list(State(engine): State<Shared>) -> Json<Vec<QueueEntry>> {
    Json(engine.queue())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Removal {
    #[serde(default)]
    reason: String,
}

/// Takes a run out of the queue; a conflict where it has a place already. The run ends as cancelled, with its record.
pub(crate) async fn remove(
    State(engine): State<Shared>,
    caller: Caller,
    Path(run): Path<RunId>,
    Params(removal): Params<Removal>,
) -> Answer<Json<RunSummary>> {
    Ok(Json(actions::dequeue(&engine, caller.name, &run, removal.reason).await?))
}

/// Who has paused it.
pub(crate) async fn paused(State(engine): State<Shared>) -> Json<QueuePause> {
    Json(actions::queue_pause(&engine))
}

/// While it is paused no run gets a place; what runs goes on.
pub(crate) async fn pause(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<QueuePauseRequest>,
) -> Answer<Json<QueuePause>> {
    Ok(Json(actions::pause_queue(&engine, caller.name, request).await?))
}
