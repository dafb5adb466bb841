#!/usr/bin/env python3
"""Does to virtual machines, their hypervisor agents and libvirt what the world does to them, and looks how runs end.

    virtual.py --programs DIR --images DIR [NAME...]

Each trial has an engine, hypervisor agents, a storage pool and guests of its own; without names all are tried, one
after the other. IMAGES holds what `make guests` makes: tiny.*, Debian's, and a static xrdtest-slave. Needs root and libvirt: run
it with `scripts/lab run`.
"""

import argparse
import fcntl
import pathlib
import time

import virtual_broken as broken
import virtual_images as images
import virtual_made as made
from virtual_lab import Virtual

# Runs that no hypervisor can take are not waited for.
IMPATIENT = "[limits]\nqueue_wait = '2s'\n"

# The trials, beside each its engine's configuration where that is not the usual one.
ALL = {
    made.guests_copy_a_file: "",
    made.clocks_are_set: "",
    made.isolated_networks_have_no_way_out: "",
    made.disks_keep_their_content_or_not: "",
    made.two_runs_go_on_at_once: "",
    made.only_the_second_hypervisor_has_room: "",
    made.image_is_missing: "",
    made.emulator_is_missing: "",
    made.pool_is_missing: "",
    made.subnet_is_taken: "",
    made.memory_is_not_enough: IMPATIENT,
    made.disks_are_wrong: IMPATIENT,
    broken.guest_panics: "",
    broken.guest_panics_early: "",
    broken.emulator_is_killed: "",
    broken.guest_is_powered_off: "",
    broken.guest_never_reports: "[limits]\ncluster_start = '20s'\n[contact]\nlost = '6s'\n",
    broken.agent_is_killed_while_it_creates: "",
    broken.agent_is_killed_while_it_runs: "",
    broken.agent_is_killed_while_it_stops: "",
    broken.left_overs_are_collected: "",
    broken.libvirt_starts_again: "",
    broken.guest_panics_after_libvirt_started_again: "",
    broken.run_is_cancelled_while_it_is_made: "",
    images.debian_copies_through_xrootd: "",
    images.cloud_init_alone_is_enough: "",
}
# They do something to the libvirt that all share.
ALONE = {broken.libvirt_starts_again, broken.guest_panics_after_libvirt_started_again}


def attempt(trial, number, arguments):
    print(trial.__name__.replace("_", " "), flush=True)
    with open(arguments.images / "tiny.vmlinuz", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if trial in ALONE else fcntl.LOCK_SH)
        begin = time.monotonic()
        # Those that run at the same time have subnets of their own.
        with Virtual(arguments, 100 + number, ALL[trial]) as lab:
            trial(lab)
        print(f"  all in all {time.monotonic() - begin:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--images", type=pathlib.Path, required=True, help="folder of the image and the agent")
    known = {trial.__name__: (number, trial) for number, trial in enumerate(ALL)}
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    arguments = parser.parse_args()
    for name in arguments.names or known:
        number, trial = known[name]
        attempt(trial, number, arguments)


if __name__ == "__main__":
    main()
