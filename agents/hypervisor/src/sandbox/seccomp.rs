//! System calls that no machine needs and that could reach the kernel of this machine.

use oci_spec::OciSpecError;
use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArgBuilder, LinuxSeccompBuilder,
    LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
};

/// Refused with EPERM. Most of them are refused by the missing capabilities too; the others need none, or open a
/// large part of the kernel to whoever calls them.
const REFUSED: [&str; 32] = [
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "move_mount",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "quotactl",
    "reboot",
    "request_key",
    "settimeofday",
    "swapoff",
    "swapon",
    "syslog",
];

/// A new user namespace would give root in it every capability back, over new mounts and networks at least.
const CLONE_NEWUSER: u64 = 0x1000_0000;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// The filter: everything is allowed but a few.
pub(crate) fn filter() -> Result<LinuxSeccomp, OciSpecError> {
    let mut calls = vec![refuse(REFUSED.map(str::to_owned).to_vec(), EPERM)?];
    for call in ["clone", "unshare"] {
        let argument = LinuxSeccompArgBuilder::default()
            .index(0usize)
            .value(CLONE_NEWUSER)
            .value_two(CLONE_NEWUSER)
            .op(LinuxSeccompOperator::ScmpCmpMaskedEq)
            .build()?;
        let mut call = refuse(vec![call.to_owned()], EPERM)?;
        call.set_args(Some(vec![argument]));
        calls.push(call);
    }
    // Its flags lie in memory, where a filter can't look. The C library falls back to clone.
    calls.push(refuse(vec!["clone3".to_owned()], ENOSYS)?);
    let mut filter = LinuxSeccompBuilder::default()
        .default_action(LinuxSeccompAction::ScmpActAllow)
        .syscalls(calls)
        .build()?;
    filter.set_architectures(architectures());
    Ok(filter)
}

fn refuse(names: Vec<String>, errno: u32) -> Result<LinuxSyscall, OciSpecError> {
    LinuxSyscallBuilder::default()
        .names(names)
        .action(LinuxSeccompAction::ScmpActErrno)
        .errno_ret(errno)
        .build()
}

/// Calls of an architecture that is not listed end the process, so the 32-bit relatives are.
fn architectures() -> Option<Vec<Arch>> {
    match std::env::consts::ARCH {
        "x86_64" => Some(vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32]),
        "aarch64" => Some(vec![Arch::ScmpArchAarch64, Arch::ScmpArchArm]),
        _ => None,
    }
}
