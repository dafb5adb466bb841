//! Agents whose certificates are void.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use xrdtest_model::AgentName;
use xrdtest_model::api::{RevocationInfo, RevocationRequest};
use xrdtest_store::Revocation;

use super::Shared;
use super::extract::{Body, Caller};
use super::problem::Answer;

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<RevocationInfo>>> {
    Ok(Json(engine.store().revocations().await?.into_iter().map(info).collect()))
}

pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<RevocationRequest>,
) -> Answer<(StatusCode, Json<RevocationInfo>)> {
    Ok((StatusCode::CREATED, Json(engine.revoke(request, caller.name).await?)))
}

/// Those that are refused: who has joined anew is not.
pub(crate) async fn standing(engine: &Shared) -> Answer<BTreeMap<AgentName, RevocationInfo>> {
    let all = engine.store().revocations().await?.into_iter().map(info);
    let standing = all.filter(|revocation| revocation.joined.is_none());
    Ok(standing.map(|revocation| (revocation.agent.clone(), revocation)).collect())
}

fn info(revocation: Revocation) -> RevocationInfo {
    let Revocation { identity, at, by, reason, joined, .. } = revocation;
    let name = identity.strip_prefix("xrdtest:").unwrap_or(&identity);
    let name = match name.strip_prefix("slave/external/") {
        Some(host) => format!("slave/{host}"),
        None => name.to_owned(),
    };
    // Whoever is neither is named as he is kept.
    let agent = name.parse().unwrap_or(AgentName::Slave(name));
    RevocationInfo { agent, at, by, reason, joined, already: false }
}
