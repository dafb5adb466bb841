//! The document `xrdtest.plan-diff/1`: what `xrdtest plan --diff REV --format json` prints.
//!
//! Fields are only ever added within a version. The golden file is `engine/report/tests/golden/plan-diff-1.json`.

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::plan_document::Written;

/// The value of [`PlanDiff::schema`].
pub const SCHEMA: &str = "xrdtest.plan-diff/1";

/// What changed in a repository, as runs will notice it.
#[derive(Clone, Debug, Serialize)]
pub struct PlanDiff {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Absolute path of the repository's root.
    pub repository: String,
    /// The git revision that the files are compared with, as asked for.
    pub revision: String,
    /// The commit that it stands for.
    pub commit: String,
    /// Only this suite with its clusters, or this cluster; `null`: the whole repository.
    pub only: Option<String>,
    /// Suites, by name.
    pub suites: Vec<DefinitionChange>,
    /// Clusters, by name.
    pub clusters: Vec<DefinitionChange>,
    /// Files in `lib/`, which belong to no definition.
    pub files: Vec<FileChange>,
    /// Findings that there were not before. Printed as `check --format json` prints them.
    #[serde(skip)]
    pub introduced: Vec<Diagnostic>,
    /// Findings that are no more; their places are those before the change.
    #[serde(skip)]
    pub fixed: Vec<Diagnostic>,
    /// Errors found in these definitions as they are now.
    pub errors: usize,
}

impl PlanDiff {
    /// Nothing changed that runs will notice.
    pub fn is_empty(&self) -> bool {
        self.suites.is_empty()
            && self.clusters.is_empty()
            && self.files.is_empty()
            && self.introduced.is_empty()
            && self.fixed.is_empty()
    }
}

/// How something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

/// A suite or a cluster that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DefinitionChange {
    /// Its name.
    pub name: String,
    /// How.
    pub change: Change,
    /// It could be evaluated before; `null` where there was none.
    pub evaluated_before: Option<bool>,
    /// It can be evaluated now; `null` where there is none.
    pub evaluated_now: Option<bool>,
    /// Its fields that changed, where it could be evaluated before and now.
    pub fields: Vec<FieldChange>,
    /// Its scripts and other files that changed.
    pub files: Vec<FileChange>,
    /// Of a cluster: the suites that use it, now or before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<String>,
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// `network.ip`, `hosts[ds1.xrd.test].disks[disk1].size`; `hosts (order)`.
    pub field: String,
    /// As it was written; `null`: it was not.
    pub old: Option<Written>,
    /// As it is written; `null`: it is not.
    pub new: Option<Written>,
}

/// A file that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Path relative to the repository.
    pub file: String,
    /// How.
    pub change: Change,
    /// SHA-256 before, in hexadecimal.
    pub old: Option<String>,
    /// SHA-256 now.
    pub new: Option<String>,
    /// The stages whose script it is, now or before: `suite initialize`, `copy_to / run`.
    pub stages: Vec<String>,
}
