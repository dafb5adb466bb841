//! Programs of others that the engine calls.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::Finding;
use crate::config::Config;
use crate::repositories::Place;

const CHECK: &str = "tools";

/// A program, what for, and where it is.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) path: Option<PathBuf>,
}

pub(super) fn gather(config: &Config) -> Vec<Tool> {
    let remotes = || {
        config.repository.iter().filter_map(|repository| match &repository.place {
            Place::Remote(remote) => Some(remote.url.as_str()),
            Place::Folder(_) => None,
        })
    };
    let by_ssh = |url: &str| url.starts_with("ssh://") || (!url.contains("://") && url.contains(':'));
    let needed = [
        ("git", "git remotes with definitions", remotes().next().is_some()),
        ("ssh", "git remotes by ssh", remotes().any(by_ssh)),
        ("curl", "scripts by http(s)", !config.scripts.hosts.is_empty()),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let needed = needed.into_iter().filter(|(_, _, needed)| *needed);
    needed.map(|(name, purpose, _)| Tool { name, purpose, path: find(&path, name) }).collect()
}

fn find(path: &OsStr, name: &str) -> Option<PathBuf> {
    let runs = |file: &Path| file.is_file() && access(file, AccessFlags::X_OK).is_ok();
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| runs(file))
}

pub(super) fn judge(tools: &[Tool]) -> Vec<Finding> {
    if tools.is_empty() {
        return vec![Finding::ok(CHECK, "PATH", "no program of others is needed")];
    }
    let judged = tools.iter().map(|Tool { name, purpose, path }| match path {
        Some(path) => Finding::ok(CHECK, name, format!("{}, for {purpose}", path.display())),
        None => Finding::problem(CHECK, name, "it is not there")
            .because(format!("it is needed for {purpose}"))
            .next(format!("install {name} on the engine's machine")),
    });
    judged.collect()
}
