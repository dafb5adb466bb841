#!/usr/bin/env python3
"""Does to running machines, agents and disks what the world does to them, and looks how the run ends.

    faults.py --programs DIR [NAME...]

Each fault has an engine, a hypervisor agent and three sandbox machines of its own; without names all are tried. After
each the checker of `check.py` holds the store against what the scripts themselves wrote down. Needs root.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from lab import Lab, until, write_cluster, write_suite

HERE = pathlib.Path(__file__).resolve().parent
MACHINES = ["m1.xrd.test", "m2.xrd.test", "m3.xrd.test"]
VICTIM = "m2.xrd.test"
# A machine is late after 5 s, whatever happens; here it is lost sooner than the usual 30 s after that.
PATIENCE = "[contact]\nlost = '9s'\n"

# In case a each machine waits in `run` until the test says `go`.
SCRIPT = """#!/bin/bash
stage="$XRDTEST_CASE/$XRDTEST_STAGE"
journal="/mnt/lab/$XRDTEST_RUN.$XRDTEST_MACHINE"
echo "begin $stage $(date +%s%N)" >> "$journal"
text="$stage on $XRDTEST_MACHINE"
printf '%s' "$text"
if [ "$stage" = a/run ]; then
    until [ -e /mnt/lab/go ]; do sleep 0.05; done
fi
digest=$(printf '%s' "$text" | sha256sum | cut -d' ' -f1)
echo "end $stage $(date +%s%N) ${#text} $digest 0" >> "$journal"
"""


class Trial:
    """A run in the middle of its stage `a/run`."""

    def __init__(self, lab):
        self.lab = lab
        write_cluster(lab.definitions, "three", len(MACHINES), 202)
        write_suite(lab.definitions, "faults", "three", ["a", "b"], SCRIPT)
        lab.start()
        self.run = lab.submit("faults")
        until("all machines wait in a/run", lambda: all(
            "begin a/run" in self.journal(host) for host in MACHINES))
        # And the engine knows it, so that what follows hits a stage in its middle.
        until("all have accepted", lambda: len(self.processes("supervise")) == len(MACHINES))
        (self.instance,), = lab.query("select id from instances where run = ?", self.run)

    def journal(self, host):
        path = self.lab.shared / f"{self.run}.{host}"
        return path.read_text() if path.exists() else ""

    def processes(self, role, host=None):
        """Process ids of machines of this run: their `init`, their `agent`, or the supervisors (`supervise`)."""
        (instance,), = self.lab.query("select id from instances where run = ?", self.run)
        return [pid for of_it, pid in self.lab.slaves(instance, host or "") if of_it == role]

    def process(self, role, host=VICTIM):
        found = self.processes(role, host)
        assert len(found) == 1, f"{role} on {host}: {found}"
        return found[0]

    def in_network(self, *command, text=None):
        """Runs a command in the victim's network."""
        subprocess.run(
            ["nsenter", "-t", str(self.process("init")), "-n", *command], input=text, text=True, check=True)

    def says(self, kind, host=VICTIM):
        return [event for _, event in self.lab.events(self.run, kind) if event["machine"]["host"] == host]

    def named(self, since, *kinds):
        """Waits until the machine is named; answers how long that took."""
        until(f"{VICTIM} is named", lambda: any(self.says(kind) for kind in kinds))
        took = time.monotonic() - since
        assert took < 6, f"{VICTIM} was named only after {took:.1f} s"
        print(f"  named after {took:.2f} s", flush=True)

    def go_on(self):
        (self.lab.shared / "go").touch()

    def ends(self, verdict, **outcomes):
        """Waits for the run's end. `outcomes`: of stages on the victim; all others must have passed."""
        self.lab.settle()
        record = self.lab.ask("GET", f"/runs/{self.run}")["runs"][0]
        assert record["verdict"] == verdict, f"{record['verdict']}: {record['reason']}"
        print(f"  {record['verdict']}: {record['reason']}", flush=True)
        for stage in record["stages"]:
            name = f"{stage['case'] or 'suite'}_{stage['stage']}"
            if stage["machine"] == VICTIM and name in outcomes:
                assert stage["outcome"] == outcomes[name], f"{name}: {stage}"
            else:
                assert stage["outcome"] == "passed", f"{name}: {stage}"
        self.check()
        return record

    def check(self):
        checker = [sys.executable, HERE / "check.py", self.lab.state, self.lab.shared, self.run]
        if subprocess.run(checker).returncode:
            raise SystemExit("the checker found faults")


LOST = {"a_run": "lost"}


def machine_dies(trial):
    since = time.monotonic()
    os.kill(trial.process("init"), signal.SIGKILL)
    trial.named(since, "machine_lost")
    trial.go_on()
    record = trial.ends("error", **LOST)
    assert VICTIM in record["reason"]
    # Its case was finalized on the others, then the suite; the other case was not begun.
    stages = {(stage["case"], stage["stage"], stage["machine"]) for stage in record["stages"]}
    assert ("a", "finalize", "m1.xrd.test") in stages and (None, "finalize", "m3.xrd.test") in stages
    assert not any(case == "b" for case, _, _ in stages), stages


def agent_is_killed(trial):
    os.kill(trial.process("agent"), signal.SIGKILL)
    trial.go_on()
    trial.ends("passed")
    assert not trial.says("machine_lost")


def agent_stops_for_a_while(trial):
    since = time.monotonic()
    agent = trial.process("agent")
    os.kill(agent, signal.SIGSTOP)
    trial.named(since, "machine_late", "machine_away")
    until("it is late", lambda: trial.says("machine_late"))
    os.kill(agent, signal.SIGCONT)
    trial.go_on()
    trial.ends("passed")
    assert trial.says("machine_back")


def agent_stops_for_good(trial):
    since = time.monotonic()
    os.kill(trial.process("agent"), signal.SIGSTOP)
    trial.named(since, "machine_late", "machine_away")
    until("it is lost", lambda: trial.says("machine_lost"))
    trial.go_on()
    trial.ends("error", **LOST)


def supervisor_is_killed(trial):
    os.kill(trial.process("supervise"), signal.SIGKILL)
    trial.go_on()
    record = trial.ends("error", **LOST)
    lost = next(stage for stage in record["stages"] if stage["outcome"] == "lost")
    assert "supervisor" in lost["reason"], lost


def supervisor_stops_for_a_while(trial):
    supervisor = trial.process("supervise")
    os.kill(supervisor, signal.SIGSTOP)
    trial.go_on()
    until("the others are ready", lambda: "end a/run" in trial.journal("m1.xrd.test"))
    os.kill(supervisor, signal.SIGCONT)
    trial.ends("passed")


def cut(trial, hook):
    trial.in_network("nft", "-f", "-", text=f"""
        table inet cut {{
            chain everything {{
                type filter hook {hook} priority 0
                meta l4proto udp drop
            }}
        }}
    """)


def link_is_cut(trial, hook):
    since = time.monotonic()
    cut(trial, hook)
    trial.named(since, "machine_late", "machine_away")
    until("it is late", lambda: trial.says("machine_late"))
    trial.in_network("nft", "delete", "table", "inet", "cut")
    trial.go_on()
    trial.ends("passed")


def nothing_leaves_the_machine(trial):
    link_is_cut(trial, "output")


def nothing_reaches_the_machine(trial):
    link_is_cut(trial, "input")


def link_is_cut_for_good(trial):
    cut(trial, "output")
    until("it is lost", lambda: trial.says("machine_lost"))
    trial.go_on()
    trial.ends("error", **LOST)


def address_changes(trial):
    trial.in_network("sh", "-c", """set -e
        device=$(ip -o -4 addr show scope global | awk '{ print $2; exit }')
        ip addr flush dev "$device" scope global
        ip addr add 192.168.202.99/24 dev "$device"
        ip route replace default via 192.168.202.1 || true
    """)
    trial.go_on()
    trial.ends("passed")
    assert not trial.says("machine_lost")


def hypervisor_agent_is_killed(trial):
    """Sandboxes end with their agent: every machine is gone, and the agent says so when it is back."""
    since = time.monotonic()
    trial.lab.hypervisor.kill()
    trial.lab.hypervisor.wait()
    trial.named(since, "machine_lost", "machine_late", "machine_away")
    trial.lab.hypervisor = trial.lab.spawn("hypervisor")
    trial.lab.settle()
    record = trial.lab.ask("GET", f"/runs/{trial.run}")["runs"][0]
    assert record["verdict"] == "error", record
    print(f"  {record['verdict']}: {record['reason']}", flush=True)
    trial.check()
    trial.go_on()
    assert trial.lab.run("faults")["verdict"] == "passed", "the next run gets new machines"


def hypervisor_agent_stops_for_a_while(trial):
    trial.lab.hypervisor.send_signal(signal.SIGSTOP)
    until("its machines are late", lambda: all(trial.says("machine_late", host) for host in MACHINES))
    trial.lab.hypervisor.send_signal(signal.SIGCONT)
    trial.go_on()
    trial.ends("passed")


def engine_disk_is_full(trial):
    lab = trial.lab
    fill(lab.state)
    trial.go_on()
    code = lab.engine.wait(60)
    log = (lab.folder / "engine.log").read_text()
    assert code == 2 and "full" in log, f"exit code {code}: {log[-2000:]}"
    print(f"  {[line for line in log.splitlines() if 'full' in line][-1].strip()}", flush=True)
    (lab.state / "filler").unlink()
    lab.start_engine()
    trial.ends("passed")


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * size)


def machine_disk_is_full(trial):
    """Scripts go on; what can't be kept is said, with its reason, and marked."""
    fill(trial.lab.sandbox)
    trial.go_on()
    trial.lab.settle()
    record = trial.lab.ask("GET", f"/runs/{trial.run}")["runs"][0]
    print(f"  {record['verdict']}: {record['reason']}", flush=True)
    words = " ".join(str(stage["reason"]) for stage in record["stages"])
    assert "No space left on device" in words, words
    trial.check()


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "xrdtest-faults", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


ALL = [
    machine_dies, agent_is_killed, agent_stops_for_a_while, agent_stops_for_good, supervisor_is_killed,
    supervisor_stops_for_a_while, nothing_leaves_the_machine, nothing_reaches_the_machine, link_is_cut_for_good,
    address_changes, hypervisor_agent_is_killed, hypervisor_agent_stops_for_a_while, engine_disk_is_full,
    machine_disk_is_full,
]


def attempt(fault, programs):
    print(fault.__name__.replace("_", " "), flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="xrdtest-faults-"))
    with contextlib.ExitStack() as stack:
        lab = Lab(programs, folder, PATIENCE)
        disk = {engine_disk_is_full: (lab.state, "24M"), machine_disk_is_full: (lab.sandbox, "64M")}.get(fault)
        if disk:
            stack.enter_context(small_disk(*disk))
        fault(Trial(stack.enter_context(lab)))
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(fault.__name__ for fault in ALL))
    args = parser.parse_args()
    known = {fault.__name__: fault for fault in ALL}
    for name in args.names or known:
        attempt(known[name], args.programs)


if __name__ == "__main__":
    main()
