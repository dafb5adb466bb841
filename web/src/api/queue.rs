//! Runs that wait for a place.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use xrdtest_model::RunId;
use xrdtest_model::api::{QueueEntry, RunSummary};

use super::Shared;
use super::extract::{Caller, Params};
use super::problem::Answer;
use super::runs::summary_of;

pub(crate) async fn list(State(engine): State<Shared>) -> Json<Vec<QueueEntry>> {
    Json(engine.queue())
}

#[derive(Debug, Deserialize)]
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
    engine.dequeue(run.clone(), caller.name, removal.reason).await?;
    Ok(Json(summary_of(&engine, &run).await?))
}
