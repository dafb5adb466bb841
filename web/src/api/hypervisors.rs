//! Hypervisor agents: those that the engine has met since its start, and those that the store remembers.

use axum::Json;
use axum::extract::{Path, State};
use xrdtest_model::api::{HoldRequest, HypervisorInfo};
use xrdtest_model::chronicle::{SubjectKind, Transition};
use xrdtest_model::{AgentName, Held, HypervisorName};

use super::Shared;
use super::extract::{Body, Caller};
use super::problem::{Answer, Failure};
use super::{revocations, states};
use crate::actions;

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<HypervisorInfo>>> {
    Ok(Json(all(&engine).await?))
}

pub(crate) async fn show(
    State(engine): State<Shared>,
    Path(name): Path<HypervisorName>,
) -> Answer<Json<HypervisorInfo>> {
    Ok(Json(one(&engine, &name).await?))
}

/// While it is held nothing new is made on it; what is there goes on.
pub(crate) async fn hold(
    State(engine): State<Shared>,
    caller: Caller,
    Path(name): Path<HypervisorName>,
    Body(request): Body<HoldRequest>,
) -> Answer<Json<HypervisorInfo>> {
    Ok(Json(actions::hold(&engine, caller.name, &name, request).await?))
}

/// One with its history.
pub(crate) async fn one(engine: &Shared, name: &HypervisorName) -> Answer<HypervisorInfo> {
    let history = states::history(engine, SubjectKind::Hypervisor, name.as_str()).await?;
    let info = all(engine).await?.into_iter().find(|info| info.name == *name).ok_or_else(|| {
        Failure::not_found(format!("there is no hypervisor `{name}`")).help(
            "`xrdtest hypervisors` lists those that have ever been in contact (GET /api/v1/hypervisors)",
        )
    })?;
    Ok(HypervisorInfo { history, ..info })
}

/// All that were ever in contact, by name.
pub(crate) async fn all(engine: &Shared) -> Answer<Vec<HypervisorInfo>> {
    let mut known = states::present(engine, SubjectKind::Hypervisor).await?;
    let mut all: Vec<_> = engine
        .hypervisors()
        .into_iter()
        .map(|met| match known.remove(met.name.as_str()) {
            Some(state) => HypervisorInfo { state: state.state, since: Some(state.at), ..met },
            None => met,
        })
        .collect();
    all.extend(known.into_values().map(|state| away(engine, state)));
    let mut revoked = revocations::standing(engine).await?;
    for info in &mut all {
        info.revoked = revoked.remove(&AgentName::Hypervisor(info.name.clone()));
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// One that has not been in contact since the engine's start.
fn away(engine: &Shared, state: Transition) -> HypervisorInfo {
    let name = HypervisorName::new(state.subject.name);
    HypervisorInfo {
        state: states::contact(false),
        since: Some(state.at),
        connected: false,
        provider: String::new(),
        room: None,
        free: None,
        labels: Vec::new(),
        detail: String::new(),
        load: None,
        clock_ahead_ms: None,
        held: engine.holds().remove(&Held::Hypervisor(name.clone())),
        revoked: None,
        instances: engine.instances().into_iter().filter(|instance| instance.hypervisor == name).collect(),
        history: Vec::new(),
        name,
    }
}
