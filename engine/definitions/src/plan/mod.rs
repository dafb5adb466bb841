//! What a suite or a cluster would do, without anything being done; and what differs between two versions of a
//! repository.
//!
//! A plan is told of broken definitions, too: as far as they could be evaluated, with what is wrong beside it.

mod cluster;
mod diff;
mod fields;
mod files;
mod schedule;
mod subject;
mod suite;
mod tags;
pub(crate) mod written;

use std::collections::BTreeSet;
use std::path::PathBuf;

use xrdtest_model::definition::Catalogue;
use xrdtest_model::plan_document::{
    Effective, EffectiveCluster, PlanDocument, PlanKind, PlannedPlacement, SCHEMA, Written,
};
use xrdtest_model::room::Room;
use xrdtest_model::{Diagnostic, Timestamp};

pub use self::diff::{Compared, diff};
pub use self::subject::{PlanError, Subject, find};
use crate::evaluate::files::Files;
use crate::load::Loaded;
use crate::snapshot::{SnapshotOptions, findings_about};
use crate::{known, plan::suite::Planner};

/// How to make a plan.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// Limits where the suite names none, and which scripts from outside the repository are read.
    pub snapshot: SnapshotOptions,
    /// The time after which starts are told.
    pub now: Timestamp,
}

/// Tells what a suite, or a cluster, would do. Where it fits is not known here: that is for an engine to say.
///
/// Reads the scripts, and nothing else. It never fails: what is wrong stands in the document.
pub fn plan(
    loaded: &Loaded,
    root: &std::path::Path,
    subject: &Subject,
    options: &PlanOptions,
) -> PlanDocument {
    let catalogue = &loaded.catalogue;
    let names = match subject.kind {
        PlanKind::Suite => clusters_of(loaded, &subject.name),
        PlanKind::Cluster => vec![subject.name.clone()],
    };
    let root: PathBuf = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let clusters: Vec<EffectiveCluster> =
        names.iter().map(|name| cluster::effective(catalogue, name)).collect();
    let suite = match subject.kind {
        PlanKind::Suite => catalogue.suites.get(&subject.name).map(|suite| {
            let files = Files::new(root.clone());
            Planner { suite, written: loaded.suites.get(&subject.name), files, clusters: &clusters, options }
                .plan()
        }),
        PlanKind::Cluster => None,
    };
    let diagnostics = diagnostics(catalogue, subject, &names);
    let sound = clusters.iter().all(|cluster| cluster.problem.is_none())
        && suite.as_ref().is_none_or(|suite| suite.problems.is_empty())
        && (suite.is_some() || subject.kind == PlanKind::Cluster);
    PlanDocument {
        schema: SCHEMA.to_owned(),
        kind: subject.kind,
        name: subject.name.clone(),
        file: subject.file.clone(),
        repository: root.to_string_lossy().into_owned(),
        runnable: sound && !diagnostics.iter().any(Diagnostic::is_error),
        suite: match subject.kind {
            PlanKind::Suite => loaded.suites.get(&subject.name).cloned(),
            PlanKind::Cluster => None,
        },
        clusters: names.iter().filter_map(|name| loaded.clusters.get(name).cloned()).collect(),
        effective: Effective {
            room: clusters.iter().fold(Room::default(), |sum, cluster| sum.plus(&cluster.room)),
            suite,
            clusters,
            placement: PlannedPlacement::default(),
        },
        diagnostics,
    }
}

/// The clusters that a suite names, each once, in its order.
fn clusters_of(loaded: &Loaded, suite: &str) -> Vec<String> {
    let written = loaded.suites.get(suite).and_then(|suite| suite.field("clusters"));
    let Some(Written::List(items)) = written else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let names = items.iter().filter_map(|item| match item {
        Written::Text(name) => Some(name),
        _ => None,
    });
    names.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// Findings about a subject and the clusters that it uses.
fn diagnostics(catalogue: &Catalogue, subject: &Subject, clusters: &[String]) -> Vec<Diagnostic> {
    let known = known::clusters(catalogue);
    let files = clusters.iter().filter_map(|name| known.get(name).map(ToString::to_string));
    let mut files: Vec<String> = files.chain([subject.file.clone()]).collect();
    files.sort();
    files.dedup();
    findings_about(catalogue, &files)
}
