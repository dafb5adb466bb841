//! Whether anything in a folder has changed: by names, times and lengths, as nothing is read.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

/// The folders that definitions and their scripts are in.
pub(super) const FOLDERS: [&str; 3] = ["suites", "clusters", "lib"];
/// Folders in folders, and files, beyond which nothing is looked at: a link may lead back to where it stands.
const DEPTH: usize = 16;
const MOST_FILES: usize = 200_000;
/// More threads than this gain nothing.
const MOST_THREADS: usize = 4;

/// What a folder looks like from outside. It does not matter in which order the system names the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    sum: u64,
    files: usize,
}

impl Fingerprint {
    /// Of the definitions and scripts below `root`.
    ///
    /// # Errors
    /// Where `root` is no folder that can be read. What vanishes meanwhile is no error: it is a change.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut all = Self::default();
        let mut below = Vec::new();
        for entry in fs::read_dir(root)?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == "rhai") {
                all.add(&path, 0);
            }
        }
        for folder in FOLDERS.map(|folder| root.join(folder)) {
            all.add(&folder, 0);
            below.extend(seen_in(&folder));
        }
        let processors = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
        let part = |paths: &[PathBuf]| {
            paths.iter().fold(Self::default(), |mut part, path| {
                part.add(path, DEPTH);
                part
            })
        };
        thread::scope(|scope| {
            let parts = below.chunks(below.len().div_ceil(processors).max(1));
            let threads: Vec<_> = parts.map(|paths| scope.spawn(move || part(paths))).collect();
            for part in threads.into_iter().filter_map(|thread| thread.join().ok()) {
                all.sum = all.sum.wrapping_add(part.sum);
                all.files += part.files;
            }
        });
        Ok(all)
    }

    fn add(&mut self, path: &Path, depth: usize) {
        let Ok(metadata) = fs::metadata(path) else { return };
        let mut hasher = DefaultHasher::new();
        (path, metadata.ino(), metadata.len(), metadata.mode()).hash(&mut hasher);
        (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()).hash(&mut hasher);
        self.sum = self.sum.wrapping_add(hasher.finish());
        self.files += 1;
        if !metadata.is_dir() || depth == 0 || self.files > MOST_FILES {
            return;
        }
        for path in seen_in(path) {
            self.add(&path, depth - 1);
        }
    }
}

/// What is directly in a folder, hidden files excepted; nothing where there is no folder.
fn seen_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let seen = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    seen.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("suites/a/tc")).unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        let mut last = Fingerprint::of(root).unwrap();
        let mut changes = |what: &str, change: &dyn Fn(), expected: bool| {
            change();
            let now = Fingerprint::of(root).unwrap();
            assert_eq!(now != last, expected, "{what}");
            last = now;
        };
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        changes("nothing", &|| (), false);
        changes("a script", &|| write("suites/a/tc/run.sh", "x"), true);
        changes("a longer script", &|| write("suites/a/tc/run.sh", "xy"), true);
        changes(
            "an atomic rename",
            &|| {
                write("new", "ab");
                fs::rename(root.join("new"), root.join("suites/a/tc/run.sh")).unwrap();
            },
            true,
        );
        changes("a stray definition", &|| write("x.rhai", ""), true);
        changes("another folder", &|| write("notes.txt", ""), false);
        changes("git's own files", &|| write(".git/HEAD", ""), false);
        changes("clusters appear", &|| fs::create_dir(root.join("clusters")).unwrap(), true);
        changes("a folder goes", &|| fs::remove_dir_all(root.join("suites")).unwrap(), true);
        assert!(Fingerprint::of(&root.join("none")).is_err());
    }
}
