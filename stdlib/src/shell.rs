//! Shell functions for the scripts of suites.

/// `functions.sh`: what scripts find at `/etc/XrdTest/utils/functions.sh` (manual 6.2.2).
pub const FUNCTIONS: &str = include_str!("../shell/functions.sh");
