//! What a supervisor and the agent say to each other: lines of JSON on a Unix socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use xrdtest_model::Metric;
use xrdtest_model::order::{EndCause, FinishedReport};

/// From the supervisor. The first line after the connection says how things are; others follow as they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// The script runs.
    Running {
        /// Bytes that `output` has now.
        length: u64,
        /// The script has announced a boot of the machine; the record of the stage is safe on disk.
        #[serde(default)]
        rebooting: bool,
    },
    /// A boot was announced and can't be.
    RebootRefused {
        /// Why, for people.
        reason: String,
    },
    /// The outcome is stated; `output` has its final length.
    Over {
        /// The same as in `outcome.json`. It stands here too because a disk may refuse to take it.
        outcome: Box<FinishedReport>,
        /// The supervisor takes [`Command::Supervise`] from whoever started it: nothing is left of the stage.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        free: bool,
    },
    /// What became of a word of the script's: [`Command::Keep`], [`Command::Measure`].
    Noted {
        /// Who asked.
        by: u32,
        /// Why it was not noted, for people; `None`: it is on record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<String>,
    },
    /// A kind that this build does not know: the agent is older than the supervisor.
    #[serde(other)]
    Unknown,
}

/// To the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// End everything that the stage started.
    End {
        /// What becomes of the stage.
        why: EndCause,
        /// For people.
        reason: String,
    },
    /// Supervise another stage, as the one before is over.
    Supervise {
        /// Its folder.
        folder: PathBuf,
    },
    /// The script is about to have its machine booted. Answered with [`News`] when the record is safe on disk.
    AnnounceReboot,
    /// The script keeps a file with the run. A copy of it lies ready ([`super::StageFolder::draft`]).
    Keep {
        /// The process that asks, which has made the copy.
        by: u32,
        /// The file's path on the machine.
        path: String,
        /// Bytes of the copy.
        length: u64,
    },
    /// The script states a number.
    Measure {
        /// The process that asks.
        by: u32,
        /// The number.
        metric: Metric,
    },
}
