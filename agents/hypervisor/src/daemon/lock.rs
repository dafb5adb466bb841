//! The lock on the state folder: two agents with the same name would each undo what the other does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Held for as long as the process lives; the kernel drops it however that ends.
#[derive(Debug)]
pub struct StateLock {
    _file: Flock<File>,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{} is in use by another hypervisor agent, {holder}. Stop that one first, or give this one a `state` of its own",
        state.display()
    )]
    Taken {
        /// The state folder.
        state: PathBuf,
        /// `process 4711`, as far as known.
        holder: String,
    },
    /// The file can't be made, locked or written.
    #[error("cannot lock {}: {source}", path.display())]
    System {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LockError {
    /// Whether somebody else has it.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Taken { .. })
    }
}

impl StateLock {
    /// Makes the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(state: &Path) -> Result<Self, LockError> {
        let path = state.join("lock");
        let failed = |source| LockError::System { path: path.clone(), source };
        fs::create_dir_all(state).map_err(failed)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut locked = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => locked,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                let read = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let holder =
                    if read { format!("process {}", pid.trim()) } else { "just starting".to_owned() };
                return Err(LockError::Taken { state: state.to_owned(), holder });
            }
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        locked.set_len(0).map_err(failed)?;
        writeln!(locked, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: locked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let first = StateLock::take(&state).unwrap();
        let words = StateLock::take(&state).unwrap_err().to_string();
        assert!(words.contains(&format!("process {}", std::process::id())), "{words}");
        drop(first);
        StateLock::take(&state).unwrap();
    }
}
