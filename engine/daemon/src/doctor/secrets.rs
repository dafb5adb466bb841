//! Files that only the engine's user should be able to read.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::Config;
use crate::repositories::Place;

const CHECK: &str = "secrets";

/// A file or folder with something secret in it.
pub(super) struct Secret {
    pub(super) path: PathBuf,
    /// The key of the configuration that names it; empty: the engine's own.
    pub(super) key: &'static str,
    pub(super) seen: Seen,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// With these permission bits.
    Mode(u32),
    Missing,
    Unseen(String),
}

pub(super) fn gather(config: &Config) -> Vec<Secret> {
    let own = [
        (config.state.clone(), ""),
        (config.state.join("ca/ca-key.pem"), ""),
        (config.state.join(crate::secret::WEB), ""),
        (config.state.join(crate::secret::QUIC), ""),
    ];
    let mut files: Vec<(PathBuf, &'static str)> = own.into();
    files.extend(config.mail.password_file.clone().map(|path| (path, "mail.password_file")));
    files.extend(config.web.key.clone().map(|path| (path, "web.key")));
    for webhook in &config.webhooks {
        files.extend(webhook.url_file.clone().map(|path| (path, "url_file of [[webhooks]]")));
        files.extend(webhook.secret_file.clone().map(|path| (path, "secret_file of [[webhooks]]")));
        files.extend(webhook.token_file.clone().map(|path| (path, "token_file of [[webhooks]]")));
    }
    for repository in &config.repository {
        if let Place::Remote(remote) = &repository.place {
            files.extend(remote.key_file.clone().map(|path| (path, "key_file of [[repository]]")));
            files.extend(remote.token_file.clone().map(|path| (path, "token_file of [[repository]]")));
        }
    }
    files.into_iter().map(|(path, key)| Secret { seen: look(&path), path, key }).collect()
}

pub(super) fn look(path: &Path) -> Seen {
    match std::fs::metadata(path) {
        Ok(file) => Seen::Mode(file.mode() & 0o777),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::Missing,
        Err(error) => Seen::Unseen(error.to_string()),
    }
}

pub(super) fn judge(secrets: &[Secret]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut good = 0;
    for Secret { path, key, seen } in secrets {
        match seen {
            Seen::Mode(mode) if mode & 0o077 == 0 => good += 1,
            Seen::Mode(mode) => findings.push(
                Finding::problem(CHECK, path.display(), format!("others may use it (mode {mode:04o})"))
                    .because("what is in it lets others speak for the engine, or for its users")
                    .next(format!("chmod go= {}", path.display())),
            ),
            // Its own are made where they are not there; the authority has a check of its own.
            Seen::Missing if key.is_empty() => {}
            Seen::Missing => findings.push(
                Finding::problem(CHECK, path.display(), format!("it is not there, and {key} names it"))
                    .next(format!("put the file there, or correct {key}")),
            ),
            Seen::Unseen(why) => findings.push(
                Finding::unseen(CHECK, path.display(), "it can't be looked at")
                    .because(why.clone())
                    .next("ask as root"),
            ),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            "files",
            format!("{good} files and folders are for their owner alone"),
        ));
    }
    findings
}
