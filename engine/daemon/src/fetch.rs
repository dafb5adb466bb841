//! Files of a run's repository, for the machines of that run.

use std::io;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use xrdtest_model::size::human_bytes;
use xrdtest_protocol::stream::FetchReply;

/// Reads `path` below `repository`, at most `limit` bytes. Links may not lead out of the repository; `.git` is not
/// served.
pub(crate) async fn read(repository: PathBuf, path: String, limit: u64) -> (FetchReply, Bytes) {
    let read = tokio::task::spawn_blocking(move || read_blocking(&repository, &path, limit)).await;
    read.unwrap_or_else(|_| (refused("it could not be read"), Bytes::new()))
}

fn refused(reason: impl Into<String>) -> FetchReply {
    FetchReply::Refused { reason: reason.into() }
}

fn not_found(path: &str) -> FetchReply {
    FetchReply::NotFound { reason: format!("`{path}` is not in the repository") }
}

fn read_blocking(repository: &Path, path: &str, limit: u64) -> (FetchReply, Bytes) {
    match locate(repository, path, limit) {
        Err(reply) => (reply, Bytes::new()),
        Ok(file) => match std::fs::read(&file) {
            Ok(content) => (FetchReply::Found { length: content.len() as u64 }, content.into()),
            Err(error) => (refused(format!("`{path}` could not be read: {error}")), Bytes::new()),
        },
    }
}

fn locate(repository: &Path, path: &str, limit: u64) -> Result<PathBuf, FetchReply> {
    let inside = |component: Component<'_>| match component {
        Component::Normal(name) => name != ".git",
        Component::CurDir => true,
        _ => false,
    };
    if path.is_empty() || path.contains('\0') || !Path::new(path).components().all(inside) {
        return Err(refused(format!("`{path}` is not a path inside the repository")));
    }
    let resolve = |path: &Path| path.canonicalize();
    let root =
        resolve(repository).map_err(|error| refused(format!("the repository could not be read: {error}")))?;
    let file = match resolve(&root.join(path)) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(not_found(path));
        }
        Err(error) => return Err(refused(format!("`{path}` could not be read: {error}"))),
    };
    if !file.starts_with(&root) {
        return Err(refused(format!("`{path}` leads out of the repository")));
    }
    match std::fs::metadata(&file) {
        Ok(metadata) if !metadata.is_file() => Err(not_found(path)),
        Ok(metadata) if metadata.len() > limit => Err(refused(format!(
            "`{path}` has {} bytes, more than the engine's limit of {} (key limits.fetched_file)",
            metadata.len(),
            human_bytes(limit)
        ))),
        Ok(_) => Ok(file),
        Err(error) => Err(refused(format!("`{path}` could not be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_inside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository");
        std::fs::create_dir_all(root.join("clusters/.git")).unwrap();
        std::fs::write(root.join("clusters/x.cf"), "content").unwrap();
        std::fs::write(root.join("clusters/.git/config"), "secret").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink("clusters/x.cf", root.join("inner")).unwrap();
        for (path, found) in [
            ("clusters/x.cf", true),
            ("./clusters/x.cf", true),
            ("inner", true),
            ("link", false),
            ("clusters", false),
            ("clusters/none", false),
            ("clusters/x.cf/y", false),
            ("../secret", false),
            ("clusters/../../secret", false),
            ("/etc/passwd", false),
            ("clusters/.git/config", false),
            ("", false),
            ("a\0b", false),
        ] {
            let (reply, content) = read_blocking(&root, path, 7);
            assert_eq!(matches!(reply, FetchReply::Found { .. }), found, "{path}: {reply:?}");
            assert_eq!(content, if found { &b"content"[..] } else { b"" }, "{path}");
        }
        let (reply, content) = read_blocking(&root, "inner", 6);
        let words = "`inner` has 7 bytes, more than the engine's limit of 6 B (key limits.fetched_file)";
        assert_eq!(reply, FetchReply::Refused { reason: words.to_owned() });
        assert!(content.is_empty());
    }
}
