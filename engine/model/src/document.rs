//! The run document `xrdtest.run/1`: what `run --format json` prints and reports are made from.
//!
//! Fields are only ever added within a version. The golden file is `tests/golden/run-1.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crash::Crash;
use crate::event::ImageUsed;
use crate::metric::Metric;
use crate::origin::Origin;
use crate::outcome::{Outcome, Verdict};
use crate::stage::StageKind;

/// The value of [`RunsDocument::schema`].
pub const SCHEMA: &str = "xrdtest.run/1";

/// Bytes of a stage's output that the document repeats: the last 4 KiB.
pub const OUTPUT_TAIL: usize = 4096;

/// Lines of a console that the document of a run repeats that is an error.
pub const CONSOLE_LINES: usize = 30;

/// One or more runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunsDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// In the order asked for.
    pub runs: Vec<RunRecord>,
}

impl RunsDocument {
    /// A document of these runs.
    pub fn new(runs: Vec<RunRecord>) -> Self {
        Self { schema: SCHEMA.to_owned(), runs }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunRecord {
    /// Its id.
    pub id: String,
    /// The suite's name.
    pub suite: String,
    /// Who or what asked for it, and why: `alice: before the release`, `schedule: 2026-11-27 02:30:00 CET`.
    #[serde(default)]
    pub trigger: String,
    /// What it amounts to; `null` while it is not over.
    pub verdict: Option<Verdict>,
    /// Why, where the verdict is not `passed`; else empty.
    pub reason: String,
    /// What it is doing, in words, while it is not over: `waits: no hypervisor is in contact`, `copy_to / run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// When its first stage, or where there was none the run, began: RFC 3339, UTC.
    pub started: String,
    /// From there to the verdict; while the run is not over, to the time at which this was said.
    pub duration_ms: u64,
    /// Its cases in order.
    pub cases: Vec<CaseRecord>,
    /// Its stages in order, each once per machine.
    pub stages: Vec<StageRecord>,
    /// Where its files came from, as far as the engine knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Its clusters, each with the hypervisor that made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterRecord>,
    /// The suite's tags with their values in this run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The boot images that its machines started from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageUsed>,
    /// The serial consoles of its machines, as far as they are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consoles: Vec<ConsoleRecord>,
    /// Folder that keeps the run's outputs and logs on this machine, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

/// One cluster of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterRecord {
    /// Its name.
    pub name: String,
    /// The hypervisor that made its machines; empty where the run got no place, or where they are physical.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hypervisor: String,
}

/// What one machine wrote to its serial console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsoleRecord {
    /// The host's name.
    pub machine: String,
    /// The file, relative to the run's directory.
    pub file: String,
    /// Bytes in it.
    pub length: u64,
    /// Its last 30 lines, or all from its kernel's panic on, of a run that is an error; bytes that are not UTF-8 are replaced by U+FFFD.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
}

/// One case of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseRecord {
    /// Position in the run, from 0.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it amounts to; `null` where it was not begun.
    pub verdict: Option<Verdict>,
    /// Why, where the verdict is not `passed`; else empty.
    #[serde(default)]
    pub reason: String,
}

/// One stage on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageRecord {
    /// Position of the case; `null` for the suite's own stages.
    pub case_index: Option<u32>,
    /// The case's name; `null` for the suite's own stages.
    pub case: Option<String>,
    /// `initialize`, `run`, `finalize`.
    pub stage: StageKind,
    /// The host's name.
    pub machine: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Exit code; `null` unless the script exited.
    pub exit_code: Option<i32>,
    /// Signal number; `null` unless a signal ended the script.
    pub signal: Option<i32>,
    /// Why, where the outcome alone does not say it; else empty.
    pub reason: String,
    /// Start, from the run's `started`.
    pub offset_ms: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// The last 4 KiB of the output; bytes that are not UTF-8 are replaced by U+FFFD.
    pub output: String,
    /// Bytes of the whole output.
    pub output_length: u64,
    /// Whether all that the script wrote is here: the machine could keep it, and it has arrived.
    #[serde(default = "yes")]
    pub output_complete: bool,
    /// File of the whole output, relative to the run's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_file: Option<String>,
    /// Processes that the script left behind holding its output open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<String>,
    /// Log files collected after the stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogRecord>,
    /// Files that the script kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<LogRecord>,
    /// Numbers that the script stated, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// What crashed. The files are among `artifacts` (core dumps) and `logs` (back-traces).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<Crash>,
    /// Why this machine can't give core dumps; said with its first stage, else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub no_cores: String,
}

/// One collected log file, or one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogRecord {
    /// Path on the machine.
    pub path: String,
    /// Bytes collected.
    pub length: u64,
    /// What is worth knowing; else empty.
    pub note: String,
    /// The file, relative to the run's directory.
    pub file: String,
}

fn yes() -> bool {
    true
}
