//! Instances: all that exist, whoever owns them; clusters that are started and stopped by hand.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use xrdtest_model::api::{ClusterRequest, InstanceDetails, InstanceInfo, SlaveInfo};
use xrdtest_model::chronicle::{Chronicle, SubjectKind, Transition};
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::{AgentName, InstanceId, MachineId, RunId};

use super::Shared;
use super::extract::{Body, Caller};
use super::journal;
use super::problem::{Answer, Failure};
use super::{revocations, slaves, states};
use crate::actions;

pub(crate) async fn list(State(engine): State<Shared>) -> Json<Vec<InstanceInfo>> {
    Json(engine.instances())
}

/// It comes up a little later, or does not; its events tell.
pub(crate) async fn create(
    State(engine): State<Shared>,
    caller: Caller,
    Body(request): Body<ClusterRequest>,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<InstanceInfo>)> {
    let started = actions::start_cluster(&engine, caller.name, request).await?;
    let location = format!("/api/v1/instances/{}", started.instance);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(started)))
}

pub(crate) async fn show(
    State(engine): State<Shared>,
    Path(id): Path<InstanceId>,
) -> Answer<Json<InstanceDetails>> {
    let instance = find(&engine, &id)?;
    let known = states::machines(&engine, std::slice::from_ref(&instance)).await?;
    let present: Vec<String> = engine.slaves().iter().map(slaves::name_of).collect();
    let instances = std::slice::from_ref(&instance);
    let mut revoked = revocations::standing(&engine).await?;
    let machines = instance.hosts.iter().map(|host| {
        let physical = instance.hypervisor.as_str() == EXTERNAL;
        let machine = if physical { MachineId::physical(host) } else { MachineId::new(id.clone(), host) };
        let name = slaves::name_of(&machine);
        let (slave, _) = slaves::info(&name, present.contains(&name), known.get(&name), instances);
        SlaveInfo { revoked: revoked.remove(&AgentName::Slave(name)), ..slave }
    });
    let machines = machines.collect();
    let history = history(&engine, &instance).await?;
    let state = history.first().map_or(&instance.state, |latest| &latest.state).clone();
    let instance = InstanceInfo { state, ..instance };
    Ok(Json(InstanceDetails { instance, machines, history }))
}

/// It is taken away a little later; its events tell.
pub(crate) async fn remove(
    State(engine): State<Shared>,
    caller: Caller,
    Path(id): Path<InstanceId>,
) -> Answer<(StatusCode, Json<InstanceInfo>)> {
    Ok((StatusCode::ACCEPTED, Json(actions::stop_instance(&engine, caller.name, &id).await?)))
}

pub(crate) fn unknown(id: &InstanceId) -> Failure {
    Failure::not_found(format!("there is no instance `{id}`"))
        .help("GET /api/v1/instances lists those that exist; /api/v1/clusters/NAME tells of those that did")
}

/// The run that the events of an instance are filed under; its own id where it was started by hand.
pub(crate) fn filed_under(engine: &Shared, id: &InstanceId) -> RunId {
    let run = find(engine, id).ok().and_then(|instance| instance.run);
    run.unwrap_or_else(|| RunId::new(id.as_str()))
}

pub(crate) fn find(engine: &Shared, id: &InstanceId) -> Answer<InstanceInfo> {
    engine.instances().into_iter().find(|instance| instance.instance == *id).ok_or_else(|| unknown(id))
}

/// The states of an instance, newest first: those of its cluster while it lived, which the events that are filed with it
/// tell.
async fn history(engine: &Shared, instance: &InstanceInfo) -> Answer<Vec<Transition>> {
    let mut chronicle = Chronicle::default();
    let mut told = Vec::new();
    let filed = filed_under(engine, &instance.instance);
    journal::each(&*engine.store(), &filed, 0, |event| told.extend(chronicle.apply(event))).await?;
    told.retain(|entry| entry.subject.kind == SubjectKind::Cluster && entry.subject.name == instance.cluster);
    told.reverse();
    Ok(told)
}
