//! A commit's files in a folder of their own.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use git2::{Commit, ObjectType, Repository, Tree};
use xrdtest_model::size::human_bytes;

use super::condition::Fault;

/// Files, and folders in folders, that a repository may have.
const MOST_FILES: usize = 200_000;
const DEPTH: usize = 64;

const EXECUTABLE: i32 = 0o100_755;
const LINK: i32 = 0o120_000;

/// Writes the commit's files below `folder`, which must not exist. All or nothing: whoever sees the folder sees all of
/// it. Answers what is worth knowing.
pub(super) fn check_out(
    repository: &Repository,
    commit: &Commit<'_>,
    folder: &Path,
    size: u64,
) -> Result<Vec<String>, Fault> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = folder.with_file_name(format!("{UNFINISHED}{name}"));
    let mut writing = Writing { repository, left: size, size, files: 0, notes: Vec::new() };
    let done = writing.sized(&commit.tree().map_err(broken)?, 0).and_then(|()| {
        writing.tree(&commit.tree().map_err(broken)?, &unfinished, "")?;
        fs::rename(&unfinished, folder).map_err(|error| unwritable(folder, &error))
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    done.map(|()| writing.notes)
}

/// How the name of a folder begins that is being written.
pub(super) const UNFINISHED: &str = ".new-";

struct Writing<'a> {
    repository: &'a Repository,
    size: u64,
    left: u64,
    files: usize,
    notes: Vec<String>,
}

impl Writing<'_> {
    /// Looks how much it is before anything is written.
    fn sized(&mut self, tree: &Tree<'_>, depth: usize) -> Result<(), Fault> {
        let objects = self.repository.odb().map_err(broken)?;
        if depth > DEPTH {
            return Err(Fault::new(format!("it has folders in folders, deeper than {DEPTH}"), ""));
        }
        for entry in tree {
            self.files += 1;
            match entry.kind() {
                _ if self.files > MOST_FILES => {
                    return Err(Fault::new(
                        format!("it has more than {MOST_FILES} files"),
                        "keep others elsewhere",
                    ));
                }
                Some(ObjectType::Tree) => {
                    self.sized(&self.repository.find_tree(entry.id()).map_err(broken)?, depth + 1)?;
                }
                Some(ObjectType::Blob) => {
                    let (length, _) = objects.read_header(entry.id()).map_err(broken)?;
                    self.left = self.left.checked_sub(length as u64).ok_or_else(|| {
                        let file = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                        Fault::new(
                            format!(
                                "its files are larger than {}; `{file}` alone has {}",
                                human_bytes(self.size),
                                human_bytes(length as u64)
                            ),
                            "keep large files elsewhere, or raise the key size",
                        )
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn tree(&mut self, tree: &Tree<'_>, folder: &Path, path: &str) -> Result<(), Fault> {
        fs::create_dir(folder).map_err(|error| unwritable(folder, &error))?;
        for entry in tree {
            let Some(name) = entry.name().ok().filter(|name| is_plain(name)) else {
                let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                self.notes.push(format!("`{path}{name}` is left out: files can't have that name here"));
                continue;
            };
            let target = folder.join(name);
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let tree = self.repository.find_tree(entry.id()).map_err(broken)?;
                    self.tree(&tree, &target, &format!("{path}{name}/"))?;
                }
                Some(ObjectType::Blob) => {
                    let blob = self.repository.find_blob(entry.id()).map_err(broken)?;
                    write(&target, blob.content(), entry.filemode())
                        .map_err(|error| unwritable(&target, &error))?;
                }
                _ => self.notes.push(format!("`{path}{name}` is a submodule: its files are not fetched")),
            }
        }
        Ok(())
    }
}

fn write(target: &Path, content: &[u8], mode: i32) -> io::Result<()> {
    if mode == LINK {
        use std::os::unix::ffi::OsStrExt;
        return std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(content), target);
    }
    let mode = if mode == EXECUTABLE { 0o755 } else { 0o644 };
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(target)?.write_all(content)
}

/// Git refuses such names as well; a remote may send them all the same.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.eq_ignore_ascii_case(".git") && !name.contains(['/', '\0'])
}

fn broken(error: git2::Error) -> Fault {
    Fault::new(
        format!("the mirror can't be read: {}", error.message()),
        "remove its folder; it is fetched again",
    )
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    let path: PathBuf = path.to_owned();
    Fault::new(format!("{} can't be written: {error}", path.display()), "see whether the disk is full")
}

#[cfg(test)]
mod tests {
    use git2::Signature;

    use super::*;

    /// A bare repository with one commit of one tree.
    fn with_tree(folder: &Path, build: impl FnOnce(&Repository, &mut git2::TreeBuilder<'_>)) -> Repository {
        let repository = Repository::init_bare(folder).unwrap();
        {
            let mut builder = repository.treebuilder(None).unwrap();
            build(&repository, &mut builder);
            let tree = repository.find_tree(builder.write().unwrap()).unwrap();
            let author = Signature::now("A", "a@b").unwrap();
            repository.commit(Some("HEAD"), &author, &author, "m", &tree, &[]).unwrap();
        }
        repository
    }

    #[test]
    fn files_links_and_submodules() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = with_tree(&folder.path().join("m"), |repository, tree| {
            let blob = |text: &str| repository.blob(text.as_bytes()).unwrap();
            let mut inner = repository.treebuilder(None).unwrap();
            inner.insert("run.sh", blob("#!/bin/sh\n"), EXECUTABLE).unwrap();
            tree.insert("suites", inner.write().unwrap(), 0o040_000).unwrap();
            tree.insert("plain", blob("text"), 0o100_644).unwrap();
            tree.insert("link", blob("plain"), LINK).unwrap();
            let elsewhere = git2::Oid::from_str("1234567890123456789012345678901234567890").unwrap();
            tree.insert("module", elsewhere, 0o160_000).unwrap();
        });
        let commit = mirror.head().unwrap().peel_to_commit().unwrap();
        let target = folder.path().join("out");
        let notes = check_out(&mirror, &commit, &target, 1000).unwrap();
        assert_eq!(notes, ["`module` is a submodule: its files are not fetched"]);
        assert_eq!(fs::read_to_string(target.join("link")).unwrap(), "text");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(target.join("suites/run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
        assert!(!target.join("module").exists());

        let small = folder.path().join("small");
        let fault = check_out(&mirror, &commit, &small, 9).unwrap_err();
        assert!(
            fault.problem.starts_with("its files are larger than 9 B; `run.sh` alone has 10 B"),
            "{fault}"
        );
        assert!(!small.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left of it");
    }

    #[test]
    fn names_stay_inside() {
        for (name, plain) in [("a", true), (".hidden", true), ("..", false), (".GIT", false), ("a/b", false)]
        {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }
}
