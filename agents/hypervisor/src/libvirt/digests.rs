//! What an image's file holds, as one number that is kept with each run. Computing it takes seconds, so it is remembered
//! for as long as the file looks the same.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes read at a time.
const BUFFER: usize = 1 << 20;

/// Digests of files, remembered in a file.
#[derive(Debug)]
pub(super) struct Digests {
    file: PathBuf,
    known: Mutex<BTreeMap<PathBuf, Known>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    looks: Looks,
    digest: String,
}

/// What changes when a file is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Looks {
    inode: u64,
    bytes: u64,
    modified_ns: i128,
}

impl Digests {
    /// Those remembered in an agent's folder.
    pub(super) fn open(state: &Path) -> Self {
        let file = state.join("image-digests.json");
        let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { file, known: Mutex::new(known.unwrap_or_default()) }
    }

    /// SHA-256 of a file in hexadecimal. Blocks, for seconds where the file is new.
    pub(super) fn of(&self, path: &Path) -> io::Result<String> {
        // Held meanwhile: who asks for the same file waits for the same answer.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = looks(path)?;
        if let Some(known) = known.get(path).filter(|known| known.looks == looks) {
            return Ok(known.digest.clone());
        }
        let digest = digest(path)?;
        known.insert(path.to_owned(), Known { looks, digest: digest.clone() });
        known.retain(|path, _| path.exists());
        // Not remembered: computed again the next time.
        let _ = serde_json::to_vec(&*known).map(|text| fs::write(&self.file, text));
        Ok(digest)
    }
}

fn looks(path: &Path) -> io::Result<Looks> {
    let found = fs::metadata(path)?;
    let modified_ns = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    Ok(Looks { inode: found.ino(), bytes: found.len(), modified_ns })
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::write(&image, "abc").unwrap();
        let digests = Digests::open(folder.path());
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digests.of(&image).unwrap(), abc);
        let known = || Digests::open(folder.path()).known.into_inner().unwrap()[&image].clone();
        assert_eq!(known().digest, abc);
        fs::write(&image, "abcd").unwrap();
        assert_ne!(Digests::open(folder.path()).of(&image).unwrap(), abc);
        assert_eq!(known().looks, looks(&image).unwrap());
        assert!(digests.of(Path::new("/nowhere")).is_err());
    }
}
