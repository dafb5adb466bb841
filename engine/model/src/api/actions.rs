//! What people ask an engine to do with runs, the queue and hypervisors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hold::Hold;
use crate::ids::RunId;

/// `POST /runs`: asks for a run, or for several of the same suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// The suite's name.
    pub suite: String,
    /// Only these cases; empty: all.
    #[serde(default)]
    pub cases: Vec<String>,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub reason: String,
    /// If it does not pass, its machines are left as they are for a while, to look into.
    #[serde(default)]
    pub keep_on_failure: bool,
    /// Other values for tags of the suite, in this run only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// So many runs, one queued behind the other, 1 to [`RunRequest::MOST`]; absent: one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub repeat: Option<u32>,
}

impl RunRequest {
    /// Runs that can be asked for at once.
    pub const MOST: u32 = 100;
}

/// The answer to [`RunRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunCreated {
    /// The new run; the first one of several.
    pub run: RunId,
    /// All new runs, in the order of the queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
}

/// `POST /runs/RUN/rerun`: the suite of a run that is over once more, as defined now, with the same cases, tags and
/// `keep_on_failure`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RerunRequest {
    /// Only the cases that did not pass.
    #[serde(default)]
    pub failed: bool,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// `POST /runs/RUN/cancel`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why, for people; may be empty.
    #[serde(default)]
    pub reason: String,
    /// Without finalize stages.
    #[serde(default)]
    pub force: bool,
}

/// `PUT /queue/pause`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueuePauseRequest {
    /// No waiting run gets a place from now on; or they do again.
    pub paused: bool,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// `GET /queue/pause`, and the answer to [`QueuePauseRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueuePause {
    /// Who has paused the queue; `null`: nobody.
    pub paused: Option<Hold>,
}

/// `PUT /hypervisors/NAME/hold`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// Nothing new is made on it from now on, what is there goes on; or it is used again.
    pub held: bool,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// `POST /runs/archive`: packs runs into files and frees their outputs and logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ArchiveRequest {
    /// These runs; empty: all that are over and older than `older_than_s`.
    #[serde(default)]
    pub runs: Vec<RunId>,
    /// Age in seconds, from the verdict on.
    #[serde(default)]
    pub older_than_s: Option<u64>,
}

/// The answer to [`ArchiveRequest`]: each run, with its file or why not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Archived {
    /// Path of the file by run.
    pub archived: BTreeMap<String, String>,
    /// Why not, by run.
    pub refused: BTreeMap<String, String>,
}

/// `PUT /runs/RUN/pin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// Whether the run is never removed by itself.
    pub pinned: bool,
}
