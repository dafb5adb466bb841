//! Why the engine could not be asked, or did not do it.

use std::io;
use std::path::{Path, PathBuf};

use hyper::StatusCode;
use xrdtest_model::api::Problem;

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens.
    #[error(
        "no engine listens on {}; start it with `systemctl start xrdtest-engine`, or say where it listens with \
         --socket PATH", .0.display()
    )]
    NoEngine(PathBuf),
    /// The socket is not for this user.
    #[error("you may not use {}: be root, or in the group that the socket belongs to", .0.display())]
    Denied(PathBuf),
    /// The socket can't be used for another reason.
    #[error("the engine's socket {} can't be used: {source}", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The connection broke off.
    #[error("the connection to the engine broke off ({path}): {source}")]
    Broken {
        /// What was asked for.
        path: String,
        /// The transport's words.
        source: hyper::Error,
    },
    /// The engine does not do it.
    #[error("{}{}", problem.error, help(problem))]
    Refused {
        /// Its code.
        status: StatusCode,
        /// Its words.
        problem: Box<Problem>,
    },
    /// An answer that this client does not understand.
    #[error("the engine's answer to {path} is not understood: {detail}; are both of the same version?")]
    Odd {
        /// What was asked for.
        path: String,
        /// In words.
        detail: String,
    },
}

fn help(problem: &Problem) -> String {
    if problem.help.is_empty() { String::new() } else { format!("\n  help: {}", problem.help) }
}

impl ClientError {
    /// Why there is no connection.
    pub(super) fn contact(socket: &Path, source: io::Error) -> Self {
        let socket = socket.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::NoEngine(socket),
            io::ErrorKind::PermissionDenied => Self::Denied(socket),
            _ => Self::Socket { socket, source },
        }
    }

    /// It may be otherwise in a moment, as when the engine is being restarted.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::NoEngine(_) | Self::Socket { .. } | Self::Broken { .. } => true,
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
            Self::Denied(_) | Self::Odd { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do() {
        let socket = Path::new("/run/xrdtest/engine.sock");
        let error = ClientError::contact(socket, io::ErrorKind::ConnectionRefused.into());
        assert!(
            error.to_string().starts_with("no engine listens on /run/xrdtest/engine.sock; start it"),
            "{error}"
        );
        assert!(error.may_pass());
        let error = ClientError::contact(socket, io::ErrorKind::PermissionDenied.into());
        assert!(!error.may_pass() && error.to_string().contains("be root"), "{error}");
        let problem =
            Problem { error: "no such run".to_owned(), help: "look".to_owned(), diagnostics: vec![] };
        let error = ClientError::Refused { status: StatusCode::NOT_FOUND, problem: Box::new(problem) };
        assert_eq!(error.to_string(), "no such run\n  help: look");
    }
}
