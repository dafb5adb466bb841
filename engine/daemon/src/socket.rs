//! The Unix socket on which the local administrator's programs ask.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::IncomingStream;
use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use xrdtest_web::Caller;

use crate::handle::EngineHandle;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// The system refused.
    #[error("the socket {}: {source}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Something else is there.
    #[error("the socket {}: a file is there that is no socket; remove it, or change `socket`", path.display())]
    InTheWay {
        /// The socket.
        path: PathBuf,
    },
    /// Another engine, with another state, answers there.
    #[error("the socket {}: another program listens there; stop it, or change `socket`", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The group that may use it is unknown here.
    #[error("the socket {}: there is no group `{group}`; create it (groupadd --system {group}) or change `socket_group`", path.display())]
    NoGroup {
        /// The socket.
        path: PathBuf,
        /// The group.
        group: String,
    },
}

/// A socket that listens. Its file goes with it.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    file: Identity,
}

impl Socket {
    /// Listens on `path`, for which there is [way](make_way), readable and writable for the owner and a group.
    pub(crate) fn bind(path: &Path, group: Option<&str>) -> Result<Self, SocketError> {
        let failed = |source| SocketError::System { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let group = group.map(|name| group_id(path, name)).transpose()?;
        // Made under another name, so that nobody connects before the rights are as they should be.
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let listener = UnixListener::bind(&new).map_err(failed)?;
        let mode = if group.is_some() { 0o660 } else { 0o600 };
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        if let Some(group) = group {
            nix::unistd::chown(&new, None, Some(group)).map_err(|errno| failed(errno.into()))?;
        }
        let file = identity(&new).map_err(failed)?;
        std::fs::rename(&new, path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned(), file })
    }

    /// Serves until `end`; answers that are being given then have a moment.
    pub(crate) async fn serve(self, engine: EngineHandle, end: CancellationToken) -> io::Result<()> {
        let Self { listener, path, file } = self;
        let router: Router = xrdtest_web::api(Arc::new(engine)).layer(middleware::from_fn(name_caller));
        let service = router.into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(listener, service).with_graceful_shutdown(end.clone().cancelled_owned());
        let served = tokio::select! {
            served = async { served.await } => served,
            // Event streams never end by themselves.
            () = async {
                end.cancelled().await;
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            } => Ok(()),
        };
        if identity(&path).is_ok_and(|there| there == file) {
            let _ = std::fs::remove_file(path);
        }
        served
    }
}

/// How long one who listens may take to let somebody in.
const PATIENCE: Duration = Duration::from_secs(2);

/// Removes a socket at which nobody listens any more, as an engine leaves it that was killed; nothing else. Before an
/// engine begins: one that can't be asked has no business to carry out runs.
pub(crate) async fn make_way(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::System { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.file_type().is_socket() => {
            return Err(SocketError::InTheWay { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match tokio::time::timeout(PATIENCE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(error)),
        // Also one that is too busy to let anybody in.
        _ => Err(SocketError::Taken { path: path.to_owned() }),
    }
}

/// What tells a file from a later one of the same name, which may have got the number of its inode.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino(), file.mtime(), file.mtime_nsec()))
}

/// Why nobody of this group can be let in; `None`: they can.
pub(crate) fn unknown_group(path: &Path, name: &str) -> Option<String> {
    group_id(path, name).err().map(|error| error.to_string())
}

fn group_id(path: &Path, name: &str) -> Result<Gid, SocketError> {
    let found = Group::from_name(name)
        .map_err(|errno| SocketError::System { path: path.to_owned(), source: errno.into() })?;
    let unknown = || SocketError::NoGroup { path: path.to_owned(), group: name.to_owned() };
    found.map(|group| group.gid).ok_or_else(unknown)
}

/// Who is at the other end.
#[derive(Clone, Debug)]
struct Peer(String);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let user = stream.io().peer_cred().map(|peer| Uid::from_raw(peer.uid()));
        Self(user.map_or_else(|_| "somebody".to_owned(), user_name))
    }
}

fn user_name(user: Uid) -> String {
    match User::from_uid(user) {
        Ok(Some(known)) => known.name,
        _ => format!("user {user}"),
    }
}

async fn name_caller(
    ConnectInfo(Peer(name)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(Caller { name });
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_socket_that_nobody_listens_at_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/engine.sock");
        make_way(&path).await.unwrap();
        let first = Socket::bind(&path, None).unwrap();
        let refused = make_way(&path).await.unwrap_err();
        assert!(matches!(refused, SocketError::Taken { .. }), "{refused}");
        let before = identity(&path).unwrap();
        // As kill -9 leaves it.
        drop(first.listener);
        make_way(&path).await.unwrap();
        assert!(!path.exists());
        let second = Socket::bind(&path, None).unwrap();
        assert_ne!(identity(&path).unwrap(), before);
        drop(second);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "notes").unwrap();
        let refused = make_way(&path).await.unwrap_err().to_string();
        assert!(
            refused.ends_with("a file is there that is no socket; remove it, or change `socket`"),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
    }
}
