//! States in the manual's words: what the store knows, and what is so before anything happened.

use std::collections::BTreeMap;

use xrdtest_model::Timestamp;
use xrdtest_model::api::InstanceInfo;
use xrdtest_model::chronicle::{StateWord, Subject, SubjectKind, Transition};

use super::Shared;
use super::problem::Answer;

/// States told in the answer about one subject.
pub(crate) const HISTORY: u32 = 200;

/// The present states of all subjects of a kind, by name.
pub(crate) async fn present(engine: &Shared, kind: SubjectKind) -> Answer<BTreeMap<String, Transition>> {
    let states = engine.store().states(kind).await?;
    Ok(states.into_iter().map(|state| (state.subject.name.clone(), state)).collect())
}

/// The present states of physical machines, and of those of instances, by name.
pub(crate) async fn machines(
    engine: &Shared,
    instances: &[InstanceInfo],
) -> Answer<BTreeMap<String, Transition>> {
    let instances = instances.iter().map(|instance| instance.instance.clone()).collect();
    let states = engine.store().machines(instances).await?;
    Ok(states.into_iter().map(|state| (state.subject.name.clone(), state)).collect())
}

/// The states of one subject, newest first.
pub(crate) async fn history(engine: &Shared, kind: SubjectKind, name: &str) -> Answer<Vec<Transition>> {
    latest(engine, kind, name, HISTORY).await
}

/// Of them so many.
pub(crate) async fn latest(
    engine: &Shared,
    kind: SubjectKind,
    name: &str,
    limit: u32,
) -> Answer<Vec<Transition>> {
    let subject = Subject { kind, name: name.to_owned() };
    Ok(engine.store().history(subject, limit).await?)
}

/// The present state and since when; `otherwise` where nothing has happened yet.
pub(crate) fn state_of(known: Option<&Transition>, otherwise: StateWord) -> (StateWord, Option<Timestamp>) {
    match known {
        Some(known) => (known.state.clone(), Some(known.at)),
        None => (otherwise, None),
    }
}

/// Of an agent that nothing is known of but whether it is in contact.
pub(crate) fn contact(connected: bool) -> StateWord {
    StateWord::of_constant(if connected { "S_CONNECTED_IDLE" } else { "S_NOT_CONNECTED" })
}
