//! Stages: what is a barrier over all machines.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a stage does, for the suite as for a case. A suite has no `run` of its own: its cases are that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// `suite_init.sh`, `tc/CASE/init.sh`
    Initialize,
    /// `tc/CASE/run.sh`
    Run,
    /// `suite_finalize.sh`, `tc/CASE/finalize.sh`
    Finalize,
}

impl StageKind {
    /// The word of the definition language, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Run => "run",
            Self::Finalize => "finalize",
        }
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One stage of one run. `case` is the position in the suite's list of cases, from 0 (a case may stand in that list
/// more than once); `None` for the suite's own stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageId {
    /// Position of the case in the run, from 0; `None`: the suite's own stage.
    pub case: Option<u32>,
    /// What the stage does.
    pub kind: StageKind,
}

impl StageId {
    /// The suite's own initialize stage.
    pub const SUITE_INITIALIZE: Self = Self { case: None, kind: StageKind::Initialize };
    /// The suite's own finalize stage.
    pub const SUITE_FINALIZE: Self = Self { case: None, kind: StageKind::Finalize };

    /// Stage `kind` of the case at position `case`.
    pub fn of_case(case: u32, kind: StageKind) -> Self {
        Self { case: Some(case), kind }
    }

    /// Short name for folders and files, in the order of execution where sorted by name within a case:
    /// `suite-initialize`, `0-run`.
    pub fn slug(self) -> String {
        match self.case {
            None => format!("suite-{}", self.kind),
            Some(case) => format!("{case}-{}", self.kind),
        }
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.case {
            None => write!(f, "suite {}", self.kind),
            Some(case) => write!(f, "case {case} {}", self.kind),
        }
    }
}
