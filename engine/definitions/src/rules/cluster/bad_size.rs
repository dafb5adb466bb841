//! ## What it does
//! Reports the size of a disk or the `ramSize` of a host that is no size, is zero, or is too small to be meant.
//!
//! ## Why is this bad?
//! The machine can't be made or would not start. Plain digits mean bytes for a disk and KiB for memory, as in the manual.
//!
//! ## Example
//! ```rhai
//! Disk("disk1", "20 GB");
//! host.ramSize = "1024";                 // 1024 KiB
//! ```
//!
//! ## How to fix
//! Write digits and one of `B`, `K`, `M`, `G`, `T` and `P`: `"20G"`.

use xrdtest_model::Severity;
use xrdtest_model::size::{human_bytes, parse_size};

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Rule;

pub(crate) const RULE: Rule = Rule::new("XT2010", "bad-size", Severity::Error, include_str!("bad_size.rs"));

/// No system starts with less, in bytes.
const LEAST_MEMORY: u64 = 16 << 20;

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    for host in cluster.each_host() {
        if let Some(size) = &host.ram_size {
            match parse_size(&size.value, 1024) {
                Err(problem) => refuse(findings, size, &problem.to_string()),
                Ok(bytes) if bytes < LEAST_MEMORY => findings.add_with_help(
                    &RULE,
                    &size.place,
                    format!("{} are too little memory for {}", human_bytes(bytes), host.title()),
                    "digits alone are KiB: write for example `\"1G\"`",
                ),
                Ok(_) => {}
            }
        }
        for size in host.disks.iter().filter_map(|disk| disk.size.as_ref()) {
            match parse_size(&size.value, 1) {
                Err(problem) => refuse(findings, size, &problem.to_string()),
                Ok(bytes) if bytes < 1 << 20 => findings.add_with_help(
                    &RULE,
                    &size.place,
                    format!("{} are too little for a disk", human_bytes(bytes)),
                    "digits alone are bytes: write for example `\"20G\"`",
                ),
                Ok(_) => {}
            }
        }
    }
}

fn refuse(findings: &mut Findings, size: &Located<String>, problem: &str) {
    let help = "write digits and one of `B`, `K`, `M`, `G`, `T`, `P`: `\"20G\"`";
    findings.add_with_help(&RULE, &size.place, problem, help);
}
