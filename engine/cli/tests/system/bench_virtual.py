#!/usr/bin/env python3
"""Measures how long it takes to make virtual machines, beside qemu-img and virsh that make the same ones.

    bench_virtual.py --programs DIR --images DIR [--check]

Use programs of a release build. Needs root and libvirt: run it with `scripts/lab run`.
"""

import argparse
import concurrent.futures
import pathlib
import re
import shutil
import statistics
import subprocess
import time

from bench import Bounds
from lab import until
from virtual_lab import WAIT_FOR_A_WORD, Virtual, virsh

MACHINES = 4
ROUNDS = 7


def made_by_us(lab):
    """Seconds from the order until all machines of a run are made; answers the run, which goes on."""
    def made():
        changes = lab.events(run, "instance_changed")
        return next((at for at, event in changes if event["state"] == "waiting_slaves"), None)

    run = lab.submit("tiny")
    end = until("the machines are made", made, 60, 0.05)
    (begin, _), = lab.events(run, "run_placed")
    return (end - begin) / 1000, run


class Reference:
    """The same machines, made by qemu-img and virsh."""

    def __init__(self, lab):
        self.lab, self.folder = lab, lab.folder / "reference"
        self.folder.mkdir(mode=0o755)
        domains = sorted(lab.ours("list", "--name"))
        assert len(domains) == MACHINES, domains
        self.network = "xrdtest-reference"
        self.machines = [self.copy(number, domain) for number, domain in enumerate(domains)]

    def copy(self, number, domain):
        """The definition of a machine, with a name, files and a network of its own."""
        text = virsh("dumpxml", "--inactive", domain)
        text = re.sub(r"<uuid>.*?</uuid>", "", text)
        text = text.replace(f"<name>{domain}</name>", f"<name>xrdtest-reference-{number}</name>")
        text = re.sub(r"<source network='[^']*'", f"<source network='{self.network}'", text)
        text = re.sub(r"<log file='[^']*'", f"<log file='{self.folder}/{number}.log'", text)
        root = self.folder / f"{number}.qcow2"
        for path in re.findall(r"<source file='([^']*)'", text):
            copy = root if path.endswith(".qcow2") else self.folder / f"{number}.drive"
            if copy != root:
                shutil.copy(path, copy)
            text = text.replace(f"'{path}'", f"'{copy}'")
        definition = self.folder / f"{number}.xml"
        definition.write_text(text)
        return definition, root

    def make(self, machine):
        definition, root = machine
        base = self.lab.volumes / "tiny.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, root], check=True)
        virsh("create", definition)

    def seconds(self):
        network = self.folder / "network.xml"
        network.write_text(f"<network><name>{self.network}</name><bridge name='virbr-ref'/>"
                           f"<ip address='192.168.{self.lab.subnet + 1}.1' netmask='255.255.255.0'/></network>")
        virsh("net-create", network)
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(MACHINES) as pool:
            list(pool.map(self.make, self.machines))
        took = time.monotonic() - begin
        for number in range(MACHINES):
            virsh("destroy", f"xrdtest-reference-{number}")
        virsh("net-destroy", self.network)
        return took


def create(arguments, bounds):
    """Four virtual machines, from the order until all run."""
    with Virtual(arguments, 160) as lab:
        lab.define(WAIT_FOR_A_WORD, machines=MACHINES)
        lab.start()
        ours, theirs, reference = [], [], None
        for round in range(ROUNDS + 1):
            took, run = made_by_us(lab)
            if reference is None:
                reference = Reference(lab)
            lab.ask("POST", f"/runs/{run}/cancel", {"reason": "it is made", "force": True})
            until("the machines are gone", lambda: not lab.instances_left(), 60)
            bare = reference.seconds()
            # The first one reads the images and has their digests made.
            if round:
                ours.append(took)
                theirs.append(bare)
        bounds.say(f"{MACHINES} machines with disks, agents and network, middle of {ROUNDS}",
                   statistics.median(ours) * 1000, "ms")
        bounds.say("qemu-img create and virsh create of the same, at once", statistics.median(theirs) * 1000, "ms")
        bounds.say("ratio", statistics.median(ours) / statistics.median(theirs), "times", most=1.25)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--images", type=pathlib.Path, required=True, help="folder of the image and the agent")
    parser.add_argument("--check", action="store_true", help="fail where a figure is beyond its bound")
    arguments = parser.parse_args()
    bounds = Bounds()
    print(create.__doc__, flush=True)
    create(arguments, bounds)
    if arguments.check and bounds.broken:
        raise SystemExit("beyond their bounds:\n  " + "\n  ".join(bounds.broken))


if __name__ == "__main__":
    main()
