//! What can go wrong with libvirt, in its own words, attached to what was being done.

use std::io;
use std::path::{Path, PathBuf};

use xrdtest_model::InstanceId;

/// Why there is no instance, or not all of it is gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibvirtError {
    /// libvirt refused.
    #[error("cannot {step}: {words}")]
    Refused {
        /// What was being done: `create network frm_net`.
        step: String,
        /// libvirt's words.
        words: String,
    },
    /// What the definition asks for is not there, or is in use.
    #[error("{0}")]
    Unsuitable(String),
    /// A file of this machine.
    #[error("cannot {step} {}: {source}", path.display())]
    File {
        /// What was being done.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A program of this machine.
    #[error("{program} (Debian package {package}) {what}")]
    Program {
        /// Its name.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
        /// What it did not do, or its words.
        what: String,
    },
    /// It was told to stop meanwhile.
    #[error("instance {0} was stopped while it was made")]
    Cancelled(InstanceId),
}

/// libvirt's errors, with what was being done.
pub(super) trait During<T> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, LibvirtError>;
}

impl<T> During<T> for Result<T, virt::error::Error> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, LibvirtError> {
        self.map_err(|error| LibvirtError::Refused { step: step(), words: error.message().to_owned() })
    }
}

pub(super) trait OnFile<T> {
    fn on(self, step: &'static str, path: &Path) -> Result<T, LibvirtError>;
}

impl<T> OnFile<T> for io::Result<T> {
    fn on(self, step: &'static str, path: &Path) -> Result<T, LibvirtError> {
        self.map_err(|source| LibvirtError::File { step, path: path.to_owned(), source })
    }
}
