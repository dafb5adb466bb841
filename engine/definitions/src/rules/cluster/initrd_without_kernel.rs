//! ## What it does
//! Reports a host that has an `initrd` but no `kernel`.
//!
//! ## Why is this bad?
//! An initial root file system is loaded together with a kernel that is booted directly. Without a kernel the machine
//! boots from its image by itself, and the initrd that the definition asks for would never be used.
//!
//! ## Example
//! ```rhai
//! cluster.defaultHost.initrd = "tiny.initrd";
//! ```
//!
//! ## How to fix
//! Name the kernel too, or leave `initrd` out. Where kernel and initrd lie beside the image under its name, neither needs
//! to be named.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::language::object::Handle;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2023", "initrd-without-kernel", Severity::Error, include_str!("initrd_without_kernel.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let default_host = cluster.object.lock().object("defaultHost");
    for host in cluster.each_host().filter(|host| host.kernel.is_none()) {
        // One that was misspelt, or was no string, has been reported.
        let unknown = |object: &Handle| !object.lock().lacks("kernel");
        if unknown(&host.object) || default_host.as_ref().is_some_and(unknown) {
            continue;
        }
        if let Some(initrd) = &host.initrd {
            let message = format!("{} has an `initrd` and no `kernel`", host.title());
            let help = "name the kernel too, or leave `initrd` out";
            findings.add_with_help(&RULE, &initrd.place, message, help);
        }
    }
}
