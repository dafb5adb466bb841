//! How a stage on a machine ended, and what that makes of its case and its run.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        impl $name {
            /// The spelling of JSON and API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            /// The words for people: underscores become spaces.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.as_str().replace('_', " "))
            }
        }
    };
}

/// How one stage ended on one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The script exited with code 0.
    Passed,
    /// The script exited with another code, or could not be executed (codes 126 and 127).
    Failed,
    /// A signal that the system did not send ended the script.
    Killed,
    /// The stage's or the run's time limit ended the script, or was over before it could be started.
    TimedOut,
    /// The machine, or what ran the script on it, is gone; nobody knows how the script ended.
    Lost,
    /// A cancel ended the script, or came before it could be started.
    Cancelled,
    /// The script was not started; the reason says why.
    NotRun,
}

words!(Outcome {
    Passed => "passed",
    Failed => "failed",
    Killed => "killed",
    TimedOut => "timed_out",
    Lost => "lost",
    Cancelled => "cancelled",
    NotRun => "not_run",
});

/// What a case or a run amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything ran and passed.
    Passed,
    /// A script failed or was killed.
    Failed,
    /// A time limit was hit.
    TimedOut,
    /// The infrastructure failed; this says nothing about the software under test.
    Error,
    /// Somebody cancelled it.
    Cancelled,
}

words!(Verdict {
    Passed => "passed",
    Failed => "failed",
    TimedOut => "timed_out",
    Error => "error",
    Cancelled => "cancelled",
});
