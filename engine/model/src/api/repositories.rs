//! Repositories: `GET /repositories`, `GET /repositories/NAME`, `POST /repositories/NAME/fetch`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A repository of definitions, and how it goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepositoryInfo {
    /// Its name.
    pub name: String,
    /// The folder, or the address of the git remote.
    pub location: String,
    /// It is a git remote; `false`: a folder of the engine's machine.
    pub remote: bool,
    /// How it goes.
    pub state: RepositoryState,
    /// What keeps the engine from the newest content; else empty.
    pub problem: String,
    /// What to do about it; else empty.
    pub help: String,
    /// What is worth knowing beside that.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The commit in use.
    pub commit: Option<CommitInfo>,
    /// Whether files differ from the commit; `null` where that is not known.
    pub dirty: Option<bool>,
    /// Suites in it that could be evaluated.
    pub suites: u32,
    /// Clusters in it that could be evaluated.
    pub clusters: u32,
    /// Errors in its definitions.
    pub errors: u32,
    /// The first of them, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_errors: Vec<String>,
    /// When it was looked at last, with or without success.
    pub checked: Option<Timestamp>,
    /// When the content in use was taken over.
    pub loaded: Option<Timestamp>,
    /// When it will be looked at again, if nothing happens before.
    pub next: Option<Timestamp>,
    /// How often in a row it could not be looked at.
    pub failures: u32,
}

/// How it goes with a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RepositoryState {
    /// It was not looked at yet.
    #[default]
    Pending,
    /// Its newest content is in use.
    Good,
    /// It can't be had; its last good content, if there is any, stays in use.
    Failing,
}

impl fmt::Display for RepositoryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Good => "good",
            Self::Failing => "failing",
        })
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommitInfo {
    /// Its id in hexadecimal.
    pub id: String,
    /// Who wrote it: `Name <address>`.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// The first line of its message.
    pub summary: String,
}
