//! Secrets of this engine that outlive it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::start::EngineError;

/// With it a restarted engine can tell agents at once that their connections are gone, so that they need not find out by
/// waiting.
pub(crate) const QUIC: &str = "quic-secret";
/// It signs the cookies of sessions, and the forms of pages.
pub(crate) const WEB: &str = "web-secret";

/// Reads the secret of this name in `folder`; makes one where there is none.
pub(crate) fn open_or_create(folder: &Path, name: &str) -> Result<[u8; 32], EngineError> {
    let path = folder.join(name);
    match fs::read(&path) {
        // What is torn is worth nothing, and costs nothing to replace.
        Ok(bytes) => match bytes.try_into() {
            Ok(secret) => return Ok(secret),
            Err(_) => tracing::warn!(path = %path.display(), "not a secret of 32 bytes; it is made anew"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(EngineError::State { path, source }),
    }
    let mut secret = [0; 32];
    for half in secret.chunks_mut(16) {
        half.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    }
    let new = path.with_extension("new");
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let written = written.and_then(|mut file| file.write_all(&secret).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&new, &path)).map_err(|source| EngineError::State { path, source })?;
    Ok(secret)
}
