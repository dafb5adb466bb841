//! Room: what a hypervisor has, and what an instance needs.

use serde::{Deserialize, Serialize};

/// Amounts of what machines are made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Memory in KiB.
    pub memory_kib: u64,
    /// Virtual cores.
    pub cores: u32,
    /// Disk in bytes.
    pub disk_bytes: u64,
}

impl Room {
    /// Whether `need` fits into this.
    pub fn holds(&self, need: &Self) -> bool {
        self.memory_kib >= need.memory_kib && self.cores >= need.cores && self.disk_bytes >= need.disk_bytes
    }

    /// What is left when `used` is taken; never below zero.
    #[must_use]
    pub fn less(&self, used: &Self) -> Self {
        Self {
            memory_kib: self.memory_kib.saturating_sub(used.memory_kib),
            cores: self.cores.saturating_sub(used.cores),
            disk_bytes: self.disk_bytes.saturating_sub(used.disk_bytes),
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            memory_kib: self.memory_kib.saturating_add(other.memory_kib),
            cores: self.cores.saturating_add(other.cores),
            disk_bytes: self.disk_bytes.saturating_add(other.disk_bytes),
        }
    }
}
