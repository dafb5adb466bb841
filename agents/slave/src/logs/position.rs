//! How a log file now relates to what was collected from it before.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes at the beginning of a file by which it is recognised.
const RECOGNISED_BY: usize = 1024;

/// How far a file was collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    device: u64,
    inode: u64,
    offset: u64,
    fingerprint: Fingerprint,
}

/// A digest of the first bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    length: usize,
    digest: String,
}

/// A file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    device: u64,
    inode: u64,
    /// Its length in bytes.
    pub size: u64,
    fingerprint: Fingerprint,
}

/// What became of a file since its position was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same file; what is new begins there.
    Grown {
        /// Offset in bytes.
        from: u64,
    },
    /// The same file, emptied and written anew.
    Truncated,
    /// Another file under the same name.
    Another {
        /// Where its beginning is that of the known one: the file may be a copy of it that has grown since, as an
        /// overlay file system makes one at the first write. What is new begins there then.
        continues: Option<u64>,
    },
}

impl Fingerprint {
    fn of(file: &File, length: usize) -> io::Result<Self> {
        let mut bytes = [0; RECOGNISED_BY];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..length], filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let digest = Sha256::digest(&bytes[..filled]);
        Ok(Self { length: filled, digest: digest.iter().map(|byte| format!("{byte:02x}")).collect() })
    }
}

impl Seen {
    /// Looks at a file.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let size = metadata.len();
        let length = usize::try_from(size).map_or(RECOGNISED_BY, |size| size.min(RECOGNISED_BY));
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size,
            fingerprint: Fingerprint::of(file, length)?,
        })
    }

    /// The position behind its last byte.
    pub fn end(&self) -> Position {
        Position {
            device: self.device,
            inode: self.inode,
            offset: self.size,
            fingerprint: self.fingerprint.clone(),
        }
    }
}

/// Compares what was known with what is there now.
pub fn relation(known: &Position, seen: &Seen, file: &File) -> Relation {
    let same_file = (known.device, known.inode) == (seen.device, seen.inode);
    let begins_the_same = seen.size >= known.offset
        && Fingerprint::of(file, known.fingerprint.length).is_ok_and(|now| now == known.fingerprint);
    match (same_file, begins_the_same) {
        (true, true) => Relation::Grown { from: known.offset },
        (true, false) => Relation::Truncated,
        (false, _) => Relation::Another {
            // An empty file begins like any other.
            continues: (begins_the_same && known.offset > 0).then_some(known.offset),
        },
    }
}
