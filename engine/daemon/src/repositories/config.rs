//! `[[repository]]`: where definitions are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::config::units;

/// A folder is looked through that often, whatever its watcher says.
const LOOKED_THROUGH: Duration = Duration::from_secs(30);
/// A git remote is asked that often.
const FETCHED: Duration = Duration::from_secs(60);
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(120);
const SIZE: u64 = 1 << 30;

/// A repository with definitions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct RepositoryConfig {
    /// What people call it; unique.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// How often it is looked at where nothing says that it has changed.
    pub interval: Duration,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine: the one with `suites/` and `clusters/`.
    Folder(PathBuf),
    /// Elsewhere, fetched by git.
    Remote(Remote),
}

/// A git remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its address as git takes it: `https://…`, `ssh://…`, `user@host:path`, `file:///…`.
    pub url: String,
    /// The branch; `None`: the one that the remote names.
    pub branch: Option<String>,
    /// The private key for ssh.
    pub key_file: Option<PathBuf>,
    /// The socket of an ssh agent.
    pub ssh_agent: Option<PathBuf>,
    /// The keys of hosts; `None`: a host is believed the first time.
    pub known_hosts: Option<PathBuf>,
    /// A file with the token or password for https.
    pub token_file: Option<PathBuf>,
    /// The user's name for the token.
    pub token_user: String,
    /// Bytes of a checkout, and of what one fetch brings.
    pub size: u64,
    /// How long one conversation with the remote may take.
    pub timeout: Duration,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Option<String>,
    path: Option<PathBuf>,
    url: Option<String>,
    branch: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    interval: Option<Duration>,
    key_file: Option<PathBuf>,
    ssh_agent: Option<PathBuf>,
    known_hosts: Option<PathBuf>,
    token_file: Option<PathBuf>,
    token_user: Option<String>,
    #[serde(default, deserialize_with = "size")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "duration")]
    timeout: Option<Duration>,
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    units::duration(deserializer).map(Some)
}

fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    units::bytes(deserializer).map(Some)
}

impl TryFrom<Table> for RepositoryConfig {
    type Error = String;

    fn try_from(mut table: Table) -> Result<Self, String> {
        let (path, url) = (table.path.take(), table.url.take());
        let derived = path.as_deref().and_then(Path::to_str).or(url.as_deref()).map(name_from);
        let name = table.name.take().or(derived).unwrap_or_default();
        let interval = table.interval.take();
        if interval.is_some_and(|interval| interval < LEAST_INTERVAL) {
            return Err(format!("repository `{name}`: interval must be at least 1s"));
        }
        let (place, usual) = match (path, url) {
            (Some(path), None) => {
                if let Some(key) = table.of_remotes() {
                    return Err(format!(
                        "repository `{name}`: {key} is for git remotes, which have `url`, not `path`"
                    ));
                }
                (Place::Folder(path), LOOKED_THROUGH)
            }
            (None, Some(url)) => (Place::Remote(table.remote(&name, url)?), FETCHED),
            _ => return Err("a repository has either `path`, a folder, or `url`, a git remote".to_owned()),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.starts_with('.') || name.len() > 100 || !name.chars().all(plain) {
            return Err(format!(
                "`{name}` can't be the name of a repository: letters, digits, `.`, `_`, `-`; set the key name"
            ));
        }
        Ok(Self { name, place, interval: interval.unwrap_or(usual) })
    }
}

impl Table {
    /// A key that is there though it means nothing for a folder.
    fn of_remotes(&self) -> Option<&'static str> {
        [
            (self.branch.is_some(), "branch"),
            (self.key_file.is_some(), "key_file"),
            (self.ssh_agent.is_some(), "ssh_agent"),
            (self.known_hosts.is_some(), "known_hosts"),
            (self.token_file.is_some(), "token_file"),
            (self.token_user.is_some(), "token_user"),
            (self.size.is_some(), "size"),
            (self.timeout.is_some(), "timeout"),
        ]
        .iter()
        .find_map(|(is_there, key)| is_there.then_some(*key))
    }

    fn remote(self, name: &str, url: String) -> Result<Remote, String> {
        if url.starts_with('-') || url.chars().any(char::is_control) {
            return Err(format!("repository `{name}`: `{url}` is no address of a git remote"));
        }
        if has_password(&url) {
            return Err(format!(
                "repository `{name}`: the address holds a password; put it into a file and set token_file"
            ));
        }
        let branch = self.branch;
        if branch.as_deref().is_some_and(|branch| !git2::Branch::name_is_valid(branch).unwrap_or(false)) {
            return Err(format!(
                "repository `{name}`: `{}` is no name of a branch",
                branch.unwrap_or_default()
            ));
        }
        if self.token_file.is_some() && url.starts_with("http://") {
            return Err(format!(
                "repository `{name}`: token_file is for https:// only: with http:// anybody can read it"
            ));
        }
        Ok(Remote {
            url,
            branch,
            key_file: self.key_file,
            ssh_agent: self.ssh_agent,
            known_hosts: self.known_hosts,
            token_file: self.token_file,
            token_user: self.token_user.unwrap_or_else(|| "git".to_owned()),
            size: self.size.unwrap_or(SIZE),
            timeout: self.timeout.unwrap_or(TIMEOUT),
        })
    }
}

/// `https://user:password@host/`.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

/// The last part of a path or an address, without `.git`.
fn name_from(place: &str) -> String {
    let place = place.trim_end_matches('/');
    let last = place.rsplit(['/', ':']).next().unwrap_or(place);
    last.strip_suffix(".git").unwrap_or(last).to_owned()
}

impl RepositoryConfig {
    /// A folder of this machine with everything else as usual.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: name_from(&path.to_string_lossy()),
            place: Place::Folder(path),
            interval: LOOKED_THROUGH,
        }
    }

    /// The folder or the address, for people.
    pub(crate) fn location(&self) -> String {
        match &self.place {
            Place::Folder(path) => path.to_string_lossy().into_owned(),
            Place::Remote(remote) => remote.url.clone(),
        }
    }
}

/// The first name that two repositories have.
pub(crate) fn same_name(all: &[RepositoryConfig]) -> Option<&str> {
    let names = || all.iter().map(|one| one.name.as_str());
    names().enumerate().find(|(at, name)| names().take(*at).any(|other| other == *name)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RepositoryConfig, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn names_come_from_places() {
        for (text, name) in [
            ("path = '/srv/xrdtest/'", "xrdtest"),
            ("url = 'https://example.org/group/suites.git'", "suites"),
            ("url = 'git@example.org:suites.git'", "suites"),
            ("url = 'file:///srv/git/a b'\nname = 'ab'", "ab"),
        ] {
            assert_eq!(parse(text).unwrap().name, name, "{text}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (text, words) in [
            ("", "either `path`, a folder, or `url`"),
            ("path = '/x'\nurl = 'https://x/y'", "either `path`, a folder, or `url`"),
            ("path = '/x'\nbranch = 'main'", "branch is for git remotes"),
            ("path = '/a b'", "can't be the name"),
            ("path = '/x'\nname = '../x'", "can't be the name"),
            ("url = 'https://x/y'\nbranch = 'a..b'", "is no name of a branch"),
            ("url = 'https://u:secret@x/y'", "put it into a file"),
            ("url = '--upload-pack=x'", "is no address"),
            ("url = 'http://x/y'\ntoken_file = '/t'", "for https:// only"),
            ("url = 'https://x/y'\ninterval = '10ms'", "at least 1s"),
            ("path = '/x'\nno = 1", "unknown field `no`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn names_are_unique() {
        let all = ["/a/x", "/b/y", "/c/x"].map(RepositoryConfig::folder);
        assert_eq!(same_name(&all), Some("x"));
        assert_eq!(same_name(&all[..2]), None);
    }
}
