//! Which suite or cluster is meant.

use xrdtest_model::definition::Catalogue;
use xrdtest_model::plan_document::PlanKind;

use crate::known;
use crate::suggest::{list, nearest};

/// A suite or a cluster of a catalogue; it need not have been evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which of them.
    pub kind: PlanKind,
    /// Its name.
    pub name: String,
    /// File of its definition, relative to the repository.
    pub file: String,
}

/// There is no such suite or cluster.
#[derive(Debug, thiserror::Error)]
#[error("there is no suite or cluster `{name}`{}", near.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default())]
pub struct PlanError {
    /// As asked for.
    pub name: String,
    /// A name that is like it.
    pub near: Option<String>,
    /// What there is, in words.
    pub help: String,
}

/// Finds what a name means. `within` is the folder that a path leads into, `suites` or `clusters`; without it a suite
/// comes before a cluster of the same name.
///
/// # Errors
/// Where there is none.
pub fn find(catalogue: &Catalogue, name: &str, within: Option<&str>) -> Result<Subject, PlanError> {
    let (suites, clusters) = (known::suites(catalogue), known::clusters(catalogue));
    let kinds = [(PlanKind::Suite, "suites", &suites), (PlanKind::Cluster, "clusters", &clusters)];
    for (kind, folder, known) in kinds {
        if within.is_none_or(|wanted| wanted == folder)
            && let Some(file) = known.get(name)
        {
            return Ok(Subject { kind, name: name.to_owned(), file: file.to_string() });
        }
    }
    let names = |known: &known::Known| known.keys().cloned().collect::<Vec<_>>();
    let (suites, clusters) = (names(&suites), names(&clusters));
    let all = || suites.iter().chain(&clusters).map(String::as_str);
    let told = |what: &str, names: &[String]| match names {
        [] => format!("no {what}"),
        names => format!("{what} {}", list(&names.iter().map(String::as_str).collect::<Vec<_>>())),
    };
    Err(PlanError {
        near: nearest(name, all()).map(str::to_owned),
        name: name.to_owned(),
        help: format!("this repository has {}; {}", told("suites", &suites), told("clusters", &clusters)),
    })
}
