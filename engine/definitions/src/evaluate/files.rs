//! Reading files of a repository: regular files inside it, of bounded size, and nothing else.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("there is no such file")]
    Missing,
    #[error("it lies outside the repository")]
    Outside,
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it is larger than {} KiB", .0 / 1024)]
    TooLarge(u64),
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl FileProblem {
    /// What to do about it, where the file is a definition or a helper.
    pub(crate) fn help(&self) -> Option<String> {
        let too_large = matches!(self, Self::TooLarge(_));
        too_large
            .then(|| "import parts of it (an engine's bound is set by its key definitions.file)".to_owned())
    }
}

/// The files below one root.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    /// The root must be canonical: what links lead to is compared with it.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file, by its path relative to the root.
    pub(crate) fn read(&self, relative: &str, most: u64) -> Result<String, FileProblem> {
        let path = self.root.join(relative);
        let target = path.canonicalize().map_err(missing)?;
        if !target.starts_with(&self.root) {
            return Err(FileProblem::Outside);
        }
        read_text(&target, most)
    }

    /// Whether something of that name exists, wherever a link leads.
    pub(crate) fn exists(&self, relative: &str) -> bool {
        self.root.join(relative).exists()
    }

    pub(crate) fn is_folder(&self, relative: &str) -> bool {
        self.root.join(relative).is_dir()
    }

    /// Names in a folder, for suggestions: those that can be read, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        const MOST: usize = 1000;
        let path = self.root.join(folder);
        let inside = path.canonicalize().is_ok_and(|target| target.starts_with(&self.root));
        let entries = inside.then(|| fs::read_dir(path).ok()).flatten();
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .flatten()
            .take(MOST)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }
}

/// The text of a regular file of at most so many bytes.
pub(crate) fn read_text(path: &Path, most: u64) -> Result<String, FileProblem> {
    // Opening a FIFO would wait for its other end; what it is can be told safely only once it is open.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(missing)?;
    if !file.metadata()?.is_file() {
        return Err(FileProblem::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(FileProblem::TooLarge(most));
    }
    String::from_utf8(bytes).map_err(|_| FileProblem::NotText)
}

fn missing(error: io::Error) -> FileProblem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileProblem::Missing,
        _ => FileProblem::Io(error),
    }
}

/// A relative path without `.`, as long as it goes down only: `./a/b` is `a/b`, `../a` and `/a` are none.
pub(crate) fn downward(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// A path relative to `folder`, made relative to the root and freed of `.` and `..`; `None` where it leaves the root.
pub(crate) fn within(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below() {
        for (path, expect) in [
            ("a/b", Some("a/b")),
            ("./a", Some("a")),
            ("a/./b", Some("a/b")),
            ("../a", None),
            ("a/../../b", None),
            ("/etc/passwd", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(downward(path).as_deref(), expect, "{path}");
        }
        assert_eq!(within("suites/a", "../b/x.sh").as_deref(), Some("suites/b/x.sh"));
        assert_eq!(within("suites/a", "../../../x.sh"), None);
        assert_eq!(within("suites/a", "/x.sh"), None);
    }

    #[test]
    fn only_regular_text_is_read() {
        assert!(matches!(read_text(Path::new("/dev/zero"), 10), Err(FileProblem::NotRegular)));
        assert!(matches!(read_text(Path::new("/no/such"), 10), Err(FileProblem::Missing)));
    }
}
