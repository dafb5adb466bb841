//! Slave agents: those in contact, and those that the store remembers.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use xrdtest_model::api::{InstanceInfo, SlaveInfo};
use xrdtest_model::chronicle::{SubjectKind, Transition};
use xrdtest_model::{AgentName, MachineId};

use super::Shared;
use super::extract::Params;
use super::problem::{Answer, Failure};
use super::{revocations, states};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of instances of which nothing is left, too.
    #[serde(default)]
    all: bool,
}

/// Physical machines, away or not, and the machines of instances of which something may be left; or all that ever were.
pub(crate) async fn list(
    State(engine): State<Shared>,
    Params(which): Params<Which>,
) -> Answer<Json<Vec<SlaveInfo>>> {
    Ok(Json(all(&engine, which.all).await?))
}

/// The same; `gone`: those of instances of which nothing is left, too.
pub(crate) async fn all(engine: &Shared, gone: bool) -> Answer<Vec<SlaveInfo>> {
    let instances = engine.instances();
    let present: BTreeSet<String> = engine.slaves().iter().map(name_of).collect();
    let known = match gone {
        true => states::present(engine, SubjectKind::Slave).await?,
        false => states::machines(engine, &instances).await?,
    };
    let names: BTreeSet<&String> = present.iter().chain(known.keys()).collect();
    let slaves = names
        .into_iter()
        .map(|name| info(name, present.contains(name), known.get(name), &instances))
        .filter(|(slave, lives)| gone || slave.connected || slave.physical || *lives);
    let mut revoked = revocations::standing(engine).await?;
    let slaves = slaves.map(|(slave, _)| SlaveInfo {
        revoked: revoked.remove(&AgentName::Slave(slave.name.clone())),
        ..slave
    });
    Ok(slaves.collect())
}

pub(crate) async fn show(State(engine): State<Shared>, Path(name): Path<String>) -> Answer<Json<SlaveInfo>> {
    Ok(Json(one(&engine, &name).await?))
}

/// One with its history.
pub(crate) async fn one(engine: &Shared, name: &str) -> Answer<SlaveInfo> {
    let history = states::history(engine, SubjectKind::Slave, name).await?;
    let connected = engine.slaves().iter().any(|machine| name_of(machine) == name);
    if !connected && history.is_empty() {
        return Err(Failure::not_found(format!("there is no slave `{name}`"))
            .help("`xrdtest slaves --all` lists them (GET /api/v1/slaves): INSTANCE/HOST, physical machines by host name"));
    }
    let (slave, _) = info(name, connected, history.first(), &engine.instances());
    let revoked = revocations::standing(engine).await?.remove(&AgentName::Slave(name.to_owned()));
    Ok(SlaveInfo { history, revoked, ..slave })
}

/// `INSTANCE/HOST`; of a physical machine its host name.
pub(crate) fn name_of(machine: &MachineId) -> String {
    if machine.is_physical() { machine.host.clone() } else { machine.to_string() }
}

/// What is known of a slave, and whether something may be left of its instance.
pub(crate) fn info(
    name: &str,
    connected: bool,
    known: Option<&Transition>,
    instances: &[InstanceInfo],
) -> (SlaveInfo, bool) {
    let machine: Option<MachineId> = name.parse().ok();
    let instance = machine
        .as_ref()
        .and_then(|machine| instances.iter().find(|instance| instance.instance == machine.instance));
    let (state, since) = states::state_of(known, states::contact(connected));
    let slave = SlaveInfo {
        name: name.to_owned(),
        host: machine.as_ref().map_or(name, |machine| &machine.host).to_owned(),
        physical: machine.is_none(),
        connected,
        state,
        since,
        detail: known.map(|known| known.detail.clone()).unwrap_or_default(),
        run: instance
            .and_then(|instance| instance.run.clone())
            .or_else(|| known.and_then(|known| known.run.clone())),
        revoked: None,
        history: Vec::new(),
    };
    (slave, instance.is_some())
}
