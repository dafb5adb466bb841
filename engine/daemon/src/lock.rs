//! One engine per state folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

const FILE: &str = "engine.lock";

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "another engine uses {} (process {pid}); stop it (`xrdtest-engine stop`), or give this one another `state`",
        state.display()
    )]
    Taken {
        /// The folder.
        state: PathBuf,
        /// Whose process.
        pid: String,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// Held by the engine that uses a folder, until its process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Takes the lock of a folder, which is made where it is not there.
    ///
    /// # Errors
    /// [`LockError`], at once.
    pub fn take(state: &Path) -> Result<Self, LockError> {
        let path = state.join(FILE);
        let failed = |source| LockError::System { path: path.clone(), source };
        private_folder(state).map_err(|source| LockError::System { path: state.to_owned(), source })?;
        let file = open(&path).map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                file.set_len(0).map_err(failed)?;
                file.rewind().map_err(failed)?;
                writeln!(file, "{}", std::process::id()).map_err(failed)?;
                Ok(Self { _file: file })
            }
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                let pid = holder(state).ok().flatten();
                let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
                Err(LockError::Taken { state: state.to_owned(), pid })
            }
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }
}

/// The folder, made for its owner alone where it is not there: keys and accounts are in it. The folders above it may be
/// for others as well.
fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

fn open_existing(state: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(state.join(FILE))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The process of the engine that uses a folder; `None` where none does.
///
/// # Errors
/// Where this user may not look.
pub fn holder(state: &Path) -> io::Result<Option<i32>> {
    let mut file = match open_existing(state) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(None),
        Ok(file) => file,
    };
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    let free = Flock::lock(file, FlockArg::LockSharedNonblock).is_ok();
    Ok(read.ok().filter(|_| !free).and_then(|_| text.trim().parse().ok()))
}

/// Waits until nobody uses a folder.
///
/// # Errors
/// Where the lock's file can't be opened or waited for.
pub fn wait_until_free(state: &Path) -> io::Result<()> {
    match open_existing(state) {
        Ok(file) => Flock::lock(file, FlockArg::LockShared).map(drop).map_err(|(_, errno)| errno.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("above/state");
        let _lock = Lock::take(&state).unwrap();
        let mode = std::fs::metadata(&state).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{mode:o}");
    }

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()).unwrap(), None);
        let lock = Lock::take(folder.path()).unwrap();
        assert_eq!(holder(folder.path()).unwrap(), i32::try_from(std::process::id()).ok());
        let words = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(words.contains(&format!("process {}", std::process::id())), "{words}");
        drop(lock);
        assert_eq!(holder(folder.path()).unwrap(), None);
        wait_until_free(folder.path()).unwrap();
        Lock::take(folder.path()).unwrap();
    }
}
