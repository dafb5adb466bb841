//! Suites: those of the definitions, and those that have a history without being defined any more.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use xrdtest_model::api::{RunSummary, SuiteInfo};
use xrdtest_model::chronicle::{StateWord, SubjectKind, Transition};
use xrdtest_model::definition::{Catalogue, Source, SuiteDefinition};
use xrdtest_store::RunFilter;

use super::Shared;
use super::problem::{Answer, Failure};
use super::states;

/// Runs told of each suite in the list, and in the answer about one.
const RUNS: (u32, u32) = (5, 50);

/// Starts to come, likewise.
const STARTS: (usize, usize) = (1, 10);

pub(crate) async fn list(State(engine): State<Shared>) -> Answer<Json<Vec<SuiteInfo>>> {
    Ok(Json(all(&engine, RUNS.0 as usize).await?))
}

/// All of them by name, each with so many of its latest runs.
pub(crate) async fn all(engine: &Shared, runs: usize) -> Answer<Vec<SuiteInfo>> {
    let runs = u32::try_from(runs).unwrap_or(RUNS.1);
    let mut latest: HashMap<String, Vec<RunSummary>> = HashMap::new();
    for run in engine.store().latest_runs(runs).await? {
        latest.entry(run.suite.clone()).or_default().push(run);
    }
    let mut runs_of = |name: &str| latest.remove(name).unwrap_or_default();
    let catalogue = engine.catalogue();
    let schedules = engine.schedules(STARTS.0).suites;
    let mut schedules: HashMap<_, _> = schedules.into_iter().map(|it| (it.suite.clone(), it)).collect();
    let mut known = states::present(engine, SubjectKind::Suite).await?;
    let mut suites = Vec::new();
    for (name, definition) in &catalogue.suites {
        let state = known.remove(name);
        let info = info(&catalogue, name, Some(definition), state.as_ref(), runs_of(name));
        suites.push(SuiteInfo { schedule: schedules.remove(name), ..info });
    }
    for (name, source) in &catalogue.unreadable_suites {
        let state = known.remove(name);
        suites.push(unreadable(source, info(&catalogue, name, None, state.as_ref(), runs_of(name))));
    }
    for (name, state) in &known {
        suites.push(info(&catalogue, name, None, Some(state), runs_of(name)));
    }
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(suites)
}

pub(crate) async fn show(State(engine): State<Shared>, Path(name): Path<String>) -> Answer<Json<SuiteInfo>> {
    Ok(Json(one(&engine, &name, RUNS.1, states::HISTORY).await?))
}

/// One with so many of its latest runs, and so much of its history, which is told from the events of each run in it.
pub(crate) async fn one(engine: &Shared, name: &str, runs: u32, states: u32) -> Answer<SuiteInfo> {
    let history = states::latest(engine, SubjectKind::Suite, name, states).await?;
    let catalogue = engine.catalogue();
    let definition = catalogue.suites.get(name);
    let source = catalogue.unreadable_suites.get(name).filter(|_| definition.is_none());
    if definition.is_none() && source.is_none() && history.is_empty() {
        return Err(Failure::not_found(format!("there is no suite `{name}`"))
            .help("`xrdtest suites` lists suites, `xrdtest repositories` where they come from"));
    }
    let filter = RunFilter { suite: Some(name.to_owned()), limit: runs, ..RunFilter::default() };
    let runs = engine.store().runs(filter).await?;
    let info = info(&catalogue, name, definition.map(|it| &**it), history.first(), runs);
    let info = match source {
        Some(source) => unreadable(source, info),
        None => info,
    };
    let schedule = engine.schedule(name, STARTS.1);
    Ok(SuiteInfo { schedule, history, ..info })
}

/// Whether there are errors in it, or in a cluster that it needs.
fn cannot_run(catalogue: &Catalogue, suite: &SuiteDefinition) -> bool {
    let is_whole = |name: &String| catalogue.clusters.get(name).is_some_and(|it| !it.source.broken);
    suite.source.broken || !suite.clusters.iter().all(is_whole)
}

/// One that is defined by a file that can't be evaluated.
fn unreadable(source: &Source, info: SuiteInfo) -> SuiteInfo {
    SuiteInfo { file: file_of(source), defined: true, broken: true, ..info }
}

fn info(
    catalogue: &Catalogue,
    name: &str,
    definition: Option<&SuiteDefinition>,
    state: Option<&Transition>,
    runs: Vec<RunSummary>,
) -> SuiteInfo {
    let (state, since) = states::state_of(state, StateWord::before_any_event(SubjectKind::Suite));
    let of = |list: fn(&SuiteDefinition) -> Vec<String>| definition.map(list).unwrap_or_default();
    SuiteInfo {
        name: name.to_owned(),
        title: definition.and_then(|it| it.desc_name.clone()),
        file: definition.map(|it| file_of(&it.source)).unwrap_or_default(),
        defined: definition.is_some(),
        broken: definition.is_some_and(|it| cannot_run(catalogue, it)),
        clusters: of(|it| it.clusters.clone()),
        cases: of(|it| it.tests.iter().map(|case| case.name.clone()).collect()),
        state,
        since,
        runs,
        schedule: None,
        history: Vec::new(),
    }
}

/// Absolute path of a definition's file.
pub(crate) fn file_of(source: &Source) -> String {
    std::path::Path::new(&source.repository).join(&*source.file).to_string_lossy().into_owned()
}
