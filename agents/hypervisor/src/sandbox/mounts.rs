//! Which file systems of this machine are part of the system that machines are made from.

use std::path::{Path, PathBuf};

/// File systems that hold files on local disks. Everything else (proc, tmpfs, network file systems, other people's
/// overlays …) stays out of a machine.
const LOCAL: [&str; 10] =
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs"];

/// The folders that make up a system. What is mounted elsewhere (`/mnt`, `/media`, `/data` …) is data of this
/// machine's owner and no part of it.
const SYSTEM: [&str; 12] =
    ["/usr", "/var", "/opt", "/home", "/root", "/srv", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/boot"];

/// Folders that are fresh in each machine.
pub(crate) const FRESH: [&str; 2] = ["/tmp", "/var/tmp"];

/// Mount points of file systems of their own below `/` that a machine must see, parents before children, `/` first.
/// `table` is the text of `/proc/self/mountinfo`; `is_directory` tells mounts of single files apart.
pub(crate) fn system_mounts(table: &str, is_directory: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut mounts: Vec<PathBuf> = table
        .lines()
        .filter_map(parse)
        .filter(|(path, kind)| {
            LOCAL.contains(&kind.as_str())
                && SYSTEM.iter().any(|folder| path.starts_with(folder))
                && !FRESH.iter().any(|folder| path.starts_with(folder))
                && is_directory(path)
        })
        .map(|(path, _)| path)
        .collect();
    mounts.push(PathBuf::from("/"));
    mounts.sort();
    mounts.dedup();
    mounts
}

/// Mount point and type of a line: `36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw`.
fn parse(line: &str) -> Option<(PathBuf, String)> {
    let (place, what) = line.split_once(" - ")?;
    let path = place.split(' ').nth(4)?;
    let kind = what.split(' ').next()?;
    Some((PathBuf::from(unescape(path)), kind.to_owned()))
}

/// The kernel writes blanks and backslashes in paths as three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, octal.and_then(|digits| u8::from_str_radix(digits, 8).ok())) {
            (b'\\', Some(value)) => {
                bytes.push(value);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_file_systems_of_the_system_count() {
        let table = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw shared:2 - proc proc rw
24 22 0:22 / /run rw shared:3 - tmpfs tmpfs rw
25 22 254:2 / /var rw shared:4 - xfs /dev/vda2 rw
26 25 254:3 / /var/lib\\040two rw shared:5 - ext4 /dev/vda3 rw
27 25 254:4 / /var/tmp rw - ext4 /dev/vda4 rw
28 22 254:5 / /mnt/data rw - ext4 /dev/vdb rw
29 22 0:40 / /home rw - nfs4 server:/home rw
30 22 254:6 / /usr ro shared:6 master:1 - btrfs /dev/vda6 ro
31 22 254:1 /x /etc/hosts rw - ext4 /dev/vda1 rw
32 25 254:2 / /var rw - xfs /dev/vda2 rw
garbage";
        let found = system_mounts(table, |path| path != Path::new("/etc/hosts"));
        let expected = ["/", "/usr", "/var", "/var/lib two"].map(PathBuf::from);
        assert_eq!(found, expected);
    }
}
