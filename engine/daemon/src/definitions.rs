//! The definitions of an engine: loaded from its repositories, replaced as a whole.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use tracing::{info, warn};
use xrdtest_definitions::{
    Bounds, LoadOptions, ScriptPolicy, Selection, SnapshotError, SnapshotOptions, in_two_repositories, load,
    snapshot, snapshot_cluster,
};
use xrdtest_model::api::DefinitionsInfo;
use xrdtest_model::definition::{Catalogue, Source};
use xrdtest_model::{ClusterPlan, Diagnostic, Limits, RunPlan};
use xrdtest_protocol::stream::MAX_FETCHED;

use crate::repositories::{RepositoryConfig, Root};

/// Where definitions are, and what they may use.
#[derive(Clone, Debug)]
pub struct DefinitionsConfig {
    /// Of two definitions with the same name the first one counts.
    pub repositories: Vec<RepositoryConfig>,
    /// Scripts from outside of the repositories.
    pub scripts: ScriptPolicy,
    /// Limits of runs where the suite names none.
    pub limits: Limits,
    /// What the evaluation of one definition may take.
    pub bounds: Bounds,
    /// Bytes of the largest file that machines fetch from a repository, or the engine by http(s).
    pub fetched_file: u64,
    /// Whether suites start by themselves.
    pub schedules: Schedules,
}

impl Default for DefinitionsConfig {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            scripts: ScriptPolicy::default(),
            limits: Limits::default(),
            bounds: Bounds::default(),
            fetched_file: MAX_FETCHED,
            schedules: Schedules::default(),
        }
    }
}

/// Whether suites start by themselves, and by which clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedules {
    /// They do.
    pub enabled: bool,
    /// The time zone of schedules that name none; `None`: UTC.
    pub timezone: Option<String>,
}

/// The definitions as last loaded, and how they are loaded again.
#[derive(Debug)]
pub(crate) struct Definitions {
    inner: RwLock<Arc<Loaded>>,
    /// Of the catalogue; told after it was replaced.
    generation: watch::Sender<u64>,
}

#[derive(Debug)]
struct Loaded {
    config: DefinitionsConfig,
    /// Those that there is content of, in order. Definitions of one refer to each other.
    repositories: Vec<(Root, Arc<Catalogue>)>,
    /// All of them, to look at; the files of its diagnostics are absolute.
    all: Arc<Catalogue>,
}

impl Definitions {
    pub(crate) async fn load(config: DefinitionsConfig, roots: Vec<Root>) -> Self {
        let loaded = load_all(config, roots, None).await;
        let generation = watch::Sender::new(loaded.all.generation);
        Self { inner: RwLock::new(Arc::new(loaded)), generation }
    }

    /// Loads everything again. Runs keep what they were made from. Only for [`crate::repositories`], one at a time.
    pub(crate) async fn reload(&self, config: DefinitionsConfig, roots: Vec<Root>) {
        let loaded = load_all(config, roots, Some(self.loaded())).await;
        self.put(loaded);
    }

    /// Takes one repository's new content over. Only for [`crate::repositories`], one at a time.
    pub(crate) fn replace(&self, root: Root, catalogue: Catalogue) {
        let loaded = self.loaded();
        let order = &loaded.config.repositories;
        let position = |name: &str| order.iter().position(|config| config.name == name);
        let mut repositories = loaded.repositories.clone();
        repositories.retain(|(other, _)| other.name != root.name);
        let behind = repositories.partition_point(|(other, _)| position(&other.name) < position(&root.name));
        repositories.insert(behind, (root, Arc::new(catalogue)));
        self.put(Loaded::new(loaded.config.clone(), repositories, loaded.all.generation + 1));
    }

    /// Whatever brings another catalogue ends here.
    fn put(&self, loaded: Loaded) {
        let generation = loaded.all.generation;
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        self.generation.send_replace(generation);
    }

    /// The catalogue's generation; another one wakes the receiver.
    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    pub(crate) fn schedules(&self) -> Schedules {
        self.loaded().config.schedules.clone()
    }

    /// How a repository is loaded.
    pub(crate) fn options(&self) -> LoadOptions {
        self.loaded().config.load_options()
    }

    /// What is loaded of one repository.
    pub(crate) fn of_repository(&self, name: &str) -> Option<Arc<Catalogue>> {
        let loaded = self.loaded();
        loaded.repositories.iter().find(|(root, _)| root.name == name).map(|(_, catalogue)| catalogue.clone())
    }

    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        self.loaded().all.clone()
    }

    /// Bytes of the largest file that machines may fetch.
    pub(crate) fn fetched_file(&self) -> u64 {
        self.loaded().config.fetched_file
    }

    fn loaded(&self) -> Arc<Loaded> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn info(&self) -> DefinitionsInfo {
        let loaded = self.loaded();
        let catalogue = &loaded.all;
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        DefinitionsInfo {
            generation: catalogue.generation,
            repositories: loaded
                .repositories
                .iter()
                .map(|(root, _)| root.path.to_string_lossy().into_owned())
                .collect(),
            suites: count(catalogue.suites.len()),
            clusters: count(catalogue.clusters.len()),
            diagnostics: catalogue.diagnostics.clone(),
        }
    }

    /// The plan of a cluster by itself, the root of its repository, and the limit of its start in milliseconds.
    pub(crate) fn cluster(&self, name: &str) -> Result<(Arc<ClusterPlan>, String, u64), SnapshotError> {
        let loaded = self.loaded();
        let known =
            |plan: &Result<_, SnapshotError>| !matches!(plan, Err(SnapshotError::UnknownCluster { .. }));
        let found = loaded.repositories.iter().map(|(_, one)| snapshot_cluster(one, name)).find(known);
        let (plan, repository) = found.unwrap_or_else(|| snapshot_cluster(&loaded.all, name))?;
        Ok((plan, repository, loaded.config.limits.cluster_start_ms))
    }

    /// A run's own copy of everything it uses.
    pub(crate) async fn plan(&self, suite: String, selection: Selection) -> Result<RunPlan, SnapshotError> {
        let loaded = self.loaded();
        let broken_off = suite.clone();
        let planned = tokio::task::spawn_blocking(move || loaded.plan(&suite, selection));
        planned.await.unwrap_or_else(|error| {
            let problem = format!("the plan could not be made: {error}");
            Err(SnapshotError::Inconsistent { suite: broken_off, problem })
        })
    }
}

impl Loaded {
    fn plan(&self, suite: &str, selection: Selection) -> Result<RunPlan, SnapshotError> {
        let DefinitionsConfig { limits, scripts, fetched_file, .. } = &self.config;
        let options =
            SnapshotOptions { limits: *limits, scripts: scripts.clone(), fetched_file: *fetched_file };
        let plan = |catalogue: &Catalogue| snapshot(catalogue, suite, &selection, &options);
        let known =
            |plan: &Result<_, SnapshotError>| !matches!(plan, Err(SnapshotError::UnknownSuite { .. }));
        for (root, catalogue) in &self.repositories {
            let planned = plan(catalogue);
            if known(&planned) {
                return planned.map(|plan| RunPlan { origin: Some(root.origin()), ..plan });
            }
        }
        plan(&self.all)
    }
}

impl DefinitionsConfig {
    fn load_options(&self) -> LoadOptions {
        LoadOptions { scripts: self.scripts.clone(), bounds: self.bounds, ..LoadOptions::default() }
    }
}

/// Loads every repository. Where a folder is not there, what was loaded of it stays.
async fn load_all(config: DefinitionsConfig, roots: Vec<Root>, before: Option<Arc<Loaded>>) -> Loaded {
    let generation = before.as_ref().map_or(1, |before| before.all.generation + 1);
    let options = config.load_options();
    let load = move || {
        let known = |root: &Root| {
            let same = |old: &Root| (&old.name, &old.path) == (&root.name, &root.path);
            let (_, catalogue) = before.as_ref()?.repositories.iter().find(|(old, _)| same(old))?;
            (!root.path.is_dir()).then(|| catalogue.clone())
        };
        let load = |root: Root| {
            let options = LoadOptions { reuse: Some(root.reuse.clone()), ..options.clone() };
            let catalogue = known(&root).unwrap_or_else(|| Arc::new(load(&root.path, &options)));
            (root, catalogue)
        };
        roots.into_iter().map(load).collect()
    };
    let repositories = tokio::task::spawn_blocking(load).await.unwrap_or_else(|error| {
        warn!(%error, "the definitions could not be loaded");
        Vec::new()
    });
    Loaded::new(config, repositories, generation)
}

impl Loaded {
    fn new(config: DefinitionsConfig, repositories: Vec<(Root, Arc<Catalogue>)>, generation: u64) -> Self {
        let mut all = Catalogue { generation, ..Catalogue::default() };
        for (root, one) in &repositories {
            merge(&mut all, root, one);
        }
        info!(generation, suites = all.suites.len(), clusters = all.clusters.len(), "definitions loaded");
        warn_of_errors(&all.diagnostics);
        Self { config, repositories, all: Arc::new(all) }
    }
}

/// The first error stands for all: `xrdtest repositories`, the dashboard and `xrdtest check` have them with their places.
fn warn_of_errors(diagnostics: &[Diagnostic]) {
    let mut found = diagnostics.iter().filter(|found| found.is_error());
    if let Some(first) = found.next() {
        let (file, line) = (&first.file, first.span.line);
        warn!(errors = 1 + found.count(), first = %first.message, %file, line, "definitions have errors");
    }
}

/// Adds a repository's definitions to those of the ones before it.
fn merge(all: &mut Catalogue, root: &Root, one: &Catalogue) {
    let path = root.path.display();
    let absolute = |file: &str| -> Arc<str> { format!("{path}/{file}").into() };
    for (name, suite) in &one.suites {
        if let Some(first) = all.suites.get(name) {
            let (file, other) = (absolute(&suite.source.file), where_it_is(&first.source));
            all.diagnostics.push(in_two_repositories("suite", name, file, &other));
        } else {
            all.suites.insert(name.clone(), suite.clone());
        }
    }
    for (name, cluster) in &one.clusters {
        if let Some(first) = all.clusters.get(name) {
            let (file, other) = (absolute(&cluster.source.file), where_it_is(&first.source));
            all.diagnostics.push(in_two_repositories("cluster", name, file, &other));
        } else {
            all.clusters.insert(name.clone(), cluster.clone());
        }
    }
    for (unreadable, all) in [
        (&one.unreadable_suites, &mut all.unreadable_suites),
        (&one.unreadable_clusters, &mut all.unreadable_clusters),
    ] {
        for (name, source) in unreadable {
            all.entry(name.clone()).or_insert_with(|| source.clone());
        }
    }
    all.diagnostics.extend(one.diagnostics.iter().map(|found| found.clone().with_files(absolute)));
}

fn where_it_is(source: &Source) -> String {
    Path::new(&source.repository).join(&*source.file).to_string_lossy().into_owned()
}
