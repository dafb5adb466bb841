//! States in the manual's words: what the store knows, and what is so before anything happened.

use std::collections::BTreeMap;

use xrdtest_model::Timestamp;
use xrdtest_model::chronicle::{StateWord, Subject, SubjectKind, Transition};

use super::Shared;
use super::problem::Answer;

/// States told in the answer about one subject.
const HISTORY: u32 = 200;

/// The present states of all subjects of a kind, by name.
pub(crate) async fn present(engine: &Shared, kind: SubjectKind) -> Answer<BTreeMap<String, Transition>> {
    let states = engine.store().states(kind).await?;
    Ok(states.into_iter().map(|state| (state.subject.name.clone(), state)).collect())
}

/// The states of one subject, newest first.
pub(crate) async fn history(engine: &Shared, kind: SubjectKind, name: &str) -> Answer<Vec<Transition>> {
    let subject = Subject { kind, name: name.to_owned() };
    Ok(engine.store().history(subject, HISTORY).await?)
}

/// The present state and since when; `before` anything happened.
pub(crate) fn state_of(known: Option<&Transition>, before: StateWord) -> (StateWord, Option<Timestamp>) {
    match known {
        Some(known) => (known.state.clone(), Some(known.at)),
        None => (before, None),
    }
}

fn word(constant: &str, code: i32, text: &str) -> StateWord {
    StateWord { constant: constant.to_owned(), code, text: text.to_owned() }
}

/// Of a suite that never ran.
pub(crate) fn suite_defined() -> StateWord {
    word("S_DEF_OK", 1, "Test suite definition complete")
}

/// Of a cluster that was never started.
pub(crate) fn cluster_defined() -> StateWord {
    word("S_DEFINED", 0, "Cluster defined correctly.")
}

/// Of an agent that nothing is known of but whether it is in contact.
pub(crate) fn contact(connected: bool) -> StateWord {
    match connected {
        true => word("S_CONNECTED_IDLE", 1, "Connected"),
        false => word("S_NOT_CONNECTED", 2, "Not connected"),
    }
}
