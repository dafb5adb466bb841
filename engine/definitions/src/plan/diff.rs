//! What differs between two versions of a repository, as runs will notice it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use xrdtest_model::Diagnostic;
use xrdtest_model::definition::{ScriptRef, Source, SuiteDefinition};
use xrdtest_model::plan::title_of;
use xrdtest_model::plan_diff::{Change, DefinitionChange, FileChange, PlanDiff, SCHEMA};
use xrdtest_model::plan_document::{PlanKind, Written};

use super::subject::Subject;
use super::{clusters_of, fields, files};
use crate::known::{self, Known};
use crate::layout::name_of;
use crate::load::Loaded;
use crate::snapshot::findings_about;

/// One version of a repository.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// Its definitions.
    pub loaded: &'a Loaded,
    /// Its root.
    pub root: &'a Path,
}

/// What changed from one version to the next: about one suite with its clusters or one cluster, or about everything.
/// Revision and commit are for the caller to fill in.
pub fn diff(before: Compared<'_>, now: Compared<'_>, only: Option<&Subject>) -> PlanDiff {
    let sides = Sides { before: Side::of(before), now: Side::of(now) };
    let (suites, clusters) = sides.wanted(only);
    let found = |side: &Side<'_>| -> Vec<Diagnostic> {
        if only.is_none() {
            return side.loaded.catalogue.diagnostics.clone();
        }
        let files = suites.iter().filter_map(|name| side.suites.get(name));
        let files = files.chain(clusters.iter().filter_map(|name| side.clusters.get(name)));
        findings_about(&side.loaded.catalogue, &files.map(ToString::to_string).collect::<Vec<_>>())
    };
    let (old, new) = (found(&sides.before), found(&sides.now));
    let library = match only {
        None => sides.files_of(|side| files::below(side.root, "lib")),
        Some(_) => Vec::new(),
    };
    PlanDiff {
        schema: SCHEMA.to_owned(),
        repository: now.root.to_string_lossy().into_owned(),
        revision: String::new(),
        commit: String::new(),
        only: only.map(|subject| subject.name.clone()),
        suites: suites.iter().filter_map(|name| sides.suite(name)).collect(),
        clusters: clusters.iter().filter_map(|name| sides.cluster(name)).collect(),
        files: library,
        errors: new.iter().filter(|finding| finding.is_error()).count(),
        introduced: without(&new, &old),
        fixed: without(&old, &new),
    }
}

/// The findings that are not among others: of the same rule, file and message, wherever they moved.
fn without(findings: &[Diagnostic], others: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut left: Vec<&Diagnostic> = others.iter().collect();
    let is_new = |finding: &&Diagnostic| {
        let same = |other: &&Diagnostic| {
            (&other.code, &other.file, &other.message) == (&finding.code, &finding.file, &finding.message)
        };
        left.iter().position(same).map(|index| left.swap_remove(index)).is_none()
    };
    findings.iter().filter(is_new).cloned().collect()
}

struct Side<'a> {
    loaded: &'a Loaded,
    root: &'a Path,
    suites: Known,
    clusters: Known,
}

impl<'a> Side<'a> {
    fn of(compared: Compared<'a>) -> Self {
        let catalogue = &compared.loaded.catalogue;
        Self {
            loaded: compared.loaded,
            root: compared.root,
            suites: known::suites(catalogue),
            clusters: known::clusters(catalogue),
        }
    }

    /// The files of a suite: its scripts, and what else lies in its folder.
    fn files_of_suite(&self, name: &str) -> BTreeMap<String, String> {
        let Some(suite) = self.loaded.catalogue.suites.get(name) else {
            return self.files_of_broken("suites", self.suites.get(name));
        };
        let mut found = self.files_of(&suite.source);
        for path in scripts(suite).into_keys() {
            if !found.contains_key(&path)
                && let Some(digest) = files::digest(self.root, &path)
            {
                found.insert(path, digest);
            }
        }
        found
    }

    fn files_of_cluster(&self, name: &str) -> BTreeMap<String, String> {
        match self.loaded.catalogue.clusters.get(name) {
            Some(cluster) => self.files_of(&cluster.source),
            None => self.files_of_broken("clusters", self.clusters.get(name)),
        }
    }

    /// The same where the definition could not be evaluated.
    fn files_of_broken(&self, below: &str, file: Option<&Arc<str>>) -> BTreeMap<String, String> {
        let Some((file, name)) = file.and_then(|file| Some((file, name_of(below, file)?))) else {
            return BTreeMap::new();
        };
        let folder = format!("{below}/{name}");
        self.files_of(&Source { file: Arc::clone(file), folder, ..Source::default() })
    }

    /// What lies in a definition's folder, without the definition itself: its fields are compared.
    fn files_of(&self, source: &Source) -> BTreeMap<String, String> {
        let mut found = files::below(self.root, &source.folder);
        found.remove(&*source.file);
        found
    }

    fn users(&self, cluster: &str) -> impl Iterator<Item = &String> {
        let uses = move |suite: &Arc<SuiteDefinition>| suite.clusters.iter().any(|used| used == cluster);
        self.loaded.catalogue.suites.iter().filter(move |(_, suite)| uses(suite)).map(|(name, _)| name)
    }
}

/// The stages of a suite by the path of their script.
fn scripts(suite: &SuiteDefinition) -> BTreeMap<String, BTreeSet<String>> {
    let mut stages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |script: &Option<ScriptRef>, stage: String| {
        if let Some(ScriptRef::File(path)) = script {
            stages.entry(path.clone()).or_default().insert(stage);
        }
    };
    add(&suite.initialize, "suite initialize".to_owned());
    add(&suite.finalize, "suite finalize".to_owned());
    for (index, case) in (0u32..).zip(&suite.tests) {
        let title = title_of(suite.tests.iter().map(|case| case.name.as_str()), index);
        add(&case.initialize, format!("{title} / initialize"));
        add(&case.run, format!("{title} / run"));
        add(&case.finalize, format!("{title} / finalize"));
    }
    stages
}

struct Sides<'a> {
    before: Side<'a>,
    now: Side<'a>,
}

impl Sides<'_> {
    /// Names of the suites and clusters to compare.
    fn wanted(&self, only: Option<&Subject>) -> (BTreeSet<String>, BTreeSet<String>) {
        let one = |name: &String| BTreeSet::from([name.clone()]);
        match only {
            None => {
                let all = |old: &Known, new: &Known| old.keys().chain(new.keys()).cloned().collect();
                (all(&self.before.suites, &self.now.suites), all(&self.before.clusters, &self.now.clusters))
            }
            Some(Subject { kind: PlanKind::Cluster, name, .. }) => (BTreeSet::new(), one(name)),
            Some(Subject { kind: PlanKind::Suite, name, .. }) => {
                let used = |side: &Side<'_>| clusters_of(side.loaded, name);
                (one(name), used(&self.before).into_iter().chain(used(&self.now)).collect())
            }
        }
    }

    fn suite(&self, name: &str) -> Option<DefinitionChange> {
        let stages = |side: &Side<'_>| side.loaded.catalogue.suites.get(name).map(|suite| scripts(suite));
        let (old, new) = (stages(&self.before).unwrap_or_default(), stages(&self.now).unwrap_or_default());
        let mut files = self.files_of(|side| side.files_of_suite(name));
        for file in &mut files {
            let stages = [&old, &new].into_iter().filter_map(|stages| stages.get(&file.file)).flatten();
            file.stages = stages.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        }
        let known = (self.before.suites.contains_key(name), self.now.suites.contains_key(name));
        let written = |side: &Side<'_>| {
            let evaluated = side.loaded.catalogue.suites.contains_key(name);
            side.loaded.suites.get(name).filter(|_| evaluated).cloned()
        };
        let written = (written(&self.before), written(&self.now));
        changed(name, known, written, files)
    }

    fn cluster(&self, name: &str) -> Option<DefinitionChange> {
        let files = self.files_of(|side| side.files_of_cluster(name));
        let known = (self.before.clusters.contains_key(name), self.now.clusters.contains_key(name));
        let written = |side: &Side<'_>| {
            let evaluated = side.loaded.catalogue.clusters.contains_key(name);
            side.loaded.clusters.get(name).filter(|_| evaluated).cloned()
        };
        let written = (written(&self.before), written(&self.now));
        let users: BTreeSet<&String> = self.before.users(name).chain(self.now.users(name)).collect();
        let used_by = users.into_iter().cloned().collect();
        changed(name, known, written, files).map(|change| DefinitionChange { used_by, ..change })
    }

    fn files_of(&self, files: impl Fn(&Side<'_>) -> BTreeMap<String, String>) -> Vec<FileChange> {
        let (old, new) = (files(&self.before), files(&self.now));
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changes = paths.into_iter().filter_map(|path| {
            let (old, new) = (old.get(path), new.get(path));
            let change = match (old, new) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                (old, new) if old != new => Change::Changed,
                _ => return None,
            };
            Some(FileChange {
                file: path.clone(),
                change,
                old: old.cloned(),
                new: new.cloned(),
                stages: Vec::new(),
            })
        });
        changes.collect()
    }
}

/// `None` where nothing changed.
fn changed(
    name: &str,
    known: (bool, bool),
    written: (Option<Written>, Option<Written>),
    files: Vec<FileChange>,
) -> Option<DefinitionChange> {
    let fields = match &written {
        (Some(old), Some(new)) => fields::changes(old, new),
        _ => Vec::new(),
    };
    let evaluated = (written.0.is_some(), written.1.is_some());
    let change = match known {
        (false, false) => return None,
        (false, true) => Change::Added,
        (true, false) => Change::Removed,
        (true, true) if fields.is_empty() && files.is_empty() && evaluated.0 == evaluated.1 => return None,
        (true, true) => Change::Changed,
    };
    Some(DefinitionChange {
        name: name.to_owned(),
        change,
        evaluated_before: known.0.then_some(evaluated.0),
        evaluated_now: known.1.then_some(evaluated.1),
        fields,
        files,
        used_by: Vec::new(),
    })
}
