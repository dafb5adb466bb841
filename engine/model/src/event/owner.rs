//! Whose instances are.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::RunId;

/// Whose an instance is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InstanceOwner {
    /// A run's that it was made for; it ends with the run.
    Run {
        /// The run.
        run: RunId,
    },
    /// Somebody's who started it by hand.
    Hand {
        /// Who.
        by: String,
    },
    /// Nobody's: it was made for a run, and is kept after that did not pass.
    Kept {
        /// The run.
        run: RunId,
    },
}

impl InstanceOwner {
    /// The run that it was made for.
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::Run { run } | Self::Kept { run } => Some(run),
            Self::Hand { .. } => None,
        }
    }
}

impl fmt::Display for InstanceOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { run } => write!(f, "run {run}"),
            Self::Hand { by } => write!(f, "by hand, {by}"),
            Self::Kept { run } => write!(f, "kept after run {run} failed"),
        }
    }
}
