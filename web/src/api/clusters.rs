//! Clusters: those of the definitions, and those that have a history without being defined any more.

use axum::Json;
use axum::extract::{Path, State};
use xrdtest_model::api::ClusterInfo;
use xrdtest_model::chronicle::{StateWord, SubjectKind, Transition};
use xrdtest_model::definition::{ClusterDefinition, Source};

use super::Shared;
use super::problem::{Answer, Failure};
use super::states;
use super::suites::file_of;

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<ClusterInfo>>> {
    Ok(Json(all(&engine).await?))
}

/// All of them by name.
pub(crate) async fn all(engine: &Shared) -> Answer<Vec<ClusterInfo>> {
    let catalogue = engine.catalogue();
    let mut known = states::present(engine, SubjectKind::Cluster).await?;
    let defined = catalogue.clusters.iter().map(|(name, definition)| {
        let state = known.remove(name);
        info(engine, name, Some(definition), state.as_ref())
    });
    let mut clusters: Vec<_> = defined.collect();
    clusters.extend(catalogue.unreadable_clusters.iter().map(|(name, source)| {
        let state = known.remove(name);
        unreadable(source, info(engine, name, None, state.as_ref()))
    }));
    clusters.extend(known.iter().map(|(name, state)| info(engine, name, None, Some(state))));
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(clusters)
}

pub(crate) async fn show(
    State(engine): State<Shared>,
    Path(name): Path<String>,
) -> Answer<Json<ClusterInfo>> {
    Ok(Json(one(&engine, &name, states::HISTORY).await?))
}

/// One with so much of its history.
pub(crate) async fn one(engine: &Shared, name: &str, states: u32) -> Answer<ClusterInfo> {
    let history = states::latest(engine, SubjectKind::Cluster, name, states).await?;
    let catalogue = engine.catalogue();
    let definition = catalogue.clusters.get(name).map(|it| &**it);
    let source = catalogue.unreadable_clusters.get(name).filter(|_| definition.is_none());
    if definition.is_none() && source.is_none() && history.is_empty() {
        return Err(Failure::not_found(format!("there is no cluster `{name}`"))
            .help("`xrdtest clusters` lists clusters, `xrdtest repositories` where they come from"));
    }
    let info = info(engine, name, definition, history.first());
    let info = match source {
        Some(source) => unreadable(source, info),
        None => info,
    };
    Ok(ClusterInfo { history, ..info })
}

/// One that is defined by a file that can't be evaluated.
fn unreadable(source: &Source, info: ClusterInfo) -> ClusterInfo {
    ClusterInfo { file: file_of(source), defined: true, broken: true, ..info }
}

fn info(
    engine: &Shared,
    name: &str,
    definition: Option<&ClusterDefinition>,
    state: Option<&Transition>,
) -> ClusterInfo {
    let (state, since) = states::state_of(state, StateWord::before_any_event(SubjectKind::Cluster));
    let hosts = definition.map(|it| it.hosts.iter().map(|host| host.name.clone()).collect());
    ClusterInfo {
        name: name.to_owned(),
        file: definition.map(|it| file_of(&it.source)).unwrap_or_default(),
        defined: definition.is_some(),
        broken: definition.is_some_and(|it| it.source.broken),
        external: definition.is_some_and(|it| it.external),
        hosts: hosts.unwrap_or_default(),
        state,
        since,
        instances: engine.instances().into_iter().filter(|instance| instance.cluster == name).collect(),
        history: Vec::new(),
    }
}
