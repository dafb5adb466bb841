//! Records that nobody needs any more, until there is time to delete them.
//!
//! A file system that has just freed many inodes makes new ones more slowly: ext4 does not use an inode again for some
//! seconds, and looks at each of them on its way to the next free one. Where stages follow each other at once, deleting
//! the last one's record costs the next one time. So small records wait for a pause.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::stage::StageFolder;

/// Without another record for this long there is a pause.
const PAUSE: Duration = Duration::from_secs(2);
/// Records that wait at most.
const MANY: usize = 200;
/// Bytes of output from which on a record does not wait.
const LARGE: u64 = 1 << 20;

/// Records that wait.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    folders: Vec<StageFolder>,
    /// When there is a pause.
    pause: Option<Instant>,
}

impl Forgotten {
    /// Deletes a record, now or in the next pause. `length`: bytes of its output.
    pub(super) fn add(&mut self, folder: StageFolder, length: u64) {
        self.folders.push(folder);
        self.pause = Some(Instant::now() + PAUSE);
        if length >= LARGE || self.folders.len() >= MANY {
            self.delete();
        }
    }

    /// When there will be a pause; `None` where nothing waits for it.
    pub(super) fn pause(&self) -> Option<Instant> {
        self.pause
    }

    /// Deletes what waits, on another thread.
    pub(super) fn delete(&mut self) {
        self.pause = None;
        for folder in self.folders.drain(..) {
            tokio::task::spawn_blocking(move || delete(&folder));
        }
    }
}

fn delete(folder: &StageFolder) {
    if let Err(error) = folder.remove() {
        let folder: &Path = folder.path();
        tracing::warn!(%error, folder = %folder.display(), "cannot remove a record");
    }
}
