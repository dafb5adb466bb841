//! What can go wrong with sandboxes, in words.

use std::io;
use std::path::{Path, PathBuf};

use xrdtest_model::InstanceId;

/// What went wrong with a sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Only root can make namespaces and mounts.
    #[error("the sandbox needs root: it makes namespaces, overlays and cgroups. Run this as root (sudo)")]
    NotRoot,
    /// A program is not installed.
    #[error("`{program}` was not found in PATH. Install it: apt-get install {package}")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// The file system of the state directory can't carry machines.
    #[error("machines can't live below {}: {problem}. Set the sandbox's state directory to a place on a local file \
             system such as ext4 or xfs", path.display())]
    Unsuitable {
        /// The state directory.
        path: PathBuf,
        /// What does not work there.
        problem: String,
    },
    /// A step failed.
    #[error("cannot {step}: {source}")]
    Step {
        /// What was tried, with the path.
        step: String,
        /// Why not.
        source: io::Error,
    },
    /// The cluster can't be made as a sandbox.
    #[error("cluster `{cluster}` cannot be made in a sandbox: {problem}")]
    Plan {
        /// The cluster's name.
        cluster: String,
        /// What is wrong.
        problem: String,
    },
    /// A folder can't be shared with machines.
    #[error("{} cannot be shared with machines as {}: {problem}. Correct `shared` in the sandbox's configuration",
            host.display(), machine.display())]
    Shared {
        /// The folder on this machine.
        host: PathBuf,
        /// Where machines would see it.
        machine: PathBuf,
        /// Why not.
        problem: String,
    },
    /// `ip` refused.
    #[error("cannot make the network of {of}: `ip` says: {output}")]
    Network {
        /// Which part.
        of: String,
        /// What `ip` wrote.
        output: String,
    },
    /// A machine ended before it was up.
    #[error("machine {host} ended while it was starting ({how}){console}")]
    EndedEarly {
        /// The host's name.
        host: String,
        /// Exit code or signal.
        how: String,
        /// The last line of its console, with an introduction; empty where there is none.
        console: String,
    },
    /// A machine is not up in time.
    #[error("machine {host} did not start within {seconds} s{console}")]
    TooSlow {
        /// The host's name.
        host: String,
        /// The limit.
        seconds: u64,
        /// As in [`Self::EndedEarly`].
        console: String,
    },
    /// A machine does not end.
    #[error("machine {host} could not be ended; its files stay at {} until the next start", files.display())]
    Undead {
        /// The host's name.
        host: String,
        /// Where its files lie.
        files: PathBuf,
    },
    /// Somebody else has an instance of this name.
    #[error("instance {0} is in use by another process on this machine")]
    InUse(InstanceId),
    /// The instance was stopped before it was up.
    #[error("instance {0} was stopped while it was starting")]
    Cancelled(InstanceId),
}

impl SandboxError {
    /// A failed step.
    pub(crate) fn step(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Step { step: step.into(), source: source.into() }
    }
}

/// Says what was tried and where when an operation on a path fails.
pub(crate) trait OnPath<T> {
    /// `verb` reads well before the path: `create`, `write`.
    fn on(self, verb: &str, path: &Path) -> Result<T, SandboxError>;
}

impl<T, E: Into<io::Error>> OnPath<T> for Result<T, E> {
    fn on(self, verb: &str, path: &Path) -> Result<T, SandboxError> {
        self.map_err(|source| SandboxError::step(format!("{verb} {}", path.display()), source))
    }
}
