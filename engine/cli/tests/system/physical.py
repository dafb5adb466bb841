#!/usr/bin/env python3
"""Machines that are nobody's instance: they join with a token, and a cluster with `external = true` uses them.

    physical.py --programs DIR

Two "physical machines" are processes with host names, process tables and mounts of their own. One is killed and started
again while it carries out a stage; one goes away for good in the next run. Needs root.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import time

from lab import Lab, until, write_suite

HOSTS = ["p1.example.org", "p2.example.org"]

CLUSTER = """
fn getCluster() {
    let cluster = Cluster("racks");
    cluster.external = true;
    cluster.addHosts([Host("p1.example.org"), Host("p2.example.org")]);
    cluster
}
"""

# The stage of case a waits for the test; its journal is on the disk of this machine, which both machines are.
SCRIPT = """#!/bin/bash
echo "begin $XRDTEST_CASE/$XRDTEST_STAGE $XRDTEST_MACHINE" >> "@journal@"
echo "I am $(hostname) in @place@"
if [ "$XRDTEST_CASE/$XRDTEST_STAGE" = a/run ]; then until [ -e "@gate@" ]; do sleep 0.05; done; fi
"""


class Machine:
    """What a machine with a slave agent is, without the machine: a tree of processes in namespaces of its own."""

    def __init__(self, lab, host):
        self.lab, self.host, self.process = lab, host, None
        self.folder = lab.folder / host
        self.folder.mkdir()
        token = subprocess.run(
            [lab.programs / "xrdtest", "token", "new", "slave", host, "--socket", lab.socket],
            check=True, capture_output=True, text=True)
        assert f"--engine 127.0.0.1:{lab.port} --join @token" in token.stderr, token.stderr
        (self.folder / "token").write_text(token.stdout)

    def start(self):
        agent = (f"{self.lab.programs / 'xrdtest-slave'} --engine 127.0.0.1:{self.lab.port} "
                 f"--state {self.folder}/state --log {self.folder}/agent.log")
        if (self.folder / "token").exists():
            agent += f" --join @{self.folder}/token"
        # Its own /etc, as the agent puts the shell functions there.
        inside = (f"hostname {self.host} && mkdir -p /run/xrdtest-etc && mount -t tmpfs none /run/xrdtest-etc && "
                  f"mkdir /run/xrdtest-etc/u /run/xrdtest-etc/w && mount -t overlay none "
                  f"-o lowerdir=/etc,upperdir=/run/xrdtest-etc/u,workdir=/run/xrdtest-etc/w /etc && exec {agent}")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
             # The first process of the tree keeps it alive when its agent is killed, as a machine does.
             f"({inside}) & echo $!; while sleep 3600; do :; done"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def agent(self):
        """The agent's process id, as seen from outside."""
        found = []
        for process in pathlib.Path("/proc").iterdir():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdigit() else []
            except OSError:
                continue
            if words[:1] and words[0].endswith(b"xrdtest-slave") and str(self.folder / "state").encode() in words:
                found.append(int(process.name))
        return found[0] if found else None

    def contacts(self):
        """How often its agents have come into contact so far, as they say themselves."""
        return (self.folder / "agent.log").read_text().count("in contact with the engine")

    def restart_agent(self):
        """kill -9 of the agent, and a new one in the same machine, as its service manager would."""
        agent = self.agent()
        command = pathlib.Path(f"/proc/{agent}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        namespace = ["nsenter", "-t", str(agent), "--mount", "--uts", "--pid"]
        starter = subprocess.Popen(
            namespace + ["sh", "-c", "echo inside; read go; exec \"$@\"", "sh", *map(os.fsdecode, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        # The machine can be entered by way of its agent only as long as that lives.
        assert starter.stdout.readline() == b"inside\n", "the machine cannot be entered"
        os.kill(agent, signal.SIGKILL)
        starter.stdin.write(b"\n")
        starter.stdin.close()
        return starter

    def gone(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    machines = []
    with Lab(args.programs, configuration="[contact]\nlost = '8s'\n") as lab:
        try:
            trial(lab, machines)
        finally:
            for machine in machines:
                machine.gone()


def trial(lab, machines):
    journal, go = lab.folder / "journal", lab.folder / "go"
    (lab.definitions / "clusters").mkdir(parents=True)
    (lab.definitions / "clusters/racks.rhai").write_text(CLUSTER)
    tags = f'ts.tags = #{{ journal: "{journal}", gate: "{go}", place: "rack 7" }};'
    write_suite(lab.definitions, "metal", "racks", ["a"], SCRIPT, tags)
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)

    run = lab.submit("metal")
    until("the machines are awaited by name", lambda: HOSTS[1] in lab.ask("GET", f"/runs/{run}")["runs"][0]["phase"])
    print(lab.ask("GET", f"/runs/{run}")["runs"][0]["phase"])
    for host in HOSTS:
        machines.append(Machine(lab, host))
        machines[-1].start()
    until("all wait in a/run", lambda: journal.exists() and journal.read_text().count("begin a/run") == 2)
    slaves = {slave["name"]: slave for slave in lab.ask("GET", "/slaves")}
    assert set(HOSTS) <= set(slaves), slaves
    before = machines[0].contacts()
    starter = machines[0].restart_agent()
    until("it is back", lambda: machines[0].contacts() > before)
    go.touch()
    lab.settle()
    record = lab.ask("GET", f"/runs/{run}")["runs"][0]
    assert record["verdict"] == "passed", record["reason"]
    assert len(record["stages"]) == 10 and all("rack 7" in stage["output"] for stage in record["stages"])
    lines = journal.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 10, "each stage ran once: " + "\n".join(lines)
    print("passed, each stage once")

    go.unlink()
    run = lab.submit("metal")
    until("all wait in a/run", lambda: journal.read_text().count("begin a/run") == 4)
    since = time.monotonic()
    starter.kill()
    machines[0].gone()
    until("it is missed", lambda: lab.events(run, "machine_late") or lab.events(run, "machine_lost"))
    took = time.monotonic() - since
    assert took < 6, f"named after {took:.1f} s"
    go.touch()
    lab.settle()
    record = lab.ask("GET", f"/runs/{run}")["runs"][0]
    assert record["verdict"] == "error" and HOSTS[0] in record["reason"], record["reason"]
    print(f"{record['verdict']}: {record['reason']}")
    away = {slave["name"]: slave["state"] for slave in lab.ask("GET", "/slaves")}
    assert away[HOSTS[0]]["constant"] == "S_NOT_CONNECTED", away
    # With its credentials it comes back without a token, and the next run has both.
    machines[0].start()
    record = lab.run("metal")
    assert record["verdict"] == "passed", record["reason"]
    print("passed again")

    # By hand as well: they are nobody else's until they are given back.
    taken = lab.ask("POST", "/instances", {"cluster": "racks"})["instance"]
    until("they work for it", lambda: lab.ask("GET", f"/instances/{taken}")["state"]["constant"] == "S_ACTIVE")
    machines = lab.ask("GET", f"/instances/{taken}")["machines"]
    assert [machine["name"] for machine in machines] == HOSTS, machines
    assert all(machine["physical"] and machine["connected"] for machine in machines), machines
    run = lab.submit("metal")
    until("a run waits for them", lambda: f"xrdtest cluster stop {taken}" in json.dumps(lab.ask("GET", "/queue")))
    lab.ask("DELETE", f"/instances/{taken}")
    lab.settle()
    record = lab.ask("GET", f"/runs/{run}")["runs"][0]
    assert record["verdict"] == "passed", record
    print("passed after a cluster by hand")


if __name__ == "__main__":
    main()
