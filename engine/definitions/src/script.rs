//! Reading scripts: what a run executes, and which of it may come from outside the repository.

use std::path::{Path, PathBuf};

use xrdtest_model::definition::ScriptRef;

use crate::evaluate::files::{FileProblem, Files, read_text};
use crate::fetch::fetch;

/// Largest script, in bytes.
pub(crate) const SCRIPT_BYTES: u64 = 1 << 20;

/// Which scripts outside the repository may be used. The default allows none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptPolicy {
    /// Folders below which `file:///absolute` scripts may lie. Absolute paths.
    pub roots: Vec<PathBuf>,
    /// Hosts from which http(s) scripts may be fetched: names without port.
    pub hosts: Vec<String>,
}

/// Why a script can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptProblem {
    #[error("{0}")]
    File(#[from] FileProblem),
    #[error(
        "scripts from outside the repository are allowed only below configured roots, and it is below none"
    )]
    RootNotAllowed,
    #[error("scripts are fetched only from configured hosts, and `{0}` is none")]
    HostNotAllowed(String),
    #[error("{url} could not be fetched: {why}")]
    Fetch { url: String, why: String },
}

impl ScriptPolicy {
    /// Whether a script may be used, by its reference alone.
    pub(crate) fn allows(&self, script: &ScriptRef) -> Result<(), ScriptProblem> {
        match script {
            ScriptRef::Inline(_) | ScriptRef::File(_) => Ok(()),
            ScriptRef::AbsoluteFile(path) => {
                // The real path is compared once more when the script is read.
                let allowed = self.roots.iter().any(|root| Path::new(path).starts_with(root));
                if allowed { Ok(()) } else { Err(ScriptProblem::RootNotAllowed) }
            }
            ScriptRef::Url(url) => {
                let host = host_of(url);
                let allowed = self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
                if allowed { Ok(()) } else { Err(ScriptProblem::HostNotAllowed(host.to_owned())) }
            }
        }
    }

    /// The text of a script; where it is fetched, of at most `fetched` bytes.
    pub(crate) fn read(
        &self,
        script: &ScriptRef,
        files: &Files,
        fetched: u64,
    ) -> Result<String, ScriptProblem> {
        self.allows(script)?;
        match script {
            ScriptRef::Inline(text) => Ok(text.clone()),
            ScriptRef::File(path) => Ok(files.read(path, SCRIPT_BYTES)?),
            ScriptRef::AbsoluteFile(path) => self.read_absolute(Path::new(path)),
            ScriptRef::Url(url) => fetch(url, fetched),
        }
    }

    /// Roots are compared free of links, so that a link below a root can't lead out of it.
    fn read_absolute(&self, path: &Path) -> Result<String, ScriptProblem> {
        let target = path.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => FileProblem::Missing,
            _ => FileProblem::Io(error),
        })?;
        let inside =
            self.roots.iter().any(|root| root.canonicalize().is_ok_and(|root| target.starts_with(root)));
        if !inside {
            return Err(ScriptProblem::RootNotAllowed);
        }
        Ok(read_text(&target, SCRIPT_BYTES)?)
    }
}

/// The host of a URL, without user and port.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_urls() {
        for (url, host) in [
            ("https://e.org/x.sh", "e.org"),
            ("http://user:pw@e.org:8080/x", "e.org"),
            ("http://good.org@evil.org/x", "evil.org"),
            ("https://e.org?x=/@good.org", "e.org"),
            ("http://[::1]:80/x", "::1"),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn only_below_the_roots() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("allowed");
        std::fs::create_dir(&root).expect("a root");
        std::fs::write(root.join("good.sh"), "#!/bin/sh\n").expect("a script");
        std::fs::write(folder.path().join("secret"), "no").expect("a secret");
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link.sh")).expect("a link");
        let policy = ScriptPolicy { roots: vec![root.clone()], hosts: Vec::new() };
        let files = Files::new(folder.path().to_owned());
        let read = |path: &str| {
            let path = root.join(path).to_string_lossy().into_owned();
            policy.read(&ScriptRef::AbsoluteFile(path), &files, SCRIPT_BYTES)
        };
        assert!(read("good.sh").is_ok());
        for path in ["link.sh", "../secret", "missing.sh"] {
            assert!(read(path).is_err(), "{path}");
        }
        let url = ScriptRef::Url("https://e.org/x".to_owned());
        assert!(ScriptPolicy::default().read(&url, &files, SCRIPT_BYTES).is_err());
    }
}
