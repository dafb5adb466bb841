//! What engine and slave agents say to each other about stages: the order, and the reports on it.
//!
//! An order is idempotent: the engine repeats it after a reconnect where the agent does not know its attempt, and an
//! agent that knows the attempt answers with what it knows instead of running the script again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::crash::{CoreOrder, Crash};
use crate::event::{CollectedLog, evidence_length};
use crate::ids::AttemptId;
use crate::metric::Metric;
use crate::outcome::Outcome;
use crate::plan::Script;
use crate::time::Timestamp;

/// Carry out one stage on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageOrder {
    /// The attempt. The machine runs it at most once, however often it is ordered.
    pub attempt: AttemptId,
    /// The boot id that the agent reported when it connected. Under any other one the order is `lost`: what the
    /// machine had journaled about it may be gone.
    pub boot_id: String,
    /// The suite's name.
    pub suite: String,
    /// The case's name; `None` for the suite's own stages.
    pub case: Option<String>,
    /// The script, tags not yet replaced.
    pub script: Arc<Script>,
    /// The suite's own tags, without the at signs.
    pub tags: BTreeMap<String, String>,
    /// The stage's limit in milliseconds, from exec.
    pub timeout_ms: u64,
    /// Bytes of output to keep; head and tail are kept beyond it.
    pub output_limit: u64,
    /// Log files to collect after the stage, tags not yet replaced.
    pub logs: Vec<String>,
    /// Bytes to keep per log file; the tail is kept beyond it. No artifact may be larger.
    pub log_limit: u64,
    /// The further names of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What to do about crashes; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<CoreOrder>,
}

/// What a machine says about an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum StageReport {
    /// The order is in the machine's journal; the script runs, or is about to.
    Accepted,
    /// The script has announced a boot of its machine (`expect_reboot`). The record of the stage outlives the boot.
    Rebooting,
    /// The stage is over on the machine. Its output may still be on its way.
    Finished(Box<FinishedReport>),
    /// The machine has no record of the attempt: under the same boot id, it never accepted it.
    Unknown,
}

/// How a stage ended on a machine, in the machine's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FinishedReport {
    /// How it ended. `lost`: it was accepted, but neither an outcome nor a supervisor is left.
    pub outcome: Outcome,
    /// Exit code, where the script exited.
    pub exit_code: Option<i32>,
    /// Number of the signal that ended the script, where one did.
    pub signal: Option<i32>,
    /// Why, where the outcome alone does not say it; else empty.
    pub reason: String,
    /// When the script was started, by the machine's clock.
    pub started: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// Bytes of output that the machine has kept.
    pub output_length: u64,
    /// Bytes that it could not keep: its disk was full, or a script deleted them. `reason` says why.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_lost: u64,
    /// Processes left running that kept the output open: `xrootd (pid 12)`.
    pub leftovers: Vec<String>,
    /// Log files collected after the stage, and files that the script kept as artifacts.
    pub logs: Vec<CollectedLog>,
    /// Numbers that the script stated, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// What crashed. The files are among `logs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<Crash>,
    /// Why this machine can't give core dumps; said with the first stage of a run, else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub no_cores: String,
}

/// For fields that are told only where they say something.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// As above.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !*flag
}

impl FinishedReport {
    /// Bytes of everything that the machine sends about the stage: its output and the collected logs.
    pub fn evidence_length(&self) -> u64 {
        evidence_length(self.output_length, &self.logs)
    }
}

/// Why the engine ends a running stage; the machine reports the outcome of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// Somebody cancelled the run, or nobody wants this attempt any more.
    Cancelled,
    /// The stage's or the run's limit is over.
    TimedOut,
}

impl EndCause {
    /// The outcome that a script ended for this cause has.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Cancelled => Outcome::Cancelled,
            Self::TimedOut => Outcome::TimedOut,
        }
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcome().fmt(f)
    }
}
