//! The document `xrdtest.webhook/1`: what a webhook of the engine's own shape is sent, and what an engine keeps of a
//! webhook of any shape until it is sent.
//!
//! Fields are only ever added within a version. The golden files are `tests/golden/webhook-1*.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crash::CrashKind;
use crate::document::ClusterRecord;
use crate::origin::Origin;
use crate::outcome::{Outcome, Verdict};
use crate::stage::StageKind;

/// The value of [`WebhookDocument::schema`].
pub const SCHEMA: &str = "xrdtest.webhook/1";

/// Cases that a document names at most.
pub const MOST_CASES: usize = 500;

/// Endings that a document tells at most.
pub const MOST_ENDINGS: usize = 20;

/// Crashes that a document tells at most.
pub const MOST_CRASHES: usize = 20;

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The delivery's id; the same however often it is tried.
    pub id: String,
    /// What happened.
    pub event: WebhookEvent,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// That in one line: `ts_copy failed (new failure): 1 of 5 cases did not pass`.
    pub headline: String,
    /// What is new about the verdict; `null` where nothing is, or there is none.
    #[serde(default)]
    pub change: Option<Change>,
    /// The run that it is about.
    pub run: WebhookRun,
    /// Position of the case that it is about; `null` where it is about the run.
    #[serde(default)]
    pub case: Option<u32>,
    /// How many cases the run has.
    pub cases_in_all: u32,
    /// How many of them did not pass, so far; once the run is over, with those that were not begun.
    pub cases_not_passed: u32,
    /// Its cases, or the one that it is about; at most [`MOST_CASES`], first those that did not pass.
    #[serde(default)]
    pub cases: Vec<WebhookCase>,
    /// What did not pass on which machine; at most [`MOST_ENDINGS`].
    #[serde(default)]
    pub endings: Vec<WebhookEnding>,
    /// How many more endings there are.
    #[serde(default)]
    pub endings_left_out: u32,
    /// What crashed, also in stages that passed; at most [`MOST_CRASHES`]. Absent where nothing did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<WebhookCrash>,
    /// How many more crashes there are; absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crashes_left_out: u32,
}

// serde asks with a reference.
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookEvent {
    /// A run got its place: its machines are being made.
    RunStarted,
    /// A case is over.
    CaseFinished,
    /// A run is over.
    RunFinished,
    /// Nothing: somebody tries whether the webhook works.
    Test,
}

impl WebhookEvent {
    /// The spelling of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunStarted => "run_started",
            Self::CaseFinished => "case_finished",
            Self::RunFinished => "run_finished",
            Self::Test => "test",
        }
    }
}

/// What is new about a verdict, against the last one of the same suite or case that was not cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It did not pass, and had passed before or never run.
    NewFailure,
    /// It did not pass, as before.
    StillFailing,
    /// It passed, and had not before.
    Fixed,
}

impl Change {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::NewFailure => "new failure",
            Self::StillFailing => "still failing",
            Self::Fixed => "fixed",
        }
    }
}

/// A run, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookRun {
    /// Its id.
    pub id: String,
    /// The suite's name.
    pub suite: String,
    /// Who or what asked for it.
    pub trigger: String,
    /// What it amounts to; `null` while it is not over.
    pub verdict: Option<Verdict>,
    /// Why, where the verdict is not `passed`; else empty.
    #[serde(default)]
    pub reason: String,
    /// When its first stage, or where there was none the run, began: RFC 3339, UTC.
    pub started: String,
    /// From there to the verdict, or to what happened.
    pub duration_ms: u64,
    /// Its page on the dashboard; `null` where there is none.
    #[serde(default)]
    pub link: Option<String>,
    /// Where its files came from, as far as the engine knows.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Its clusters, each with the hypervisor that made it.
    #[serde(default)]
    pub clusters: Vec<ClusterRecord>,
    /// The suite's tags with their values in this run.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookCase {
    /// Position in the run, from 0.
    pub index: u32,
    /// Its name, numbered where it is not the first of that name: `copy_to (2)`.
    pub name: String,
    /// What it amounts to; `null` where it was not begun.
    pub verdict: Option<Verdict>,
    /// Why, where the verdict is not `passed`; else empty.
    #[serde(default)]
    pub reason: String,
    /// What is new about the verdict.
    #[serde(default)]
    pub change: Option<Change>,
}

/// A stage that did not pass on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookEnding {
    /// Position of the case; `null` for the suite's own stages.
    pub case: Option<u32>,
    /// `initialize`, `run`, `finalize`.
    pub stage: StageKind,
    /// The stage in people's words: `copy_to / run`, `suite initialize`.
    pub title: String,
    /// The host's name.
    pub machine: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Exit code; `null` unless the script exited.
    pub exit_code: Option<i32>,
    /// Signal number; `null` unless a signal ended the script.
    pub signal: Option<i32>,
    /// How it ended in people's words, with the reason: `failed, exit code 3`.
    pub words: String,
    /// The page of its output on the dashboard; `null` where there is none.
    #[serde(default)]
    pub link: Option<String>,
    /// The last 15 lines of its output, without what moves a terminal's cursor.
    #[serde(default)]
    pub output: Vec<String>,
}

/// Something that crashed during a stage on a machine, whatever the stage amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookCrash {
    /// Position of the case; `null` for the suite's own stages.
    pub case: Option<u32>,
    /// `initialize`, `run`, `finalize`.
    pub stage: StageKind,
    /// The stage in people's words: `copy_to / run`, `suite initialize`.
    pub title: String,
    /// The host's name.
    pub machine: String,
    /// How the stage ended there: `passed`, where the suite does not say that a crash fails it.
    pub outcome: Outcome,
    /// `process`, `kernel`, `out_of_memory`.
    pub kind: CrashKind,
    /// What crashed in people's words: `xrootd (SIGSEGV) in read_loop`.
    pub words: String,
    /// The page of the stage's output on the dashboard; `null` where there is none.
    #[serde(default)]
    pub link: Option<String>,
}
