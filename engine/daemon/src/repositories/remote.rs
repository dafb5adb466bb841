//! A repository that is a git remote.
//!
//! `FOLDER/NAME/mirror.git` holds what was fetched, `FOLDER/NAME/checkouts/COMMIT-NUMBER` the files of a commit. A new
//! commit gets a new folder, so runs keep the files that they began with; a folder goes when it is not in use any more
//! and nothing is alive that was made from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use git2::{Oid, Repository};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};
use xrdtest_model::with_causes;

use super::checkout::{UNFINISHED, check_out};
use super::condition::{Fault, Revision};
use super::config::Remote;
use super::transport::{FETCHED, Transport};
use super::working_copy::commit_info;
use super::{Member, Request, Shared, lock, take_requests};

/// The reference in the mirror that holds the commit in use.
const IN_USE: &str = "refs/xrdtest/in-use";
/// A replaced checkout stays that long at least: a run may be made from it at this moment.
const KEPT: Duration = Duration::from_secs(60);

/// Fetches for ever.
pub(super) async fn attend(
    shared: Arc<Shared>,
    member: Arc<Member>,
    mirror: Mirror,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let mirror = Arc::new(Mutex::new(mirror));
    let mut next = Instant::now();
    loop {
        let mut waiting = Vec::new();
        tokio::select! {
            Some(request) = requests.recv() => waiting.push(request),
            () = sleep_until(next) => {}
        }
        waiting.extend(take_requests(&mut requests));
        let result = look(&shared, &member, &mirror).await;
        next = Instant::now() + shared.looked(&member, result.map(|()| Vec::new()));
        super::answer(waiting);
        let (sweeping, in_use) = (mirror.clone(), shared.runs.repositories());
        let _ = tokio::task::spawn_blocking(move || lock(&sweeping).sweep(&in_use, Instant::now())).await;
    }
}

/// Takes over what is new.
async fn look(shared: &Shared, member: &Member, mirror: &Arc<Mutex<Mirror>>) -> Result<(), Fault> {
    let (remote, git, folder) = {
        let mirror = lock(mirror);
        (mirror.remote.clone(), mirror.git(), mirror.folder.clone())
    };
    blocking(mirror, Mirror::prepare).await?;
    let transport = Transport { remote: &remote, folder: &folder };
    let branch = match &remote.branch {
        Some(branch) => branch.clone(),
        None => transport.head().await?,
    };
    transport.fetch(&git, &branch).await?;
    let Some(new) = blocking(mirror, move |mirror| mirror.check_out(&branch)).await? else { return Ok(()) };
    let loading = shared.loading.lock().await;
    let Some(catalogue) = shared.load(member, &new.path).await else {
        return Err(Fault::new("the definitions could not be loaded", ""));
    };
    let root = {
        let mut condition = lock(&member.condition);
        shared.take(&member.config, &mut condition, new.path.clone(), new.revision.clone(), &member.reuse)
    };
    *lock(&member.root) = Some(root.clone());
    shared.replace(root, catalogue);
    drop(loading);
    info!(repository = member.config.name, commit = %new.commit, "a new commit is in use");
    blocking(mirror, move |mirror| mirror.use_it(&new)).await
}

async fn blocking<T: Send + 'static>(
    mirror: &Arc<Mutex<Mirror>>,
    work: impl FnOnce(&mut Mirror) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let mirror = mirror.clone();
    let done = tokio::task::spawn_blocking(move || work(&mut lock(&mirror))).await;
    done.unwrap_or_else(|error| Err(Fault::new(format!("the mirror could not be read: {error}"), "")))
}

/// What is kept of a remote on this machine.
#[derive(Debug)]
pub(super) struct Mirror {
    /// Of all mirrors.
    folder: PathBuf,
    home: PathBuf,
    remote: Remote,
    in_use: Option<(PathBuf, Oid)>,
    /// Checkouts that were replaced, and when.
    replaced: Vec<(PathBuf, Instant)>,
    /// Of the next checkout.
    number: u64,
}

/// A commit that is checked out, and not in use yet.
#[derive(Debug)]
struct New {
    path: PathBuf,
    commit: Oid,
    revision: Revision,
}

impl Mirror {
    pub(super) fn new(folder: &Path, name: &str, remote: Remote) -> Self {
        let home = folder.join(name);
        Self { folder: folder.to_owned(), home, remote, in_use: None, replaced: Vec::new(), number: 1 }
    }

    fn git(&self) -> PathBuf {
        self.home.join("mirror.git")
    }

    /// Checks out what was in use before, without asking the remote. Nothing is left of checkouts that nobody needs.
    pub(super) fn open(&mut self, in_use: &BTreeSet<String>) -> Option<(PathBuf, Revision)> {
        let opened = self.prepare().and_then(|()| {
            self.find_old(in_use);
            let repository = Repository::open_bare(self.git()).map_err(|error| unusable(&error))?;
            let commit = repository.find_reference(IN_USE).and_then(|used| used.peel_to_commit());
            let Ok(commit) = commit else { return Ok(None) };
            let branch = fs::read_to_string(self.home.join("branch")).unwrap_or_default();
            let new = self.write(&repository, &commit, &branch)?;
            self.in_use = Some((new.path.clone(), new.commit));
            Ok(Some((new.path, new.revision)))
        });
        opened.unwrap_or_else(|fault| {
            warn!(folder = %self.home.display(), %fault, "what was fetched before can't be used");
            None
        })
    }

    /// Makes the mirror where there is none, or where it is another remote's; takes away what a fetch left that was
    /// ended.
    fn prepare(&mut self) -> Result<(), Fault> {
        let prepared = (|| {
            fs::create_dir_all(self.home.join("checkouts"))?;
            // Definitions know their files by canonical paths.
            self.home = self.home.canonicalize()?;
            let note = self.home.join("remote");
            let wanted =
                format!("{}\n{}\n", self.remote.url, self.remote.branch.as_deref().unwrap_or_default());
            let git = self.git();
            let same = fs::read_to_string(&note).is_ok_and(|noted| noted == wanted);
            if !same || Repository::open_bare(&git).is_err() {
                let _ = fs::remove_dir_all(&git);
                Repository::init_bare(&git)
                    .map_err(|error| std::io::Error::other(error.message().to_owned()))?;
                fs::write(&note, wanted)?;
            }
            for (folder, left) in [("", ".lock"), ("refs/xrdtest", ".lock"), ("objects/pack", "tmp_")] {
                for entry in fs::read_dir(git.join(folder)).into_iter().flatten().flatten() {
                    let name = entry.file_name();
                    let name = name.to_string_lossy();
                    if name.ends_with(left) || name.starts_with(left) {
                        let _ = fs::remove_file(entry.path());
                    }
                }
            }
            Ok(())
        })();
        prepared.map_err(|error: std::io::Error| {
            let words = with_causes(&error);
            Fault::new(
                format!("{} can't be used: {words}", self.home.display()),
                "see whether the disk is full",
            )
        })
    }

    /// Checkouts of the engine before this one: those that are still in use stay for now.
    fn find_old(&mut self, in_use: &BTreeSet<String>) {
        for entry in fs::read_dir(self.home.join("checkouts")).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
            self.number = self.number.max(number.map_or(0, |number: u64| number + 1));
            if name.starts_with(UNFINISHED) || !in_use.contains(&*path.to_string_lossy()) {
                let _ = fs::remove_dir_all(path);
            } else {
                self.replaced.push((path, Instant::now()));
            }
        }
    }

    /// Writes the fetched commit's files, where it is not the one in use.
    fn check_out(&mut self, branch: &str) -> Result<Option<New>, Fault> {
        let repository = Repository::open_bare(self.git()).map_err(|error| unusable(&error))?;
        let fetched = repository.find_reference(FETCHED).and_then(|fetched| fetched.peel_to_commit());
        let commit = fetched.map_err(|error| unusable(&error))?;
        if self.in_use.as_ref().is_some_and(|(path, used)| *used == commit.id() && path.is_dir()) {
            return Ok(None);
        }
        let mut new = self.write(&repository, &commit, branch)?;
        if let Some((_, old)) = self.in_use.as_ref().filter(|(_, old)| *old != commit.id()) {
            let goes_on = repository.graph_descendant_of(commit.id(), *old).unwrap_or(false);
            if !goes_on {
                let words = "the branch was rewritten: the commit before";
                new.revision.notes.push(format!("{words}, {}, is not among its ancestors", short(*old)));
            }
        }
        Ok(Some(new))
    }

    fn write(
        &mut self,
        repository: &Repository,
        commit: &git2::Commit<'_>,
        branch: &str,
    ) -> Result<New, Fault> {
        let name = format!("{}-{}", short(commit.id()), self.number);
        let path = self.home.join("checkouts").join(name);
        let notes = check_out(repository, commit, &path, self.remote.size)?;
        self.number += 1;
        let branch = Some(branch.to_owned()).filter(|branch| !branch.is_empty());
        let revision = Revision { branch, commit: Some(commit_info(commit)), dirty: Some(false), notes };
        Ok(New { path, commit: commit.id(), revision })
    }

    /// Notes for the next engine what is in use.
    fn use_it(&mut self, new: &New) -> Result<(), Fault> {
        if let Some((old, _)) = self.in_use.replace((new.path.clone(), new.commit)) {
            self.replaced.push((old, Instant::now()));
        }
        let branch = new.revision.branch.as_deref().unwrap_or_default();
        let noted =
            fs::write(self.home.join("branch"), branch).map_err(|error| error.to_string()).and_then(|()| {
                let repository = Repository::open_bare(self.git());
                let noted = repository.and_then(|git| git.reference(IN_USE, new.commit, true, "").map(drop));
                noted.map_err(|error| error.message().to_owned())
            });
        noted
            .map_err(|words| Fault::new(format!("the mirror can't be written: {words}"), "is the disk full?"))
    }

    /// Removes replaced checkouts that nobody needs.
    fn sweep(&mut self, in_use: &BTreeSet<String>, now: Instant) {
        self.replaced.retain(|(path, since)| {
            let needed = now.duration_since(*since) < KEPT || in_use.contains(&*path.to_string_lossy());
            if !needed {
                debug!(path = %path.display(), "a checkout is removed");
                let _ = fs::remove_dir_all(path);
            }
            needed
        });
    }
}

fn short(commit: Oid) -> String {
    commit.to_string().chars().take(12).collect()
}

fn unusable(error: &git2::Error) -> Fault {
    Fault::new(format!("the mirror can't be read: {}", error.message()), "the engine tries again")
}
