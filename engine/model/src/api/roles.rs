//! What people and programs may do.

use serde::{Deserialize, Serialize};

/// What somebody may do; each may also what those before may.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Reads.
    Viewer,
    /// Runs suites, starts clusters, cancels, pauses.
    Operator,
    /// Decides who may join and who may do what; stops and reloads the engine.
    Admin,
}
