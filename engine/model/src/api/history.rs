//! Many runs told at once: how a suite's cases and numbers have done, which suites have turned red, what is different
//! between two runs.

use serde::{Deserialize, Serialize};

use super::RunSummary;
use crate::event::ImageUsed;
use crate::ids::RunId;
use crate::metric::Number;
use crate::origin::Origin;
use crate::outcome::{Outcome, Verdict};
use crate::stage::StageKind;
use crate::time::Timestamp;

/// `GET /suites/NAME/trends`: how a suite's cases and numbers have done over its latest runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SuiteTrends {
    /// The suite.
    pub suite: String,
    /// So many of its latest runs were looked at, at most.
    pub runs: u32,
    /// Of them so many are recent.
    pub recent: u32,
    /// Its cases, those that failed most often first.
    pub cases: Vec<CaseTrend>,
    /// A line for each metric on each machine that stated it, by name.
    pub metrics: Vec<MetricTrend>,
}

/// How one case has done. A run in which it was cancelled says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseTrend {
    /// The case.
    pub name: String,
    /// In the recent runs.
    pub recent: FailureRate,
    /// In all runs that were looked at.
    pub all: FailureRate,
    /// When it did not pass last; `null`: in none of them.
    pub last_failure: Option<CaseFailure>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureRate {
    /// Runs in which it did not pass.
    pub failed: u32,
    /// Runs in which it was judged.
    pub runs: u32,
}

/// A run in which a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseFailure {
    /// The run.
    pub run: RunId,
    /// What became of the case in it.
    pub verdict: Verdict,
}

/// What one machine stated under one name, from the oldest run to the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricTrend {
    /// What was measured.
    pub name: String,
    /// The host on which it was stated.
    pub machine: String,
    /// What it counts, in the newest run; may be empty.
    pub unit: String,
    /// A point for each run; what a run states several times counts with its last value.
    pub points: Vec<MetricPoint>,
}

/// A number of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricPoint {
    /// The run.
    pub run: RunId,
    /// When it was asked for.
    pub queued: Timestamp,
    /// What became of it; `null`: it goes on.
    pub verdict: Option<Verdict>,
    /// The number.
    pub value: Number,
}

/// A suite that passed before and does not now, or the other way round: `GET /turns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SuiteTurn {
    /// The suite.
    pub suite: String,
    /// Whether it does not pass any more; `false`: it passes again.
    pub red: bool,
    /// Its first run that ended so.
    pub run: RunId,
    /// When that was over.
    pub at: Timestamp,
    /// What it amounted to.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
}

/// What is different between two runs: `GET /runs/RUN/comparison`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    /// The run that it is compared with.
    pub old: ComparedRun,
    /// The run.
    pub new: ComparedRun,
    /// What of the definition is different, as far as it was used, in words.
    pub definition: Vec<String>,
    /// The stages that have a script in either run, on each machine that takes part in it: those of the new run in
    /// their order, then those that are gone.
    pub stages: Vec<ComparedStage>,
    /// The numbers that scripts stated, by name and machine.
    pub metrics: Vec<ComparedMetric>,
}

/// One of two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComparedRun {
    /// The run.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Milliseconds from its start to its end, or until now.
    pub duration_ms: u64,
    /// Where its definitions came from.
    pub origin: Option<Origin>,
    /// The boot images that its machines started from.
    pub images: Vec<ImageUsed>,
    /// The hosts that take part, in the order of the definition.
    pub machines: Vec<String>,
}

/// A stage on a machine in two runs. They are matched by names: positions may differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComparedStage {
    /// The case with its parameters; `null`: the suite's own.
    pub case: Option<String>,
    /// Which stage.
    pub stage: StageKind,
    /// The host.
    pub machine: String,
    /// How it ended before; `null`: it was not there.
    pub old: Option<StageEnd>,
    /// How it ended in the new run; likewise.
    pub new: Option<StageEnd>,
}

/// How a stage ended on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageEnd {
    /// How.
    pub outcome: Outcome,
    /// Milliseconds that it took.
    pub duration_ms: u64,
    /// The stage's name in the addresses of its files: `/runs/RUN/outputs/STAGE/MACHINE`.
    pub folder: Option<String>,
}

/// A number in two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComparedMetric {
    /// What was measured.
    pub name: String,
    /// The host on which it was stated.
    pub machine: String,
    /// What was stated last before; `null`: nothing.
    pub old: Option<MetricValue>,
    /// What was stated last in the new run; likewise.
    pub new: Option<MetricValue>,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricValue {
    /// The number.
    pub value: Number,
    /// What it counts; may be empty.
    pub unit: String,
}
