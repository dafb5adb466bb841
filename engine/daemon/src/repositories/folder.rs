//! A repository that is a folder of this machine.
//!
//! The system says when something has changed. Then the folder is looked at as soon as it is quiet: is it there, is git
//! at work in it, has it really changed, and did it stay as it is while it was read. Now and then it is looked at
//! anyway, as not every file system tells.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::condition::{Fault, Revision};
use super::fingerprint::Fingerprint;
use super::timing::Debounce;
use super::watcher::Watcher;
use super::{Member, Place, Request, Root, Shared, lock, take_requests, working_copy};

/// How long git may be at work before its folder is read all the same: an `index.lock` may have been left behind.
const GIT_AT_WORK: Duration = Duration::from_secs(5);
/// A folder that changes while it is read is read again so often; then it is taken as it is.
const READS: u32 = 5;

/// Looks at the folder for ever. `seen` is what it looked like before it was loaded first.
pub(super) async fn attend(
    shared: Arc<Shared>,
    member: Arc<Member>,
    seen: Option<Fingerprint>,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let Place::Folder(path) = &member.config.place else { return };
    let (sender, mut changes) = mpsc::channel(1);
    let mut folder =
        Folder { shared, path: path.clone(), member: member.clone(), seen, reads: 0, git_since: None };
    let mut watcher = Watcher::new(path, sender);
    let mut debounce = Debounce::default();
    // What has changed since it was loaded was not watched.
    let mut regular = Instant::now();
    let mut waiting: Vec<Request> = Vec::new();
    loop {
        let due = debounce.due().map_or(regular, |due| due.min(regular));
        tokio::select! {
            Some(()) = changes.recv() => {
                debounce.changed(Instant::now());
                continue;
            }
            Some(request) = requests.recv() => waiting.push(request),
            () = sleep_until(due) => {}
        }
        waiting.extend(take_requests(&mut requests));
        debounce.looked();
        // Walks the tree where it is new.
        tokio::task::block_in_place(|| watcher.cover());
        match folder.look(watcher.problem()).await {
            Some(pause) => {
                regular = Instant::now() + pause.min(member.config.interval);
                super::answer(waiting.drain(..));
            }
            None => debounce.changed(Instant::now()),
        }
    }
}

struct Folder {
    shared: Arc<Shared>,
    member: Arc<Member>,
    path: PathBuf,
    /// What it looked like when it was read last.
    seen: Option<Fingerprint>,
    /// How often it has changed while it was read.
    reads: u32,
    /// Since when git is at work in it.
    git_since: Option<Instant>,
}

/// What a folder looks like.
struct Look {
    fingerprint: Fingerprint,
    revision: Revision,
    git_at_work: bool,
}

impl Folder {
    /// Answers how long to wait for the next look; `None`: it has to be looked at again soon.
    async fn look(&mut self, watching: Option<&str>) -> Option<Duration> {
        let looked = match look_at(&self.path).await {
            Ok(look) if self.waits_for_git(look.git_at_work) => return None,
            Ok(look) => self.read(look).await?,
            Err(fault) => {
                // When it is back it is read, whatever it looks like then.
                self.seen = None;
                Err(fault)
            }
        };
        let notes = looked.map(|()| watching.map(str::to_owned).into_iter().collect());
        Some(self.shared.looked(&self.member, notes))
    }

    fn waits_for_git(&mut self, at_work: bool) -> bool {
        if !at_work {
            self.git_since = None;
            return false;
        }
        self.git_since.get_or_insert_with(Instant::now).elapsed() < GIT_AT_WORK
    }

    /// Takes what is new over; `None` where it has changed meanwhile.
    async fn read(&mut self, look: Look) -> Option<Result<(), Fault>> {
        let Look { fingerprint, revision, .. } = look;
        let now = self.shared.clock.now();
        if self.seen == Some(fingerprint) {
            lock(&self.member.condition).noted(revision);
            return Some(Ok(()));
        }
        let loading = self.shared.loading.lock().await;
        let catalogue = self.shared.load(&self.member, &self.path).await?;
        let stayed = Fingerprint::of(&self.path).is_ok_and(|after| after == fingerprint);
        self.reads += 1;
        if !stayed && self.reads < READS {
            debug!(repository = self.member.config.name, "the folder has changed while it was read");
            return None;
        }
        self.reads = 0;
        self.seen = stayed.then_some(fingerprint);
        let (name, reuse) = (self.member.config.name.clone(), self.member.reuse.clone());
        let root = Root { name, path: self.path.clone(), fixed: None, reuse };
        self.shared.replace(root, catalogue);
        drop(loading);
        lock(&self.member.condition).loaded(now, revision);
        Some(Ok(()))
    }
}

async fn look_at(path: &Path) -> Result<Look, Fault> {
    let path = path.to_owned();
    let look = move || {
        let fingerprint = Fingerprint::of(&path).map_err(|error| {
            Fault::new(
                format!("the folder {} can't be read: {error}", path.display()),
                "bring it back, or correct the key path of [[repository]] in engine.toml",
            )
        })?;
        let git_at_work = working_copy::is_being_changed(&path);
        Ok(Look { fingerprint, revision: working_copy::revision(&path), git_at_work })
    };
    let failed =
        |error: tokio::task::JoinError| Fault::new(format!("it could not be looked at: {error}"), "");
    tokio::task::spawn_blocking(look).await.map_err(failed)?
}
