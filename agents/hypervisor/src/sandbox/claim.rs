//! Folders that belong to a process for as long as it lives.
//!
//! A claim is a folder below a base, with a marker in it and a lock on the folder itself that the kernel drops when the
//! process ends, however it ends. A folder with the marker whose lock is free is left over; one without the marker is
//! somebody else's and never touched, should a base be configured to be a folder with other things in it. The base's
//! own lock is held only while folders are made, tried or removed, so that nobody takes a folder that is just being made
//! for a left-over.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::{OnPath, SandboxError};

/// How long a claim waits for somebody who is just removing the left-overs of the same name.
const PATIENCE: Duration = Duration::from_secs(2);

/// The file that tells our folders from others.
const MARKER: &str = ".xrdtest-claim";

/// A folder that is ours.
#[derive(Debug)]
pub(crate) struct Claim {
    base: PathBuf,
    folder: PathBuf,
    _lock: Flock<File>,
}

/// What came of trying to claim a folder.
pub(crate) enum Claimed {
    /// It is new.
    New(Claim),
    /// It was left over, with what is in it.
    LeftOver(Claim),
    /// Another process has it.
    Taken,
}

impl Claim {
    /// Claims the folder `name`; makes it, and the base, where they do not exist.
    pub(crate) fn take(base: &Path, name: &str) -> Result<Claimed, SandboxError> {
        let deadline = Instant::now() + PATIENCE;
        let folder = base.join(name);
        loop {
            let lock = lock_base(base)?;
            let is_new = match private_folder(&folder) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_marked(&folder) => false,
                Err(error) => return Err(error).on("create", &folder),
            };
            let marker = folder.join(MARKER);
            fs::write(&marker, "").on("create", &marker)?;
            if let Some(claim) = Self::try_lock(base, &folder)? {
                return Ok(if is_new { Claimed::New(claim) } else { Claimed::LeftOver(claim) });
            }
            drop(lock);
            if Instant::now() > deadline {
                return Ok(Claimed::Taken);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Claims every folder of the base that belongs to nobody.
    pub(crate) fn left_over(base: &Path) -> Result<Vec<Self>, SandboxError> {
        if !base.exists() {
            return Ok(Vec::new());
        }
        let _lock = lock_base(base)?;
        let mut claims = Vec::new();
        for entry in fs::read_dir(base).on("read", base)? {
            let entry = entry.on("read", base)?;
            if is_marked(&entry.path()) {
                claims.extend(Self::try_lock(base, &entry.path())?);
            }
        }
        Ok(claims)
    }

    fn try_lock(base: &Path, folder: &Path) -> Result<Option<Self>, SandboxError> {
        let file = File::open(folder).on("open", folder)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self { base: base.to_owned(), folder: folder.to_owned(), _lock: lock })),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(errno).on("lock", folder),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder's name.
    pub(crate) fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Removes everything in the folder but the marker.
    pub(crate) fn clear(&self) -> Result<(), SandboxError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.on("read", &self.folder)?,
        };
        for entry in entries {
            let entry = entry.on("read", &self.folder)?;
            let path = entry.path();
            if entry.file_name() == MARKER {
                continue;
            }
            if entry.file_type().on("look at", &path)?.is_dir() {
                fs::remove_dir_all(&path).on("remove", &path)?;
            } else {
                fs::remove_file(&path).on("remove", &path)?;
            }
        }
        Ok(())
    }

    /// Removes the folder with everything in it, and the base when it is empty then.
    pub(crate) fn remove(self) -> Result<(), SandboxError> {
        // The bulk goes without the base's lock, so that nobody has to wait for it.
        self.clear()?;
        let _lock = lock_base(&self.base)?;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).on("remove", &self.folder);
            }
            _ => {}
        }
        // Others may have folders in it, or it may be a mount point; then it stays.
        let _ = fs::remove_dir(&self.base);
        Ok(())
    }
}

/// Locks the base, which another process may remove at any moment because it became empty.
fn lock_base(base: &Path) -> Result<Flock<File>, SandboxError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let again = Instant::now() < deadline;
        if let Some(parent) = base.parent() {
            fs::create_dir_all(parent).on("create", parent)?;
        }
        match private_folder(base) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && again => continue,
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).on("create", base);
            }
            _ => {}
        }
        let file = match File::open(base) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && again => continue,
            other => other.on("open", base)?,
        };
        let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno).on("lock", base)?;
        let ours = lock.metadata().on("look at", base)?;
        if fs::metadata(base).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(lock);
        }
    }
}

fn is_marked(folder: &Path) -> bool {
    folder.join(MARKER).is_file()
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(base: &Path, name: &str) -> Claim {
        match Claim::take(base, name).unwrap() {
            Claimed::New(claim) => claim,
            _ => panic!("{name} is not new"),
        }
    }

    #[test]
    fn only_what_belongs_to_nobody_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        assert!(Claim::left_over(&base).unwrap().is_empty());
        let living = new(&base, "living");
        drop(new(&base, "dead"));
        let found = Claim::left_over(&base).unwrap();
        assert_eq!(found.iter().map(Claim::name).collect::<Vec<_>>(), ["dead"]);
        assert!(Claim::left_over(&base).unwrap().is_empty(), "nobody takes what is being removed");
        for claim in found {
            claim.remove().unwrap();
        }
        assert!(base.join("living").exists());
        living.remove().unwrap();
        assert!(!base.exists(), "an empty base goes too");
    }

    #[test]
    fn what_others_have_in_the_base_is_not_touched() {
        let base = tempfile::tempdir().unwrap();
        let precious = base.path().join("precious/empty");
        fs::create_dir_all(&precious).unwrap();
        assert!(Claim::left_over(base.path()).unwrap().is_empty());
        assert!(Claim::take(base.path(), "precious").is_err());
        new(base.path(), "ours").remove().unwrap();
        assert!(precious.is_dir());
    }

    #[test]
    fn a_left_over_of_the_same_name_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let first = new(folder.path(), "one");
        fs::write(first.folder().join("file"), "x").unwrap();
        drop(first);
        assert!(matches!(Claim::take(folder.path(), "one").unwrap(), Claimed::LeftOver(_)));
    }

    #[test]
    fn many_may_come_and_go_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let base = &base;
                scope.spawn(move || {
                    for round in 0..50 {
                        let claim = new(base, &format!("{worker}-{round}"));
                        fs::write(claim.folder().join("file"), "x").unwrap();
                        let taken = Claim::left_over(base).unwrap();
                        assert!(taken.is_empty(), "taken for left-overs: {taken:?}");
                        claim.remove().unwrap();
                    }
                });
            }
        });
        assert!(!base.exists());
    }
}
