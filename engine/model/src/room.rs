//! Room: what a hypervisor has, and what an instance needs. Load: how busy its machine is.

use serde::{Deserialize, Serialize};

/// Amounts of what machines are made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Room {
    /// Memory in KiB.
    pub memory_kib: u64,
    /// Virtual cores.
    pub cores: u32,
    /// Disk in bytes.
    pub disk_bytes: u64,
}

/// How busy a machine is that makes others. Nothing is decided by it; people look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Load {
    /// Load average of the last minute, in hundredths.
    pub load_1min_centi: u32,
    /// Memory that programs can still have, in KiB.
    pub memory_free_kib: u64,
    /// Free bytes where disks are made.
    pub disk_free_bytes: u64,
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

    /// What is told anew of this, with what is not worth a word left out: an amount that has become less by no more
    /// than a hundredth stays as it was. Disks fill byte by byte.
    #[must_use]
    pub fn settled(&self, told: &Self) -> Self {
        let amount = |was: u64, is: u64| if is < was && was - is <= was / 100 { was } else { is };
        Self {
            memory_kib: amount(self.memory_kib, told.memory_kib),
            cores: told.cores,
            disk_bytes: amount(self.disk_bytes, told.disk_bytes),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_losses_are_not_worth_a_word() {
        let room = |memory_kib, cores, disk_bytes| Room { memory_kib, cores, disk_bytes };
        let was = room(1000, 8, 1000);
        for (told, settled) in [
            (room(1000, 8, 1000), was),
            (room(990, 8, 995), was),
            (room(989, 8, 995), room(989, 8, 1000)),
            (room(990, 7, 1001), room(1000, 7, 1001)),
            (room(0, 0, 0), room(0, 0, 0)),
        ] {
            assert_eq!(was.settled(&told), settled, "{told:?}");
        }
    }
}
