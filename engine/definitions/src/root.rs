//! Finding the repository that a path belongs to.

use std::io;
use std::path::{Path, PathBuf};

/// Why no repository was found.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The path does not exist or can't be reached.
    #[error("{path}: {source}", path = path.display())]
    Path {
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither the path nor any folder above it has `suites/` or `clusters/`.
    #[error(
        "{path} is in no repository: neither it nor a folder above it has a folder `suites` or `clusters`",
        path = path.display()
    )]
    NoRepository {
        /// As given.
        path: PathBuf,
    },
}

/// The root of the repository that a path belongs to: the nearest folder at or above it with `suites/` or
/// `clusters/`. The result is absolute and free of links. Git plays no part in this.
///
/// # Errors
/// [`RootError`] where the path does not exist, or where there is no such folder.
pub fn find_root(path: &Path) -> Result<PathBuf, RootError> {
    let absolute = path.canonicalize().map_err(|source| RootError::Path { path: path.to_owned(), source })?;
    absolute
        .ancestors()
        .find(|folder| folder.join("suites").is_dir() || folder.join("clusters").is_dir())
        .map(Path::to_owned)
        .ok_or_else(|| RootError::NoRepository { path: path.to_owned() })
}
