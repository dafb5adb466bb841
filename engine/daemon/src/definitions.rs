//! The definitions of an engine: loaded from its repositories, replaced as a whole.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use tracing::{info, warn};
use xrdtest_definitions::{
    Bounds, LoadOptions, ScriptPolicy, Selection, SnapshotError, SnapshotOptions, load, snapshot,
    snapshot_cluster,
};
use xrdtest_model::api::DefinitionsInfo;
use xrdtest_model::definition::Catalogue;
use xrdtest_model::{ClusterPlan, Diagnostic, Limits, RunPlan};
use xrdtest_protocol::stream::MAX_FETCHED;

/// Where definitions are, and what they may use.
#[derive(Clone, Debug)]
pub struct DefinitionsConfig {
    /// Roots of repositories. Of two definitions with the same name the first one counts.
    pub repositories: Vec<PathBuf>,
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
    /// Told after definitions were replaced.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Loaded {
    config: DefinitionsConfig,
    /// One per repository, in order. Definitions of one refer to each other.
    repositories: Vec<Catalogue>,
    /// All of them, to look at; the files of its diagnostics are absolute.
    all: Arc<Catalogue>,
}

impl Definitions {
    pub(crate) async fn load(config: DefinitionsConfig) -> Self {
        let (changed, _) = watch::channel(());
        Self { inner: RwLock::new(Arc::new(load_all(config, 1).await)), changed }
    }

    /// Loads everything again; answers the generation. Runs keep what they were made from.
    pub(crate) async fn reload(&self, config: DefinitionsConfig) -> u64 {
        let generation = self.catalogue().generation + 1;
        let loaded = load_all(config, generation).await;
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        self.changed.send_replace(());
        generation
    }

    /// Wakes who waits for other definitions.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn schedules(&self) -> Schedules {
        self.loaded().config.schedules.clone()
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
        let (config, catalogue) = (&loaded.config, &loaded.all);
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        DefinitionsInfo {
            generation: catalogue.generation,
            repositories: config
                .repositories
                .iter()
                .map(|root| root.to_string_lossy().into_owned())
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
        let found = loaded.repositories.iter().map(|catalogue| snapshot_cluster(catalogue, name)).find(known);
        let (plan, repository) = found.unwrap_or_else(|| snapshot_cluster(&loaded.all, name))?;
        Ok((plan, repository, loaded.config.limits.cluster_start_ms))
    }

    /// A run's own copy of everything it uses.
    pub(crate) async fn plan(&self, suite: String, cases: Vec<String>) -> Result<RunPlan, SnapshotError> {
        let loaded = self.loaded();
        let broken_off = suite.clone();
        let planned = tokio::task::spawn_blocking(move || loaded.plan(&suite, Selection { cases }));
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
        self.repositories.iter().map(plan).find(known).unwrap_or_else(|| plan(&self.all))
    }
}

async fn load_all(config: DefinitionsConfig, generation: u64) -> Loaded {
    let roots = config.repositories.clone();
    let options = LoadOptions { generation, scripts: config.scripts.clone(), bounds: config.bounds };
    let load = move || roots.iter().map(|root| load(root, &options)).collect::<Vec<_>>();
    let repositories = tokio::task::spawn_blocking(load).await.unwrap_or_else(|error| {
        warn!(%error, "the definitions could not be loaded");
        Vec::new()
    });
    let mut all = Catalogue { generation, ..Catalogue::default() };
    for (root, one) in config.repositories.iter().zip(&repositories) {
        merge(&mut all, root, one);
    }
    info!(
        generation,
        suites = all.suites.len(),
        clusters = all.clusters.len(),
        errors = all.diagnostics.iter().filter(|found| found.is_error()).count(),
        "definitions loaded"
    );
    Loaded { config, repositories, all: Arc::new(all) }
}

/// Adds a repository's definitions to those of the ones before it.
fn merge(all: &mut Catalogue, root: &Path, one: &Catalogue) {
    let root = root.display();
    for (name, suite) in &one.suites {
        match all.suites.get(name) {
            Some(first) => {
                warn!(suite = name, counts = first.source.repository, ignored_in = %root, "defined twice");
            }
            None => drop(all.suites.insert(name.clone(), suite.clone())),
        }
    }
    for (name, cluster) in &one.clusters {
        match all.clusters.get(name) {
            Some(first) => {
                warn!(cluster = name, counts = first.source.repository, ignored_in = %root, "defined twice");
            }
            None => drop(all.clusters.insert(name.clone(), cluster.clone())),
        }
    }
    all.diagnostics.extend(
        one.diagnostics
            .iter()
            .map(|found| Diagnostic { file: format!("{root}/{}", found.file).into(), ..found.clone() }),
    );
}
