//! Records that nobody needs any more, until there is time to delete them.
//!
//! A file system that has just freed many inodes makes new ones more slowly: ext4 does not use an inode again for some
//! seconds, and looks at each of them on its way to the next free one. Where stages follow each other at once, deleting
//! the last one's record costs the next one time. So small records wait for a pause.

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

    /// Deletes what waits, on one other thread.
    pub(super) fn delete(&mut self) {
        self.pause = None;
        let folders = std::mem::take(&mut self.folders);
        tokio::task::spawn_blocking(move || {
            for folder in folders {
                if let Err(error) = folder.remove() {
                    tracing::warn!(%error, folder = %folder.path().display(), "cannot remove a record");
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds records of so many bytes of output; answers which of them are there when all threads are done.
    fn there_after(lengths: &[u64]) -> Vec<usize> {
        let base = tempfile::tempdir().unwrap();
        let folder = |number: usize| StageFolder::at(base.path().join("stages").join(number.to_string()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut forgotten = Forgotten::default();
            for (number, length) in lengths.iter().enumerate() {
                std::fs::create_dir_all(folder(number).path()).unwrap();
                forgotten.add(folder(number), *length);
            }
            assert_eq!(forgotten.pause().is_some(), !forgotten.folders.is_empty());
        });
        // Waits for the threads.
        drop(runtime);
        (0..lengths.len()).filter(|number| folder(*number).path().exists()).collect()
    }

    #[test]
    fn small_records_wait_for_a_pause_until_they_are_many() {
        assert_eq!(there_after(&[0, 100]), [0, 1]);
        assert_eq!(there_after(&[0, LARGE, 0]), [2], "a large one goes at once, and takes the others along");
        assert_eq!(there_after(&[0; MANY + 1]), [MANY]);
    }
}
