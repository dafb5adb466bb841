//! How busy this machine is, for people.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use xrdtest_model::room::Load;

/// Load, free memory, and what is free where `folder` is, or will be. What can't be read counts as nothing.
pub fn load(folder: &Path) -> Load {
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    let disk = folder.ancestors().find_map(|folder| statvfs(folder).ok());
    Load {
        load_1min_centi: load_centi(&text("/proc/loadavg")),
        memory_free_kib: available_kib(&text("/proc/meminfo")),
        disk_free_bytes: disk.map_or(0, |disk| disk.blocks_available().saturating_mul(disk.fragment_size())),
    }
}

/// The first number of /proc/loadavg, in hundredths. The kernel writes two digits behind the point.
fn load_centi(text: &str) -> u32 {
    let first = text.split_whitespace().next().unwrap_or_default();
    let (whole, hundredths) = first.split_once('.').unwrap_or((first, "0"));
    let number = |digits: &str| digits.parse::<u32>().unwrap_or(0);
    number(whole).saturating_mul(100).saturating_add(number(hundredths))
}

/// `MemAvailable` of /proc/meminfo: what programs can have without pushing others out.
fn available_kib(text: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        for (text, centi) in [
            ("0.52 0.58 0.59 1/967 12345\n", 52),
            ("12.05 3.00 1.00 2/10 7\n", 1205),
            ("", 0),
            ("nonsense", 0),
        ] {
            assert_eq!(load_centi(text), centi, "{text}");
        }
        let memory = "MemTotal:       24684096 kB\nMemFree: 1 kB\nMemAvailable:   12000000 kB\n";
        assert_eq!((available_kib(memory), available_kib("")), (12_000_000, 0));
    }

    #[test]
    fn this_machine_has_something_free() {
        let folder = tempfile::tempdir().unwrap();
        let here = load(folder.path());
        assert!(here.memory_free_kib > 0 && here.disk_free_bytes > 0, "{here:?}");
        // A folder that is not there yet will be on the disk of the one above it.
        assert!(load(&folder.path().join("a/b")).disk_free_bytes > 0);
    }
}
