//! What the system says about changes in a folder.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::fingerprint::FOLDERS;

/// Watches a repository's folder: wakes who listens, says nothing about what has changed.
#[derive(Debug)]
pub(super) struct Watcher {
    root: PathBuf,
    inner: Option<RecommendedWatcher>,
    /// What is watched, with the file that it was then: another one in its place has to be watched anew.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    /// Why changes may be noticed late.
    problem: Option<String>,
}

impl Watcher {
    /// Each change puts something into the channel, which needs room for one.
    pub(super) fn new(root: &Path, changed: mpsc::Sender<()>) -> Self {
        let below = root.to_owned();
        let tell = move |event: notify::Result<Event>| {
            // A full channel says so already.
            if event.as_ref().map_or(true, |event| matters(event, &below)) {
                let _ = changed.try_send(());
            }
        };
        let (inner, problem) = match notify::recommended_watcher(tell) {
            Ok(inner) => (Some(inner), None),
            Err(error) => (None, Some(words(&error))),
        };
        Self { root: root.to_owned(), inner, watched: BTreeMap::new(), problem }
    }

    /// Watches what is there now. Not the whole root: git's own folder is nobody's business. The folder above, as the
    /// root itself may be put in place by a rename.
    pub(super) fn cover(&mut self) {
        let Some(inner) = &mut self.inner else { return };
        let above = self.root.parent().map(|above| (above.to_owned(), RecursiveMode::NonRecursive));
        let root = (self.root.clone(), RecursiveMode::NonRecursive);
        let below = FOLDERS.map(|folder| (self.root.join(folder), RecursiveMode::Recursive));
        self.problem = None;
        for (path, mode) in above.into_iter().chain([root]).chain(below) {
            let identity = std::fs::metadata(&path).ok().map(|found| (found.dev(), found.ino()));
            if identity.as_ref() == self.watched.get(&path) {
                continue;
            }
            if self.watched.remove(&path).is_some() {
                // The system has dropped it already, where the folder is gone.
                let _ = inner.unwatch(&path);
            }
            let Some(identity) = identity else { continue };
            match inner.watch(&path, mode) {
                Ok(()) => drop(self.watched.insert(path, identity)),
                Err(error) => self.problem = Some(words(&error)),
            }
        }
    }

    /// Why changes may be noticed late.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

fn words(error: &notify::Error) -> String {
    let help = match error.kind {
        notify::ErrorKind::MaxFilesWatch => " (the system's limit is fs.inotify.max_user_watches)",
        _ => "",
    };
    format!("changes are noticed by looking only: it can't be watched: {error}{help}")
}

/// Reading is no change; what lies beside the root is not ours.
fn matters(event: &Event, root: &Path) -> bool {
    let changes = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    event.need_rescan() || changes && event.paths.iter().any(|path| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind};

    use super::*;

    #[test]
    fn only_changes_below_the_root_matter() {
        let root = Path::new("/srv/suites");
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let created = EventKind::Create(CreateKind::File);
        for (kind, path, expected) in [
            (created, "/srv/suites/suites/a.rhai", true),
            (created, "/srv/suites", true),
            (created, "/srv/suites2/a.rhai", false),
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), "/srv/suites/suites/a.rhai", false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), "/srv/suites/suites/a.rhai", true),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), "/srv/suites/suites/a.rhai", false),
        ] {
            assert_eq!(matters(&event(kind, path), root), expected, "{kind:?} {path}");
        }
    }
}
