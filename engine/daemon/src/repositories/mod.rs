//! The repositories: where definitions come from, and how a change of theirs becomes a new catalogue.
//!
//! Each has a task of its own that looks at it: [`folder`] when the system says that something has changed, [`remote`]
//! now and then and when it is told to. A look ends with a [`condition`], and where there is something new, with another
//! catalogue. What can't be had changes nothing: the last good content stays in use. When to look is decided in
//! [`timing`], what is shown in [`condition`], both without a clock or a file; git's program is called in [`transport`],
//! everything else of git is read by the library in [`checkout`] and [`working_copy`].

mod checkout;
mod condition;
mod config;
mod fingerprint;
mod folder;
mod git_error;
mod remote;
mod timing;
mod transport;
mod watcher;
mod working_copy;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use xrdtest_definitions::{LoadOptions, Reuse};
use xrdtest_model::api::RepositoryInfo;
use xrdtest_model::definition::Catalogue;
use xrdtest_model::{Diagnostic, Origin};

use self::condition::{Condition, Fault, Revision};
use self::config::same_name;
pub use self::config::{Place, Remote, RepositoryConfig};
use self::fingerprint::Fingerprint;
use self::remote::Mirror;
use self::transport::Transport;
use crate::clock::Clock;
use crate::definitions::{Definitions, DefinitionsConfig};
use crate::runs::Runs;

/// The content of a repository that is in use: a folder, and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    /// The repository's name.
    pub(crate) name: String,
    /// The folder with `suites/` and `clusters/`.
    pub(crate) path: PathBuf,
    /// Where it came from; `None`: a folder that people change, so git is asked each time.
    fixed: Option<Origin>,
    /// What its loads leave for the next one.
    pub(crate) reuse: Reuse,
}

impl Root {
    /// Where a run comes from that is made now.
    pub(crate) fn origin(&self) -> Origin {
        self.fixed.clone().unwrap_or_else(|| origin(&self.name, &working_copy::revision(&self.path)))
    }
}

fn origin(name: &str, revision: &Revision) -> Origin {
    Origin {
        repository: name.to_owned(),
        branch: revision.branch.clone(),
        commit: revision.commit.as_ref().map(|commit| commit.id.clone()),
        author: revision.commit.as_ref().map(|commit| commit.author.clone()),
        dirty: revision.dirty,
    }
}

/// Errors that are told of each repository.
const FIRST_ERRORS: usize = 5;

/// All of them.
#[derive(Debug)]
pub(crate) struct Repositories {
    shared: Arc<Shared>,
    members: Mutex<Vec<Arc<Member>>>,
}

/// What their tasks share.
#[derive(Debug)]
struct Shared {
    /// With one folder per git remote.
    folder: PathBuf,
    clock: Clock,
    runs: Arc<Runs>,
    definitions: OnceLock<Arc<Definitions>>,
    /// Held while a catalogue is being made and taken over.
    loading: AsyncMutex<()>,
}

/// One of them.
#[derive(Debug)]
struct Member {
    config: RepositoryConfig,
    condition: Mutex<Condition>,
    root: Mutex<Option<Root>>,
    reuse: Reuse,
    requests: mpsc::UnboundedSender<Request>,
    end: CancellationToken,
}

/// Somebody who wants to know when a look is over that begins after this.
type Request = oneshot::Sender<()>;

/// Asks a git remote for the branch that is configured, without an engine; answers its name, or what is wrong and what to
/// do. `folder`: where known hosts are kept.
pub(crate) async fn probe(remote: &Remote, folder: &Path) -> Result<String, (String, String)> {
    let asked = Transport { remote, folder }.probe().await;
    asked.map_err(|Fault { problem, help }| (problem, help))
}

/// What a member's task begins with.
enum Begin {
    Folder(Option<Fingerprint>),
    Remote(Box<Mirror>),
}

struct Opened {
    member: Arc<Member>,
    begin: Begin,
    requests: mpsc::UnboundedReceiver<Request>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Repositories {
    /// Loads what there is on this machine, and begins to look for more. `folder` is for checkouts.
    pub(crate) async fn start(
        folder: PathBuf,
        clock: Clock,
        runs: Arc<Runs>,
        config: DefinitionsConfig,
    ) -> (Arc<Self>, Arc<Definitions>) {
        let shared = Arc::new(Shared {
            folder,
            clock,
            runs,
            definitions: OnceLock::new(),
            loading: AsyncMutex::new(()),
        });
        let opened = shared.clone().open(config.repositories.clone()).await;
        let members = opened.iter().map(|opened| opened.member.clone()).collect::<Vec<_>>();
        let definitions = Arc::new(Definitions::load(config, roots(&members)).await);
        let _ = shared.definitions.set(definitions.clone());
        let repositories = Arc::new(Self { shared, members: Mutex::new(members) });
        opened.into_iter().for_each(|opened| repositories.attend(opened));
        (repositories, definitions)
    }

    /// Takes a new configuration over and loads everything again.
    pub(crate) async fn reload(&self, config: DefinitionsConfig) {
        let loading = self.shared.loading.lock().await;
        let old = lock(&self.members).clone();
        let is_new = |wanted: &&RepositoryConfig| !old.iter().any(|member| member.config == **wanted);
        // A changed one ends before its successor begins: they use the same folder.
        for gone in old.iter().filter(|member| !config.repositories.contains(&member.config)) {
            gone.end.cancel();
        }
        let new = config.repositories.iter().filter(is_new).cloned().collect();
        let opened = self.shared.clone().open(new).await;
        let candidates = old.iter().chain(opened.iter().map(|opened| &opened.member));
        let candidates: Vec<_> = candidates.cloned().collect();
        let find = |wanted: &RepositoryConfig| candidates.iter().find(|member| member.config == *wanted);
        let members: Vec<_> = config.repositories.iter().filter_map(find).cloned().collect();
        if let Some(definitions) = self.shared.definitions.get() {
            definitions.reload(config, roots(&members)).await;
        }
        *lock(&self.members) = members;
        drop(loading);
        opened.into_iter().for_each(|opened| self.attend(opened));
    }

    fn attend(&self, Opened { member, begin, requests }: Opened) {
        let shared = self.shared.clone();
        let end = member.end.clone();
        let task = async move {
            match begin {
                Begin::Folder(seen) => folder::attend(shared, member, seen, requests).await,
                Begin::Remote(mirror) => remote::attend(shared, member, *mirror, requests).await,
            }
        };
        tokio::spawn(end.run_until_cancelled_owned(task));
    }

    /// All of them in the order of the configuration.
    pub(crate) fn infos(&self) -> Vec<RepositoryInfo> {
        lock(&self.members).iter().map(|member| self.shared.info(member)).collect()
    }

    /// Looks at one now; answers how it goes with it then. `None` where there is no such repository.
    pub(crate) async fn fetch(&self, name: &str) -> Option<RepositoryInfo> {
        let member = lock(&self.members).iter().find(|member| member.config.name == name)?.clone();
        let (sender, looked) = oneshot::channel();
        if member.requests.send(sender).is_ok() {
            let _ = looked.await;
        }
        Some(self.shared.info(&member))
    }

    /// Looks at nothing any more.
    pub(crate) fn close(&self) {
        lock(&self.members).iter().for_each(|member| member.end.cancel());
    }
}

fn roots(members: &[Arc<Member>]) -> Vec<Root> {
    members.iter().filter_map(|member| lock(&member.root).clone()).collect()
}

impl Shared {
    /// What is there of these repositories on this machine. The network is not asked.
    async fn open(self: Arc<Self>, configs: Vec<RepositoryConfig>) -> Vec<Opened> {
        let open = move || configs.into_iter().map(|config| self.open_one(config)).collect();
        tokio::task::spawn_blocking(open).await.unwrap_or_else(|error| {
            warn!(%error, "the repositories could not be opened");
            Vec::new()
        })
    }

    fn open_one(&self, config: RepositoryConfig) -> Opened {
        let mut condition = Condition::default();
        let reuse = Reuse::default();
        let (begin, root) = match &config.place {
            Place::Folder(path) => {
                let seen = Fingerprint::of(path).ok();
                if seen.is_some() {
                    condition.loaded(self.clock.now(), working_copy::revision(path));
                    condition.looked(self.clock.now(), &config, Ok(Vec::new()));
                }
                // A folder that is not there has a catalogue that says so.
                let root =
                    Root { name: config.name.clone(), path: path.clone(), fixed: None, reuse: reuse.clone() };
                (Begin::Folder(seen), Some(root))
            }
            Place::Remote(remote) => {
                let mut mirror = Mirror::new(&self.folder, &config.name, remote.clone());
                let found = mirror.open(&self.runs.repositories());
                let root =
                    found.map(|(path, revision)| self.take(&config, &mut condition, path, revision, &reuse));
                (Begin::Remote(Box::new(mirror)), root)
            }
        };
        let (sender, requests) = mpsc::unbounded_channel();
        let member = Arc::new(Member {
            config,
            condition: Mutex::new(condition),
            root: Mutex::new(root),
            reuse,
            requests: sender,
            end: CancellationToken::new(),
        });
        Opened { member, begin, requests }
    }

    /// A checkout is the content from now on.
    fn take(
        &self,
        config: &RepositoryConfig,
        condition: &mut Condition,
        path: PathBuf,
        revision: Revision,
        reuse: &Reuse,
    ) -> Root {
        let fixed = Some(origin(&config.name, &revision));
        condition.loaded(self.clock.now(), revision);
        Root { name: config.name.clone(), path, fixed, reuse: reuse.clone() }
    }

    fn info(&self, member: &Member) -> RepositoryInfo {
        let mut info = lock(&member.condition).info(&member.config);
        let catalogue = self.definitions.get().and_then(|all| all.of_repository(&member.config.name));
        if let Some(catalogue) = catalogue {
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            info.suites = count(catalogue.suites.len());
            info.clusters = count(catalogue.clusters.len());
            let errors = || catalogue.diagnostics.iter().filter(|found| found.is_error());
            info.errors = count(errors().count());
            info.first_errors = errors().take(FIRST_ERRORS).map(in_words).collect();
        }
        info
    }

    /// Loads a folder; nothing is taken over yet.
    async fn load(&self, member: &Member, path: &Path) -> Option<Catalogue> {
        let options = LoadOptions { reuse: Some(member.reuse.clone()), ..self.definitions.get()?.options() };
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || xrdtest_definitions::load(&path, &options)).await.ok()
    }

    /// Takes a repository's new content over.
    fn replace(&self, root: Root, catalogue: Catalogue) {
        if let Some(definitions) = self.definitions.get() {
            definitions.replace(root, catalogue);
        }
    }

    /// Notes how a look has ended; answers how long to wait for the next.
    fn looked(&self, member: &Member, result: Result<Vec<String>, Fault>) -> Duration {
        lock(&member.condition).looked(self.clock.now(), &member.config, result)
    }
}

/// An error with its place.
fn in_words(error: &Diagnostic) -> String {
    let Diagnostic { file, span, message, .. } = error;
    format!("{file}:{}:{}: {message}", span.line, span.column)
}

/// Everybody who waits for the look that begins now.
fn take_requests(requests: &mut mpsc::UnboundedReceiver<Request>) -> Vec<Request> {
    std::iter::from_fn(|| requests.try_recv().ok()).collect()
}

fn answer(requests: impl IntoIterator<Item = Request>) {
    for request in requests {
        // Who does not wait any more is not missed.
        let _ = request.send(());
    }
}

/// What is wrong with a configuration's repositories.
pub(crate) fn contradiction(all: &[RepositoryConfig]) -> Option<String> {
    same_name(all).map(|name| format!("two repositories are called `{name}`: give one of them another name"))
}
