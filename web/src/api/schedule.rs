//! Suites that start by themselves.

use axum::Json;
use axum::extract::{Path, State};
use xrdtest_model::api::{PauseRequest, SchedulesInfo};

use super::Shared;
use super::extract::{Body, Caller};
use super::problem::Answer;
use crate::actions;

/// Starts to come that are told of each suite.
pub(crate) const STARTS: usize = 10;

pub(crate) async fn show(State(engine): State<Shared>) -> Json<SchedulesInfo> {
    Json(engine.schedules(STARTS))
}

/// Answers with all schedules.
pub(crate) async fn pause_all(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<PauseRequest>,
) -> Answer<Json<SchedulesInfo>> {
    Ok(Json(actions::pause_schedule(&engine, caller.name, String::new(), request.paused).await?))
}

/// Answers with all schedules.
pub(crate) async fn pause(
    State(engine): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<PauseRequest>,
) -> Answer<Json<SchedulesInfo>> {
    Ok(Json(actions::pause_schedule(&engine, caller.name, name, request.paused).await?))
}
