//! What git says about a folder of this machine, if it is git's: nothing is run, nothing is written.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, StatusOptions};
use xrdtest_model::Timestamp;
use xrdtest_model::api::CommitInfo;

use super::condition::Revision;

/// The folder's branch, commit, and whether files in it differ from that. All unknown where git has no part in it.
pub(super) fn revision(root: &Path) -> Revision {
    let Some((top, _)) = find(root) else { return Revision::default() };
    match read(root, &top) {
        Ok(revision) => revision,
        Err(error) => Revision {
            notes: vec![format!("its commit is not known: {}", error.message())],
            ..Revision::default()
        },
    }
}

/// Whether git is changing the folder's files at this moment.
pub(super) fn is_being_changed(root: &Path) -> bool {
    find(root).is_some_and(|(_, git)| git.join("index.lock").exists())
}

/// The folder that git looks after, at or above `root`, with git's own folder.
fn find(root: &Path) -> Option<(PathBuf, PathBuf)> {
    let root = root.canonicalize().ok()?;
    let top = root.ancestors().find(|folder| folder.join(".git").exists())?;
    let git = top.join(".git");
    // In a worktree it is a file that says where the folder is.
    let git = match std::fs::read_to_string(&git) {
        Ok(text) => top.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => git,
    };
    Some((top.to_owned(), git))
}

fn read(root: &Path, top: &Path) -> Result<Revision, git2::Error> {
    let repository = open(top)?;
    let head = match repository.head() {
        Err(error) if error.code() == ErrorCode::UnbornBranch => return Ok(Revision::default()),
        head => head?,
    };
    let branch = head.is_branch().then(|| String::from_utf8_lossy(head.shorthand_bytes()).into_owned());
    let commit = commit_info(&head.peel_to_commit()?);
    let mut options = StatusOptions::new();
    options.include_untracked(true).exclude_submodules(true).include_ignored(false);
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    if let Some(below) = root.strip_prefix(top).ok().filter(|below| !below.as_os_str().is_empty()) {
        options.pathspec(below).disable_pathspec_match(true);
    }
    let dirty = !repository.statuses(Some(&mut options))?.is_empty();
    Ok(Revision { branch, commit: Some(commit), dirty: Some(dirty), notes: Vec::new() })
}

/// Opens it whoever owns it: git2 runs nothing of what its configuration may name.
fn open(top: &Path) -> Result<Repository, git2::Error> {
    match Repository::open(top) {
        Err(error) if error.code() == ErrorCode::Owner => {
            let (_, git) = find(top).ok_or(error)?;
            let repository = Repository::open_bare(git)?;
            repository.set_workdir(top, false)?;
            Ok(repository)
        }
        opened => opened,
    }
}

/// A commit as it is told.
pub(super) fn commit_info(commit: &git2::Commit<'_>) -> CommitInfo {
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let seconds = u64::try_from(author.when().seconds()).unwrap_or(0);
    CommitInfo {
        id: commit.id().to_string(),
        author: format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes())),
        at: Timestamp::from_millis(seconds.saturating_mul(1000)),
        summary: commit.summary_bytes().map(text).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use git2::Signature;

    use super::*;

    fn commit_all(repository: &Repository) {
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let author = Signature::new("Ann", "ann@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
        let parents: Vec<_> =
            repository.head().ok().map(|head| head.peel_to_commit().unwrap()).into_iter().collect();
        let parents: Vec<_> = parents.iter().collect();
        repository.commit(Some("HEAD"), &author, &author, "Say what\n\nand why", &tree, &parents).unwrap();
    }

    #[test]
    fn a_folder_tells_its_commit() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("definitions");
        fs::create_dir_all(root.join("suites")).unwrap();
        assert_eq!(revision(&root), Revision::default(), "no git");
        let mut options = git2::RepositoryInitOptions::new();
        let repository = Repository::init_opts(folder.path(), options.initial_head("trunk")).unwrap();
        assert_eq!(revision(&root), Revision::default(), "no commit");
        fs::write(root.join("suites/a.rhai"), "a").unwrap();
        commit_all(&repository);
        let clean = revision(&root);
        assert_eq!((clean.branch.as_deref(), clean.dirty), (Some("trunk"), Some(false)));
        let commit = clean.commit.unwrap();
        assert_eq!((commit.author.as_str(), commit.summary.as_str()), ("Ann <ann@example.org>", "Say what"));
        assert_eq!((commit.id.len(), commit.at), (40, Timestamp::from_millis(1_700_000_000_000)));
        fs::write(folder.path().join("outside"), "b").unwrap();
        assert_eq!(revision(&root).dirty, Some(false), "what is beside the definitions does not matter");
        fs::write(root.join("suites/a.rhai"), "changed").unwrap();
        assert_eq!(revision(&root).dirty, Some(true));
        fs::write(root.join("suites/a.rhai"), "a").unwrap();
        fs::write(root.join("suites/b.rhai"), "new").unwrap();
        assert_eq!(revision(&root).dirty, Some(true), "a file that git does not know");
        repository.set_head_detached(repository.head().unwrap().target().unwrap()).unwrap();
        assert_eq!(revision(&root).branch, None);
        assert!(!is_being_changed(&root));
        fs::write(folder.path().join(".git/index.lock"), "").unwrap();
        assert!(is_being_changed(&root));
    }
}
