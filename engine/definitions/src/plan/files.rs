//! The files that belong to a definition, with their digests.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Files of one folder beyond these are not looked at.
const MOST: usize = 5000;
/// Folders below one are looked through to this depth.
const DEPTH: usize = 8;
/// Bytes of a file that are read for its digest at once.
const PIECE: usize = 64 << 10;

/// SHA-256 by path relative to the root, of the regular files below a folder. Links are not followed: what they say is
/// their target. What can't be read is left out.
pub(super) fn below(root: &Path, folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(root, folder, DEPTH, &mut found);
    found
}

fn walk(root: &Path, folder: &str, depth: usize, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let path = format!("{folder}/{name}");
        if found.len() >= MOST {
            return;
        } else if kind.is_dir() && depth > 0 {
            walk(root, &path, depth - 1, found);
        } else if let Some(digest) = digest(root, &path) {
            found.insert(path, digest);
        }
    }
}

/// The digest of one file.
pub(super) fn digest(root: &Path, path: &str) -> Option<String> {
    let path = root.join(path);
    let kind = fs::symlink_metadata(&path).ok()?.file_type();
    let mut digest = Sha256::new();
    if kind.is_symlink() {
        digest.update(b"link\0");
        digest.update(fs::read_link(&path).ok()?.as_os_str().as_encoded_bytes());
    } else if kind.is_file() {
        read(&path, &mut digest).ok()?;
    } else {
        return None;
    }
    Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(path: &Path, digest: &mut Sha256) -> io::Result<()> {
    // It may have become a FIFO meanwhile.
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOFOLLOW;
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            length => digest.update(&piece[..length]),
        }
    }
}
