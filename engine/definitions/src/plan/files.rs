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
    if is_inside(root, folder) {
        walk(root, folder, DEPTH, &mut found);
    }
    found
}

/// Whether no link leads out of the repository on the way there.
fn is_inside(root: &Path, folder: &str) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    matches!((real(root), real(&root.join(folder))), (Some(root), Some(folder)) if folder.starts_with(&root))
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
    if !is_inside(root, path.rsplit_once('/').map_or("", |(folder, _)| folder)) {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("repository");
        fs::create_dir_all(root.join("suites/s/deep")).expect("folders");
        fs::create_dir(folder.path().join("outside")).expect("a folder");
        fs::write(folder.path().join("outside/secret"), "x").expect("a file");
        fs::write(root.join("suites/s/deep/a"), "x").expect("a file");
        symlink("../../../outside", root.join("suites/s/out")).expect("a link");
        symlink("../../outside", root.join("suites/t")).expect("a link");
        let found = below(&root, "suites/s");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["suites/s/deep/a", "suites/s/out"]);
        assert_ne!(found["suites/s/out"], found["suites/s/deep/a"]);
        assert!(below(&root, "suites/t").is_empty());
        assert_eq!(digest(&root, "suites/t/secret"), None);
        assert_eq!(digest(&root, "suites/s/deep/a").as_ref(), found.get("suites/s/deep/a"));
        assert_eq!(digest(&root, "gone"), None);
    }
}
