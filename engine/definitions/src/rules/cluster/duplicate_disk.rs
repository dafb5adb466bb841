//! ## What it does
//! Reports two disks of a host with one name, one device or one mount point.
//!
//! ## Why is this bad?
//! Only one of them could be used. The default device is `vda` and the default mount point `/data`, so a second disk needs
//! its own.
//!
//! ## Example
//! ```rhai
//! ds1.disks = [Disk("disk1", "20G"), Disk("disk2", "20G")];
//! ```
//!
//! ## How to fix
//! `Disk("disk2", "20G", "vdb", "/data2")`.

use xrdtest_model::Severity;

use crate::draft::cluster::{Cluster, Disk};
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2016", "duplicate-disk", Severity::Error, include_str!("duplicate_disk.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    for host in cluster.each_host() {
        for (index, disk) in host.disks.iter().enumerate() {
            let earlier = &host.disks[..index];
            let name = |disk: &Disk| disk.name.as_ref().map(|name| name.value.clone());
            let conflicts = [
                (
                    "the name",
                    name(disk).is_some() && earlier.iter().any(|other| name(other) == name(disk)),
                    name(disk).unwrap_or_default(),
                    disk.name.as_ref(),
                ),
                (
                    "the device",
                    earlier.iter().any(|other| other.device_name() == disk.device_name()),
                    disk.device_name().to_owned(),
                    disk.device.as_ref(),
                ),
                (
                    "the mount point",
                    earlier.iter().any(|other| other.mount_path() == disk.mount_path()),
                    disk.mount_path().to_owned(),
                    disk.mount_point.as_ref(),
                ),
            ];
            for (what, conflict, value, written) in conflicts {
                if conflict {
                    let place = written.map_or(&disk.place, |text| &text.place);
                    let message = format!("two disks of {} have {what} `{value}`", host.title());
                    let help = "a second disk is `Disk(\"disk2\", \"20G\", \"vdb\", \"/data2\")`";
                    findings.add_with_help(&RULE, place, message, help);
                }
            }
        }
    }
}
