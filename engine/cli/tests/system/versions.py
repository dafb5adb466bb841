#!/usr/bin/env python3
"""Engine and agents that are one protocol version apart finish a run, whichever is the older; without a version in
common they refuse each other in words.

    versions.py --programs DIR
"""

import argparse
import os
import pathlib
import subprocess

from lab import Lab, until, write_cluster, write_suite

SCRIPT = """#!/bin/bash
echo "$XRDTEST_STAGE on $XRDTEST_MACHINE"
"""
# What the version brought that is the newest.
NEWEST, BROUGHT = 2, "clock_ahead_ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    old = str(NEWEST - 1)
    for name, engine, agents, known in (("both are new", None, None, True), ("the agents are older", None, old, False),
                                        ("the engine is older", old, None, False)):
        with Lab(args.programs) as lab:
            passes(lab, engine, agents, known)
            fakes(lab, agents)
        print(f"{name}: a run of sandboxes and one of fakes passed")
    with Lab(args.programs) as lab:
        refused(lab)
        print("two apart: refused in words")


def speak(versions):
    """Programs that are started from now on speak these versions; None: all that they know."""
    os.environ.pop("XRDTEST_PROTOCOL", None)
    if versions:
        os.environ["XRDTEST_PROTOCOL"] = versions


def passes(lab, engine, agents, known):
    """Real agents: of hypervisor and machines."""
    subprocess.run([lab.programs / "xrdtest", "sim", "definitions", lab.definitions, "--machines", "4"], check=True,
                   stderr=subprocess.DEVNULL)
    write_cluster(lab.definitions, "two", 2, 209)
    write_suite(lab.definitions, "passes", "two", ["a"], SCRIPT)
    speak(engine)
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
    speak(agents)
    lab.hypervisor = lab.join("hypervisor", "lab")
    until("the hypervisor agent is in contact", lambda: lab.status()["hypervisors"] == 1)
    record = lab.run("passes")
    assert record["verdict"] == "passed", record["reason"]
    hypervisor = lab.ask("GET", "/hypervisors/lab")
    # Both come with the same message, which the older version has as well.
    assert hypervisor["load"], hypervisor
    assert (BROUGHT in hypervisor) == known, hypervisor


def fakes(lab, agents):
    """Slave agents of that version too, which in sandboxes are as their hypervisor agent's machine has them."""
    lab.hypervisor.terminate()
    lab.hypervisor.wait(30)
    speak(agents)
    with open(lab.folder / "sim.log", "ab") as log:
        fleet = subprocess.Popen([lab.programs / "xrdtest", "sim", "--socket", lab.socket], stdout=log, stderr=log)
    until("the fleet is in contact", lambda: lab.status()["hypervisors"] == 1)
    record = lab.run("sim")
    assert record["verdict"] == "passed", record["reason"]
    fleet.terminate()
    fleet.wait(30)


def refused(lab):
    lab.definitions.mkdir()
    speak(f"{NEWEST + 1}-{NEWEST + 2}")
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
    speak(None)
    lab.hypervisor = lab.join("hypervisor", "lab")
    words = f"it speaks protocol versions 1 to {NEWEST}, this engine {NEWEST + 1} to {NEWEST + 2}; install agent and"
    log = lab.folder / "hypervisor.log"
    until("it is refused in words", lambda: log.exists() and words in log.read_text(), 30)
    assert lab.status()["hypervisors"] == 0


if __name__ == "__main__":
    main()
