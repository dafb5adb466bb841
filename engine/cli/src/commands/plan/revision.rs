//! The files of a repository as a git revision has them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use git2::{ObjectType, Repository, Tree};
use tempfile::TempDir;

/// More files than this are no repository of definitions.
const MOST_FILES: usize = 100_000;
/// Folders below one another.
const DEPTH: usize = 64;
/// Bytes of all files together.
const MOST_BYTES: usize = 1 << 30;

/// A revision, written to a folder that goes away with this.
pub(super) struct Revision {
    /// Its commit.
    pub(super) commit: String,
    folder: TempDir,
}

impl Revision {
    /// The files below `root`, which lies in a git repository, as a revision has them. Nothing of the repository is
    /// changed. Files are as git keeps them: filters and large files kept elsewhere (LFS) are not applied.
    pub(super) fn take(root: &Path, revision: &str) -> anyhow::Result<Self> {
        let repository = Repository::discover(root)
            .with_context(|| format!("{} is in no git repository that can be read", root.display()))?;
        let work = repository.workdir().context("the git repository has no files of its own (it is bare)")?;
        let work = work.canonicalize().context("the git repository's folder is gone")?;
        let inside = root.strip_prefix(&work).with_context(|| {
            format!("{} is not below {}, the folder of its git repository", root.display(), work.display())
        })?;
        let object = repository.revparse_single(revision).with_context(|| {
            format!("git knows no revision `{revision}`; `git log --oneline` and `git branch -a` show some")
        })?;
        let commit = object.peel_to_commit().with_context(|| format!("`{revision}` is no commit"))?;
        let tree = commit.tree().context("the commit's files can't be read")?;
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let mut writing = Writing { repository: &repository, files: 0, bytes: 0 };
        match inside.as_os_str().is_empty() {
            true => writing.tree(&tree, folder.path(), 0)?,
            // Where the folder was not there yet, everything in it is new.
            false => {
                if let Ok(entry) = tree.get_path(inside)
                    && let Ok(tree) = entry.to_object(&repository).and_then(|object| object.peel_to_tree())
                {
                    writing.tree(&tree, folder.path(), 0)?;
                }
            }
        }
        // An empty repository of definitions is one, too.
        for part in ["suites", "clusters"] {
            fs::create_dir_all(folder.path().join(part)).context("the temporary folder can't be written")?;
        }
        Ok(Self { commit: commit.id().to_string(), folder })
    }

    /// Where its files are.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap_or_else(|_| self.folder.path().to_owned())
    }
}

struct Writing<'a> {
    repository: &'a Repository,
    files: usize,
    bytes: usize,
}

impl Writing<'_> {
    fn tree(&mut self, tree: &Tree<'_>, folder: &Path, depth: usize) -> anyhow::Result<()> {
        if depth > DEPTH {
            bail!("the revision has folders more than {DEPTH} deep");
        }
        for entry in tree {
            let Ok(name) = entry.name() else { continue };
            // Trees can hold what no file system does.
            if name.is_empty() || name.contains('/') || matches!(name, "." | ".." | ".git") {
                continue;
            }
            let path = folder.join(name);
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let below = self.repository.find_tree(entry.id()).context("a folder can't be read")?;
                    // Fails where a hostile tree has a link of the same name.
                    fs::create_dir(&path).with_context(|| format!("{} can't be made", path.display()))?;
                    self.tree(&below, &path, depth + 1)?;
                }
                Some(ObjectType::Blob) => self.file(entry.id(), entry.filemode(), &path)?,
                // A submodule: its files are another repository's.
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, id: git2::Oid, mode: i32, path: &Path) -> anyhow::Result<()> {
        /// What git says of a symbolic link.
        const LINK: i32 = 0o120_000;
        let blob =
            self.repository.find_blob(id).with_context(|| format!("{} can't be read", path.display()))?;
        self.files += 1;
        self.bytes += blob.size();
        if self.files > MOST_FILES || self.bytes > MOST_BYTES {
            bail!("the revision has more than {MOST_FILES} files, or more than 1 GiB in them");
        }
        let failed = || format!("{} can't be written", path.display());
        if mode == LINK {
            use std::os::unix::ffi::OsStrExt as _;
            return symlink(std::ffi::OsStr::from_bytes(blob.content()), path).with_context(failed);
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(failed)?;
        file.write_all(blob.content()).with_context(failed)
    }
}
