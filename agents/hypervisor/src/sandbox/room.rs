//! What this machine has for sandboxes.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use xrdtest_model::room::Room;

use super::settings::Overcommit;

/// All in all, living instances included.
pub(crate) fn total(state: &Path, overcommit: Overcommit) -> Room {
    let memory = memory_kib(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    let cores = std::thread::available_parallelism()
        .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    // The folder itself may not exist before the first instance.
    let free = state.ancestors().find_map(|folder| statvfs(folder).ok());
    let disk = free.map_or(0, |free| free.blocks_available().saturating_mul(free.fragment_size()));
    Room {
        memory_kib: memory.saturating_mul(overcommit.memory.into()),
        cores: cores.saturating_mul(overcommit.cores),
        disk_bytes: disk.saturating_mul(overcommit.disk.into()),
    }
}

/// `MemTotal` of /proc/meminfo.
fn memory_kib(text: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read() {
        assert_eq!(memory_kib("MemTotal:       24684096 kB\nMemFree: 1 kB\n"), 24_684_096);
        assert_eq!(memory_kib(""), 0);
    }
}
