//! Where definitions come from.

use axum::Json;
use axum::extract::{Path, State};
use xrdtest_model::api::RepositoryInfo;

use super::Shared;
use super::problem::{Answer, Failure};

pub(crate) async fn list(State(engine): State<Shared>) -> Json<Vec<RepositoryInfo>> {
    Json(engine.repositories())
}

pub(crate) async fn show(
    State(engine): State<Shared>,
    Path(name): Path<String>,
) -> Answer<Json<RepositoryInfo>> {
    let found = engine.repositories().into_iter().find(|repository| repository.name == name);
    let unknown = || {
        Failure::not_found(format!("there is no repository `{name}`"))
            .help("`xrdtest repositories` lists them (GET /api/v1/repositories)")
    };
    found.map(Json).ok_or_else(unknown)
}

/// Looks at it at once. A remote that can't be had is no failure of this request: the answer says so.
pub(crate) async fn fetch(
    State(engine): State<Shared>,
    Path(name): Path<String>,
) -> Answer<Json<RepositoryInfo>> {
    Ok(Json(engine.fetch(name).await?))
}
