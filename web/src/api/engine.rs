//! The engine itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use xrdtest_model::api::{DefinitionsInfo, EngineInfo, LogLevel};

use super::Shared;
use super::extract::Body;
use super::problem::Answer;

pub(crate) async fn status(State(engine): State<Shared>) -> Json<EngineInfo> {
    Json(engine.info())
}

pub(crate) async fn definitions(State(engine): State<Shared>) -> Json<DefinitionsInfo> {
    Json(engine.info().definitions)
}

/// Answers what is loaded now.
pub(crate) async fn reload(State(engine): State<Shared>) -> Answer<Json<DefinitionsInfo>> {
    engine.reload().await?;
    Ok(Json(engine.info().definitions))
}

/// The engine ends after this answer.
pub(crate) async fn stop(State(engine): State<Shared>) -> Answer<(StatusCode, Json<EngineInfo>)> {
    let info = engine.info();
    engine.stop().await?;
    Ok((StatusCode::ACCEPTED, Json(info)))
}

pub(crate) async fn log_level(State(engine): State<Shared>) -> Json<LogLevel> {
    Json(LogLevel { log_level: engine.info().log_level })
}

pub(crate) async fn set_log_level(
    State(engine): State<Shared>,
    Body(level): Body<LogLevel>,
) -> Answer<Json<LogLevel>> {
    engine.set_log_level(level.log_level).await?;
    Ok(Json(LogLevel { log_level: engine.info().log_level }))
}
