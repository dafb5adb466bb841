//! Limits of a run (rules of a run, 5): each with a default and a key.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits that hold for one run, resolved from defaults and definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Key `stage_timeout`: any one stage. 15 min.
    pub stage_ms: u64,
    /// Key `timeout`: the whole run, from the first stage's start. 1 h.
    pub run_ms: u64,
    /// A cluster's start, from the order to the last machine's contact. 10 min.
    pub cluster_start_ms: u64,
    /// Waiting in the queue. 24 h.
    pub queue_wait_ms: u64,
    /// Bytes of output kept per stage and machine; head and tail are kept beyond it. 256 MiB.
    pub output_bytes: u64,
    /// Bytes kept per collected log file, stage and machine; the tail is kept beyond it. 64 MiB.
    pub log_bytes: u64,
    /// Bytes kept per core dump, packed; a larger one is left out, its back-trace stays. 256 MiB.
    #[serde(default = "core_bytes")]
    pub core_bytes: u64,
    /// Core dumps kept per stage and machine. 5.
    #[serde(default = "cores")]
    pub cores: u32,
    /// Bytes of all core dumps of a run, packed. 2 GiB.
    #[serde(default = "run_core_bytes")]
    pub run_core_bytes: u64,
}

// What holds for runs that were planned before there were such limits.

fn core_bytes() -> u64 {
    256 << 20
}

fn cores() -> u32 {
    5
}

fn run_core_bytes() -> u64 {
    2 << 30
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stage_ms: 15 * 60_000,
            run_ms: 60 * 60_000,
            cluster_start_ms: 10 * 60_000,
            queue_wait_ms: 24 * 60 * 60_000,
            output_bytes: 256 << 20,
            log_bytes: 64 << 20,
            core_bytes: core_bytes(),
            cores: cores(),
            run_core_bytes: run_core_bytes(),
        }
    }
}

/// How long the collecting of what crashed may take on a machine after a stage, back-traces included.
pub const CRASH_TIME: Duration = Duration::from_secs(60);
/// As much of it may be used where the stage's own limit is over.
pub const CRASH_TIME_BEYOND: Duration = Duration::from_secs(10);

/// How long a machine out of contact is not mentioned.
pub const LATE_AFTER: Duration = Duration::from_secs(5);
/// How long a machine out of contact is waited for.
pub const LOST_AFTER: Duration = Duration::from_secs(30);
/// Between TERM and KILL when a script is ended.
pub const KILL_GRACE: Duration = Duration::from_secs(5);
/// How long a machine whose boot was announced may stay away.
pub const REBOOT_WITHIN: Duration = Duration::from_secs(5 * 60);
/// How long an instance that belongs to no run is kept: one that was started by hand, or is kept after a failure.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
