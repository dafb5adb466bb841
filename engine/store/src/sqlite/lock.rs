//! One process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::words;
use crate::StoreError;

/// How long a store that is just being closed is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Held while a store is open. The kernel gives it back when the process ends in any way.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store at `path`, with the process's id in it for people.
    pub(super) async fn take(path: &Path) -> Result<Self, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = Path::new(&name);
        let unusable = |error: std::io::Error| words::no_lock(name, &error);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(name).map_err(unusable)?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let mut owner = String::new();
                    let _ = file.read_to_string(&mut owner);
                    return Err(words::in_use(path, &owner));
                }
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        // The id is for people only: a disk that is too full for it is found when it matters.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| {
            let pid = std::process::id();
            writeln!(file, "{pid}")
        });
        Ok(Self { _file: file })
    }
}
