//! Suites that start by themselves.

use serde::{Deserialize, Serialize};

use crate::ids::RunId;
use crate::time::Timestamp;

/// All schedules: `GET /schedule`, and the answer to who pauses one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SchedulesInfo {
    /// Suites start by themselves; `false`: `[schedule] enabled` in the engine's configuration says no.
    pub enabled: bool,
    /// Who has paused all of them.
    pub paused: Option<String>,
    /// Suites that have a schedule, by name.
    pub suites: Vec<ScheduledSuite>,
}

/// A suite's schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduledSuite {
    /// The suite.
    pub suite: String,
    /// Its schedule in plain words.
    pub words: String,
    /// The time zone that it is read in.
    pub timezone: String,
    /// Who has paused this one.
    pub paused: Option<String>,
    /// Why it is not started by its schedule now, in words: it is paused, or schedules are off; else empty.
    pub held: String,
    /// The next starts, jitter included, as if nothing were paused.
    pub next: Vec<ScheduledStart>,
    /// What became of its latest start; `null`: there was none yet.
    pub last: Option<LastStart>,
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastStart {
    /// When it was planned; of several missed ones the first.
    pub start: ScheduledStart,
    /// The run that it led to.
    pub run: Option<RunId>,
    /// Why it led to none, or to one late; else empty.
    pub reason: String,
}

/// A start to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduledStart {
    /// When.
    pub at: Timestamp,
    /// The same on the clock of the schedule's zone.
    pub local: String,
}

/// `PUT /schedule`, `PUT /suites/NAME/schedule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Whether starts are left out from now on.
    pub paused: bool,
}
