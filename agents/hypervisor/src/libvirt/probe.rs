//! Whether guests run on the processor: tried, not believed.
//!
//! That `/dev/kvm` exists says nothing: there are machines on which a guest under it hangs for ever. The guest is a boot
//! sector that writes to a port which ends QEMU with a code that nothing else has.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::config::libvirt::Acceleration;

/// How long the trial may take.
const LIMIT: Duration = Duration::from_secs(5);
/// `mov al, 16; out 0xf4, al; hlt; jmp -1`: QEMU's debug exit makes 2 × 16 + 1 of it.
const CODE: [u8; 7] = [0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd];
const EXIT: i32 = 33;

/// What runs guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accelerator {
    /// The processor.
    Kvm,
    /// An emulation of one.
    Tcg,
}

/// What runs guests here, and why, in words. `folder` is for the guest's disk. Blocks for some seconds at most.
pub(super) fn accelerator(wanted: Acceleration, native: &str, folder: &Path) -> (Accelerator, String) {
    match wanted {
        Acceleration::Kvm => (Accelerator::Kvm, "kvm, as configured".to_owned()),
        Acceleration::Tcg => (Accelerator::Tcg, "tcg, as configured".to_owned()),
        Acceleration::Auto if native != "x86_64" || !Path::new("/dev/kvm").exists() => {
            (Accelerator::Tcg, "tcg: there is no /dev/kvm that could be tried".to_owned())
        }
        Acceleration::Auto => match try_kvm(folder) {
            Ok(()) => (Accelerator::Kvm, "kvm: a guest ran".to_owned()),
            Err(why) => (Accelerator::Tcg, format!("tcg: {why}")),
        },
    }
}

fn try_kvm(folder: &Path) -> Result<(), String> {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm") {
        return Err("/dev/kvm exists, but the processor has neither vmx nor svm".to_owned());
    }
    let sector = boot_sector();
    let path = folder.join("kvm-probe");
    std::fs::write(&path, sector).map_err(|error| format!("no guest could be tried: {error}"))?;
    let tried = run_guest(&path);
    let _ = std::fs::remove_file(&path);
    tried
}

fn boot_sector() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[..CODE.len()].copy_from_slice(&CODE);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

fn run_guest(sector: &Path) -> Result<(), String> {
    let drive = format!("file={},format=raw,if=ide,readonly=on,snapshot=on", sector.display());
    let mut guest = Command::new("qemu-system-x86_64")
        .args(["-accel", "kvm", "-nodefaults", "-no-user-config", "-display", "none", "-m", "16"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive", &drive])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("no guest could be tried: qemu-system-x86_64: {error}"))?;
    let end = Instant::now() + LIMIT;
    // A child has no event that could be waited for with a limit, without a signal handler of the whole process.
    while Instant::now() < end {
        match guest.try_wait() {
            Ok(Some(status)) if status.code() == Some(EXIT) => return Ok(()),
            Ok(Some(status)) => return Err(format!("/dev/kvm exists, but a guest ended with {status}")),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("no guest could be tried: {error}")),
        }
    }
    let _ = guest.kill();
    let _ = guest.wait();
    Err(format!("/dev/kvm exists, but a guest hung for {} s", LIMIT.as_secs()))
}
