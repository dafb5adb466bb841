#!/usr/bin/env python3
"""Measures an engine with its agents, each figure beside a reference taken in the same minute.

    bench.py --programs DIR [--hold TIME] [--check] [NAME...]

Without names all of them: lockstep, upload, barrier, hold, check, change, dashboard. With --check a figure beyond its
bound fails. Use programs of a release build; `dashboard` needs `examples/history` beside them. Needs root.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from bench_dashboard import dashboard
from lab import Lab, memory_of, until, write_cluster, write_suite

TRUE = "#!/bin/sh\ntrue\n"


class Bounds:
    """Figures and what they may be at most (or at least)."""

    def __init__(self):
        self.broken = []

    def say(self, words, figure, unit, most=None, least=None):
        bound = f" (bound: at most {most:g} {unit})" if most is not None else ""
        bound = f" (bound: at least {least:g} {unit})" if least is not None else bound
        print(f"  {words}: {figure:.4g} {unit}{bound}", flush=True)
        if (most is not None and figure > most) or (least is not None and figure < least):
            self.broken.append(f"{words}: {figure:.4g} {unit}{bound}")


def bare_rounds(machines, rounds):
    """Seconds that fork and exec of `sh -c true` takes, `machines` at once, `rounds` times."""
    begin = time.monotonic()
    for _ in range(rounds):
        for process in [subprocess.Popen(["/bin/sh", "-c", "true"]) for _ in range(machines)]:
            process.wait()
    return time.monotonic() - begin


def synced_append(folder, times=11):
    """Seconds that so many small synced appends to one file take: a barrier has to be durable."""
    begin = time.monotonic()
    with open(folder / "reference", "wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
    return time.monotonic() - begin


def lock_step(lab, run):
    """Seconds from the first order to the last outcome of a run."""
    begin = min(at for at, _ in lab.events(run, "stage_started"))
    end = max(at for at, _ in lab.events(run, "stage_finished"))
    return (end - begin) / 1000


def lockstep(args, bounds):
    """11 lock-step stages of `true` on 8 standing sandbox machines."""
    with Lab(args.programs) as lab:
        write_cluster(lab.definitions, "eight", 8, 203)
        write_suite(lab.definitions, "lockstep", "eight", ["a", "b", "c"], TRUE)
        lab.start()
        ours, bare, synced = [], [], []
        for _ in range(9):
            record = lab.run("lockstep")
            assert record["verdict"] == "passed" and len(record["stages"]) == 88, record["reason"]
            ours.append(lock_step(lab, record["id"]))
            bare.append(bare_rounds(8, 11))
            synced.append(synced_append(lab.folder))
        machine = statistics.median(ours)
        bounds.say("11 stages on 8 machines, middle of 9", machine * 1000, "ms")
        bounds.say("fork+exec of `sh -c true`, 8 at once, 11 rounds", statistics.median(bare) * 1000, "ms")
        bounds.say("11 synced appends of 4 KiB", statistics.median(synced) * 1000, "ms")
        bounds.say("ratio to fork+exec", machine / statistics.median(bare), "times", most=4)


WRITER = """#!/bin/sh
[ "$XRDTEST_STAGE" = run ] || exit 0
exec head -c 67108864 /dev/zero
"""


def upload(args, bounds):
    """Four machines that write 64 MiB each at once."""
    with Lab(args.programs) as lab:
        write_cluster(lab.definitions, "four", 4, 204)
        write_suite(lab.definitions, "upload", "four", ["a"], WRITER)
        lab.start()
        rates, peak = [], {"engine": 0.0, "agent": 0.0, "supervise": 0.0, "init": 0.0}
        for _ in range(3):
            idle = memory_of(lab.engine.pid)
            run = lab.submit("upload")
            while lab.unfinished():
                peak["engine"] = max(peak["engine"], memory_of(lab.engine.pid) - idle)
                for (instance,) in lab.query("select id from instances where state <> 'stopped'"):
                    for role, pid in lab.slaves(instance):
                        peak[role] = max(peak[role], memory_of(pid))
                time.sleep(0.02)
            lab.settle()
            record = lab.ask("GET", f"/runs/{run}")["runs"][0]
            assert record["verdict"] == "passed", record["reason"]
            sizes = [stage["output_length"] for stage in record["stages"] if stage["stage"] == "run"]
            assert sizes == [64 << 20] * 4, sizes
            folder = lab.state / "runs" / run
            assert sum(file.stat().st_size for file in folder.rglob("*.log")) >= 256 << 20
            begin = [at for at, event in lab.events(run, "stage_started") if event["stage"]["kind"] == "run"][0]
            end = max(at for at, event in lab.events(run, "stage_finished")
                      if event["result"]["stage"]["kind"] == "run")
            rates.append(256 * 1.048576 / ((end - begin) / 1000))
        bounds.say("output of 4 machines, 64 MiB each, into the store", statistics.median(rates), "MB/s", least=100)
        bounds.say("the engine's memory grew meanwhile by at most", peak["engine"], "MiB", most=64)
        bounds.say("memory of a slave agent at most", peak["agent"], "MiB", most=24)
        bounds.say("memory of a supervisor at most", peak["supervise"], "MiB", most=24)


class Fleet:
    """`xrdtest sim` against an engine."""

    def __init__(self, lab, machines, cases, *behaviours):
        self.lab = lab
        subprocess.run([lab.programs / "xrdtest", "sim", "definitions", lab.definitions, "--machines", str(machines),
                        "--cases", str(cases)], check=True, stderr=subprocess.DEVNULL)
        lab.start_engine()
        until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
        command = [lab.programs / "xrdtest", "sim", "--socket", lab.socket, "--format", "json"]
        for behaviour in behaviours:
            command += ["--behaviour", behaviour]
        log = open(lab.folder / "sim.log", "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        until("the fleet is in contact", lambda: lab.status()["hypervisors"] == 1)

    def stop(self):
        self.process.terminate()
        seen = json.loads(self.process.communicate(timeout=60)[0])
        assert self.process.returncode == 0
        return seen


def barrier(args, bounds):
    """A barrier of 250 fakes: from the order until the outcomes of all are durable and the next order is out."""
    with Lab(args.programs) as lab:
        fleet = Fleet(lab, 250, 40)
        bounds.say("the engine's memory, idle", memory_of(lab.engine.pid), "MiB", most=60)
        times, synced = [], []
        for _ in range(3):
            run = lab.submit("sim")
            until("the run is over", lambda: not lab.unfinished(), 300, every=0.5)
            record = lab.ask("GET", f"/runs/{run}")["runs"][0]
            assert record["verdict"] == "passed", record["reason"]
            starts = sorted(at for at, _ in lab.events(run, "stage_started"))
            times += [later - earlier for earlier, later in zip(starts, starts[1:])]
            synced.append(synced_append(lab.folder, 100) * 10)
        times.sort()
        bounds.say(f"barrier of 250 fakes, {len(times)} times, middle", statistics.median(times), "ms")
        bounds.say("99 of 100", times[int(len(times) * 0.99)], "ms", most=20)
        bounds.say("a synced append of 4 KiB", statistics.median(synced), "ms")
        bounds.say("the engine's memory with them", memory_of(lab.engine.pid), "MiB", most=300)
        fleet.stop()


def hold(args, bounds):
    """500 fakes that drop their connections now and then, held in one stage."""
    seconds = args.hold
    with Lab(args.programs, configuration="[limits]\nrun = '1d'\nstage = '1d'\n") as lab:
        fleet = Fleet(lab, 500, 1, "*=flapping:60s", f"*@0-run=slow:{seconds}s")
        run = lab.submit("sim")
        until("all are in contact", lambda: lab.status()["slaves"] == 500, 120)
        peak, end = 0.0, time.monotonic() + seconds
        while lab.unfinished():
            peak = max(peak, memory_of(lab.engine.pid))
            assert time.monotonic() < end + 120, "the run does not end"
            time.sleep(1)
        record = lab.ask("GET", f"/runs/{run}")["runs"][0]
        outcomes = {stage["outcome"] for stage in record["stages"]}
        seen = fleet.stop()
        bounds.say(f"500 fakes held for {seconds} s; reconnects meanwhile", seen["reconnects"], "")
        bounds.say("machines lost", len(lab.events(run, "machine_lost")), "", most=0)
        bounds.say("stages that did not pass", len(outcomes - {"passed"}), "", most=0)
        bounds.say("the engine's memory at most", peak, "MiB", most=300)
        assert record["verdict"] == "passed", record["reason"]


CLUSTER = """fn getCluster() {
    let cluster = Cluster("cluster_NUMBER");
    let net = cluster.network;
    net.ip = "10.0.NUMBER.1";
    net.netmask = "255.255.255.0";
    net.DHCPRange = ["10.0.NUMBER.2", "10.0.NUMBER.254"];
    let hosts = [];
    for i in 1..=8 {
        hosts.push(Host(`ds${i}.xrd.test`, `10.0.NUMBER.${i + 10}`, #{ disks: [Disk("disk1", "20G")] }));
    }
    net.addHosts(hosts);
    cluster.addHosts(hosts);
    cluster
}
"""

SUITE = """fn getTestSuite() {
    let ts = TestSuite("ts_NUMBER");
    ts.clusters = ["cluster_CLUSTER"];
    ts.machines = ["ds1", "ds2"];
    ts.schedule = #{ hour: "1", minute: "*/5" };
    ts.tags = #{ base: "bNUMBER" };
    ts.tests = ["one"];
    ts.initialize = "file://suite_init.sh";
    ts
}
"""

STAGE = """#!/bin/bash
set -eu
source /etc/XrdTest/utils/functions.sh

stamp # STAGE
if [[ @slavename@ == ds1* ]]; then
    curl -sSfO "@proto@://master.xrd.test:@port@/downloadScript/clusters/cluster_0.rhai"
    for file in a b c; do
        xrdcp -f "$file" root://ds1/data/@base@/"$file" || exit 1
    done
fi
log "done $(date +%s)"
"""


def large_repository(folder):
    """1,000 suites of three scripts on 100 clusters."""
    files = {}
    for number in range(100):
        files[f"clusters/cluster_{number}.rhai"] = CLUSTER.replace("NUMBER", str(number))
    for number in range(1000):
        suite = f"suites/ts_{number}"
        text = SUITE.replace("NUMBER", str(number)).replace("CLUSTER", str(number % 100))
        files[f"{suite}/ts_{number}.rhai"] = text
        for script in ("suite_init.sh", "tc/one/run.sh", "tc/one/finalize.sh"):
            files[f"{suite}/{script}"] = STAGE.replace("STAGE", script)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(files)


def check(args, bounds):
    """`xrdtest check` on 1,000 suites, 3,000 scripts and 100 clusters, on two processors."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = large_repository(folder)
        walls, users, reads = [], [], []
        for _ in range(10):
            begin = time.monotonic()
            for file in files:
                (folder / file).read_bytes()
            reads.append(time.monotonic() - begin)
            command = [args.programs / "xrdtest", "check", "--deny", "warnings", folder]
            two = set(sorted(os.sched_getaffinity(0))[:2])
            begin = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       preexec_fn=lambda: os.sched_setaffinity(0, two))
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            walls.append(time.monotonic() - begin)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0 and not said, said
            users.append(usage.ru_utime)
            memory = usage.ru_maxrss / 1024
        bounds.say("best of 10, by the wall clock", min(walls), "s", most=0.5)
        bounds.say("user time, best of 10", min(users), "s")
        bounds.say("memory", memory, "MiB", most=200)
        bounds.say("reading the same files in Python, best of 10", min(reads), "s")


def change(args, bounds):
    """One file of 1,000 suites with 3,000 scripts and 100 clusters is changed: when the engine has the new catalogue."""
    with Lab(args.programs) as lab:
        for number in range(100):
            write_cluster(lab.definitions, f"c{number}", 4, number)
        for number in range(1000):
            # Two scripts of a case and two of the suite.
            write_suite(lab.definitions, f"s{number}", f"c{number % 100}", ["a"], TRUE, kinds=("init", "run"))
        begin = time.monotonic()
        lab.start_engine()
        until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
        bounds.say("start with all of them", (time.monotonic() - begin) * 1000, "ms")
        generation = lambda: lab.ask("GET", "/repositories") and lab.ask("GET", "/definitions")["generation"]  # noqa: E731
        times = []
        for number in range(9):
            before = generation()
            file = lab.definitions / f"suites/s{number * 100}/s{number * 100}.rhai"
            new = file.with_name(".new")
            new.write_text(file.read_text() + f"// {number}\n")
            begin = time.monotonic()
            new.rename(file)
            until("the catalogue is new", lambda: lab.ask("GET", "/definitions")["generation"] > before, 20, every=0.005)
            times.append((time.monotonic() - begin) * 1000)
        bounds.say("from the change to the new catalogue, middle of 9", statistics.median(times), "ms", most=300)
        bounds.say("the longest", max(times), "ms")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


ALL = {measure.__name__: measure for measure in (lockstep, upload, barrier, hold, check, change, dashboard)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--hold", type=seconds, default="1m", help="how long `hold` holds (1m)")
    parser.add_argument("--history", type=int, default=100_000, help="runs behind the dashboard (100000)")
    parser.add_argument("--check", action="store_true", help="fail where a figure is beyond its bound")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    args = parser.parse_args()
    bounds = Bounds()
    for name in args.names or ALL:
        print(ALL[name].__doc__.split("\n", 1)[0], flush=True)
        ALL[name](args, bounds)
    if args.check and bounds.broken:
        raise SystemExit("beyond their bounds:\n  " + "\n  ".join(bounds.broken))


if __name__ == "__main__":
    main()
