//! Accounts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use xrdtest_model::api::{UserChange, UserInfo, UserRequest};

use super::Shared;
use super::extract::{Body, Caller, now};
use super::problem::Answer;
use crate::access::accounts;

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<UserInfo>>> {
    Ok(Json(accounts::list(&*engine.store(), now()).await?))
}

pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<UserRequest>,
) -> Answer<(StatusCode, Json<UserInfo>)> {
    let UserRequest { name, role, password } = request;
    accounts::check_name(&name)?;
    let hash = engine.access().hash(password).await?;
    let made = accounts::add(&*engine.store(), name, role, hash, caller.name, now()).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(crate) async fn change(
    State(engine): State<Shared>,
    Path(name): Path<String>,
    Body(UserChange { role, password }): Body<UserChange>,
) -> Answer<Json<UserInfo>> {
    let hash = match password {
        Some(password) => Some(engine.access().hash(password).await?),
        None => None,
    };
    Ok(Json(accounts::change(&*engine.store(), name, role, hash, now()).await?))
}

pub(crate) async fn remove(State(engine): State<Shared>, Path(name): Path<String>) -> Answer<Json<UserInfo>> {
    Ok(Json(accounts::remove(&*engine.store(), name, now()).await?))
}
