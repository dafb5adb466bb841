//! ## What it does
//! Reports a disk's `mountPoint` that is no absolute path to a folder of its own, and a `device` that is no device name.
//!
//! ## Why is this bad?
//! The disk can't be mounted, or would hide the system.
//!
//! ## Example
//! ```rhai
//! Disk("disk1", "20G", "vda", "data");
//! ```
//!
//! ## How to fix
//! Write an absolute path without `..`, such as `"/data"`, and a device name such as `"vdb"`.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2017", "bad-mount-point", Severity::Error, include_str!("bad_mount_point.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let hosts: Vec<_> = cluster.each_host().collect();
    for disk in hosts.iter().flat_map(|host| &host.disks) {
        if let Some(path) = disk.mount_point.as_ref().filter(|path| !is_mount_point(&path.value)) {
            let message = format!("`{}` can't be a mount point", path.value);
            let help = "write an absolute path without `..` and blanks, such as `\"/data\"`";
            findings.add_with_help(&RULE, &path.place, message, help);
        }
        let device = disk.device_name();
        let fine = (1..=16).contains(&device.len()) && device.bytes().all(|b| b.is_ascii_alphanumeric());
        if let Some(written) = disk.device.as_ref().filter(|_| !fine) {
            let message = format!("`{}` can't be the name of a device", written.value);
            findings.add_with_help(&RULE, &written.place, message, "write for example `\"vdb\"`");
        }
    }
}

fn is_mount_point(path: &str) -> bool {
    let mut parts = path.split('/').skip(1).peekable();
    path.starts_with('/')
        && !path.trim_matches('/').is_empty()
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'.'))
        && parts.all(|part| part != ".." && part != ".")
}
