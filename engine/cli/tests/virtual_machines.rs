//! Virtual machines by QEMU and libvirt, and what the world does to them, as `system.rs` does it to sandboxes. They are
//! emulated; most are small and quickly up: a kernel whose initramfs is a whole machine. `make guests` makes them,
//! `scripts/lab up` a libvirt where the machine has none. Where either is missing these tests fail.

mod common;

use std::path::Path;

use common::trial_by;

fn trial(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let images = root.join("target/images");
    for file in ["tiny.qcow2", "debian12.qcow2", "debian12-cloudinit.qcow2", "xrdtest-slave"] {
        assert!(images.join(file).is_file(), "{file} is not in {}: make guests", images.display());
    }
    let (lab, images) = (root.join("scripts/lab"), images.to_string_lossy().into_owned());
    trial_by(&[&lab.to_string_lossy(), "run"], "virtual.py", &["--images", &images, name]);
}

macro_rules! trials {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            trial(stringify!($name));
        })*
    };
}

trials! {
    guests_copy_a_file
    clocks_are_set
    isolated_networks_have_no_way_out
    disks_keep_their_content_or_not
    two_runs_go_on_at_once
    only_the_second_hypervisor_has_room
    image_is_missing
    emulator_is_missing
    pool_is_missing
    subnet_is_taken
    memory_is_not_enough
    disks_are_wrong
    guest_panics
    guest_panics_early
    emulator_is_killed
    guest_is_powered_off
    guest_never_reports
    agent_is_killed_while_it_creates
    agent_is_killed_while_it_runs
    agent_is_killed_while_it_stops
    left_overs_are_collected
    libvirt_starts_again
    guest_panics_after_libvirt_started_again
    run_is_cancelled_while_it_is_made
    debian_copies_through_xrootd
    cloud_init_alone_is_enough
}
