//! The core's own times. Limits of a run are in its plan.

use std::time::Duration;

use xrdtest_model::limits::{KEPT_FOR, KILL_GRACE, LATE_AFTER, LOST_AFTER, REBOOT_WITHIN};

/// How long the core is patient. The defaults are those of the rules of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// A machine out of contact is named after this time.
    pub late_after: Duration,
    /// A machine out of contact is given up after this time.
    pub lost_after: Duration,
    /// How long a machine may stay away after a script on it announced a boot.
    pub reboot_within: Duration,
    /// What an agent needs to end a script and report it.
    pub kill_grace: Duration,
    /// Output that makes no progress for this long after the report is given up.
    pub output_grace: Duration,
    /// Output is given up this long after the report, progress or not.
    pub output_at_most: Duration,
    /// Younger runs may overtake the oldest waiting one for this long; then the hypervisors that it could use are
    /// kept for it.
    pub patience: Duration,
    /// How long an instance is kept that belongs to no run, where nobody says otherwise.
    pub kept_for: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            late_after: LATE_AFTER,
            lost_after: LOST_AFTER,
            reboot_within: REBOOT_WITHIN,
            kill_grace: KILL_GRACE,
            output_grace: Duration::from_secs(30),
            output_at_most: Duration::from_secs(10 * 60),
            patience: Duration::from_secs(5 * 60),
            kept_for: KEPT_FOR,
        }
    }
}
