#!/usr/bin/env python3
"""The commands of a running engine, as a user types them, with what they print and their exit codes.

    client.py --programs DIR
"""

import argparse
import json
import pathlib
import subprocess

from lab import Lab, until, write_cluster, write_suite

SCRIPT = """#!/bin/bash
echo "$XRDTEST_CASE/$XRDTEST_STAGE on $XRDTEST_MACHINE"
if [ "$XRDTEST_SUITE$XRDTEST_STAGE" = waitsrun ]; then until [ -e /mnt/lab/go ]; do sleep 0.05; done; fi
[ "$XRDTEST_SUITE$XRDTEST_STAGE$XRDTEST_MACHINE" != failsrunm2.xrd.test ]
"""

NOTES = """#!/bin/bash
source /etc/XrdTest/utils/functions.sh
if [ "$XRDTEST_STAGE" = run ]; then
    echo "kept on $XRDTEST_MACHINE" > kept.txt
    artifact kept.txt
    rm kept.txt
    echo "log of $XRDTEST_MACHINE" > /tmp/noted.log
    role m1 && metric copy.rate 81.5 MB/s
fi
"""


TAGGED = """#!/bin/bash
echo "it is @color@"
[ "$XRDTEST_CASE$XRDTEST_STAGE" != arun ]
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    with Lab(args.programs) as lab:
        write_cluster(lab.definitions, "two", 2, 205)
        write_cluster(lab.definitions, "other", 2, 206)
        write_cluster(lab.definitions, "huge", 2, 207)
        huge = lab.definitions / "clusters/huge.rhai"
        huge.write_text(huge.read_text().replace("256M", "100000G"))
        for suite in ("passes", "fails", "waits"):
            write_suite(lab.definitions, suite, "two", ["a"], SCRIPT)
        write_suite(lab.definitions, "notes", "two", ["a"], NOTES, 'ts.logs = ["/tmp/noted.log"];')
        write_suite(lab.definitions, "tagged", "two", ["a", "b"], TAGGED, 'ts.tags = #{ color: "red" };')
        (lab.definitions / "suites/broken.rhai").write_text('fn getTestSuite() { let ts = TestSuite("broken"); ts.x = 1; ts }')
        trial(lab)


class Asked:
    def __init__(self, lab, *words):
        command = [lab.programs / "xrdtest", *words, "--socket", lab.socket]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        self.words, self.code, self.data, self.talk = words, done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f"xrdtest {' '.join(self.words)}: exit code {self.code}\n{self.data}{self.talk}"

    def must(self, code, *words):
        assert self.code == code, str(self)
        for word in words:
            assert word in self.data + self.talk, f"`{word}` is missing in {self}"
        return self


def trial(lab):
    def ask(*words):
        return Asked(lab, *words)

    ask("suites").must(2, "no engine listens on")
    lab.start()
    ask("suites").must(0, "passes", "Test suite definition complete", "broken")
    ask("clusters").must(0, "two", "2 hosts", "Cluster defined correctly")
    ask("hypervisors").must(0, "lab", "Connected", "sandbox")
    ask("queue").must(0, "")
    ask("run", "broken").must(2, "XT0010", "broken.rhai")
    ask("run", "nothing").must(2, "nothing")
    ask("run", "passes", "--reason", "a test").must(0, "passes passed after")
    ask("run", "fails").must(1, "fails failed after", "m2.xrd.test", "exit code 1")
    ask("runs").must(0, "passes", "fails", "passed", "failed")
    ask("runs", "--verdict", "failed").must(0, "fails")
    ask("show", "latest").must(1, "fails failed", "a / run")
    document = json.loads(ask("show", "passes/latest", "--format", "json").must(0).data)
    assert document["schema"] == "xrdtest.run/1" and document["runs"][0]["verdict"] == "passed", document
    ask("logs", "passes/latest", "--machine", "m1").must(0, "a/run on m1.xrd.test")
    noted(lab, ask)
    ask("suites", "passes").must(0, "Test case run finished on a slave", "passed")

    run = ask("run", "waits", "--no-wait").must(0).data.split()[0]
    until("it runs", lambda: lab.query(
        "select 1 from events where run = ? and body ->> 'event' = 'stage_started' and body ->> '$.stage.kind' = 'run'", run)
        or "a / run" in lab.ask("GET", f"/runs/{run}")["runs"][0]["phase"])
    ask("slaves").must(0, f"{run}.0/m1.xrd.test")
    ask("slaves", f"{run}.0/m1.xrd.test").must(0, "Sent test case run to slave")
    ask("clusters", "two").must(0, "Cluster active")
    follower = subprocess.Popen(
        [lab.programs / "xrdtest", "logs", "-f", run, "--socket", lab.socket], stdout=subprocess.PIPE, text=True)
    ask("cancel", run, "--reason", "seen enough").must(0)
    lab.settle()
    text, _ = follower.communicate(timeout=60)
    assert "a/run on m1.xrd.test" in text and "a/finalize on m2.xrd.test" in text, text
    ask("show", run).must(130, "cancelled", "seen enough")
    ask("logs", run, "--console", "m1.xrd.test").must(2, "has no console of m1.xrd.test", "of virtual machines")

    token = ask("token", "new", "slave", "node.example.org", "--valid", "2h").must(0, "--join @token").data.strip()
    assert len(token) > 40, token
    listed = json.loads(ask("token", "list", "--format", "json").must(0).data)
    mine = [entry for entry in listed if entry["identity"] == "slave/node.example.org"]
    assert len(mine) == 1 and token not in json.dumps(listed), listed
    ask("token", "revoke", mine[0]["id"]).must(0, "is void")
    ask("runs", "pin", "passes/latest").must(0)
    ask("runs", "archive", "fails/latest").must(0, ".tar.zst")
    ask("runs", "archive", "--older-than", "1s").must(0)
    pinned = json.loads(ask("runs", "--suite", "passes", "--format", "json").must(0).data)
    assert "archive" in json.dumps(pinned) and not any(run.get("archive") for run in runs_of(pinned)), pinned
    ask("logs", "passes/latest", "--machine", "m1").must(0, "a/run on m1.xrd.test")
    by_hand(lab, ask)
    kept(lab, ask)
    again(lab, ask)
    held(lab, ask)


def noted(lab, ask):
    """What scripts keep and state, when their machines are gone."""
    ask("run", "notes").must(0, "notes passed after")
    lab.settle()
    ask("show", "notes/latest").must(0, "copy.rate 81.5 MB/s  m1, a / run", "kept.txt", "m2, a / run", "artifacts/")
    stages = json.loads(ask("show", "notes/latest", "--format", "json").must(0).data)["runs"][0]["stages"]
    metrics = [metric for stage in stages for metric in stage.get("metrics", [])]
    assert metrics == [{"name": "copy.rate", "value": 81.5, "unit": "MB/s"}], metrics
    assert len([file for stage in stages for file in stage.get("artifacts", [])]) == 2, stages
    ask("logs", "notes/latest", "--artifact", "kept.txt").must(2, "several artifacts", "--machine m1 --stage 03-a-run")
    kept = ask("logs", "notes/latest", "--artifact", "kept.txt", "--machine", "m2", "--stage", "a").must(0)
    assert kept.data == "kept on m2.xrd.test\n", str(kept)
    ask("logs", "notes/latest", "--artifact", "other.txt").must(2, "no such artifact `other.txt`", "kept.txt")
    # A collected log is found by the same words, and what is named in part is told in full.
    kept = ask("logs", "notes/latest", "--artifact", "noted.log", "--machine", "m1", "--stage", "a-run").must(0)
    assert kept.data == "log of m1.xrd.test\n", str(kept)
    near = ask("logs", "notes/latest", "--artifact", "noted").must(2, "/tmp/noted.log --machine m2 --stage 03-a-run")
    assert "kept.txt" not in str(near), str(near)
    ask("logs", "passes/latest", "--artifact", "kept.txt").must(2, "the run has no artifacts")
    ask("runs", "archive", "notes/latest").must(0, ".tar.zst")
    ask("logs", "notes/latest", "--artifact", "kept.txt", "--machine", "m1").must(2, "was removed", ".tar.zst")


def by_hand(lab, ask):
    """Clusters without a run, from start to end; an engine that is killed forgets none of them."""
    ask("cluster", "list").must(0, "no instance exists")
    ask("cluster", "start", "tow").must(2, "there is no cluster `tow`", "did you mean `two`?")
    ask("cluster", "start", "passes").must(2, "it is a suite, on `two`")
    ask("cluster", "start", "huge").must(2, "can't be started now: lab is too small", "do not wait in the queue")
    ask("cluster", "start", "two", "--hypervisor", "big").must(
        2, "asks for hypervisor `big`, and no connected one has that name or label")
    started = ask("cluster", "start", "two", "--hypervisor", "lab").must(
        0, "Waiting for slaves to connect", "m1.xrd.test: Connected", "Cluster active", "xrdtest cluster stop")
    one = started.data.strip()
    assert one in ask("cluster", "list").must(0, "Cluster active", "by hand, root", "in ").data
    ask("cluster", "show", "two").must(0, one, "m2.xrd.test", "Connected", "Waiting for slaves to connect", "ends")
    ask("slaves", f"{one}/m1.xrd.test").must(0, "Connected")
    log = json.loads(ask("cluster", "show", one, "--format", "json").must(0).data)["history"]
    words = [entry["state"]["constant"] for entry in reversed(log)]
    assert words[0] == "S_DEFINITION_SENT" and words[-2:] == ["S_WAITING_SLAVES", "S_ACTIVE"], words
    # A run takes a fresh instance, here beside the other; a machine by hand has the files of the repository.
    ask("run", "passes").must(0)
    (lab.definitions / "clusters/x.cf").write_text("for machines\n")
    root = f"/run/xrdtest-sandbox/{one}/runc"
    machine = subprocess.run(["runc", "--root", root, "list", "-q"], capture_output=True, text=True, check=True).stdout
    fetch = ["runc", "--root", root, "exec", machine.split()[0], "curl", "-sSf",
             "http://master.xrd.test:8080/downloadScript/clusters/x.cf"]
    assert subprocess.run(fetch, capture_output=True, text=True, check=True).stdout == "for machines\n"

    lab.kill_engine()
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
    until("agents are back", lambda: (lab.status()["slaves"], lab.status()["hypervisors"]) == (2, 1))
    ask("cluster", "show", "two").must(0, "Cluster active")

    two = ask("cluster", "start", "two", "--no-wait", "--for", "1h").must(0).data.strip()
    ask("cluster", "stop", "two").must(2, "is several instances; say which", one, two)
    ask("cluster", "stop", two).must(0, "Cluster stopped", f"{two} is stopped, nothing is left of it")
    ask("cluster", "stop", "two", "--no-wait").must(0, f"{one} is being stopped")
    lab.settle()
    ask("cluster", "stop", "two").must(2, "there is no instance `two` now")
    ask("clusters", "two").must(0, "stopped by root", "Cluster stopped")
    # Its time is over before it is up, so it is none that could be started.
    short = ask("cluster", "start", "two", "--for", "1ms").must(2, "its time is over", "nothing is left of")
    assert not short.data, str(short)
    run = ask("run", "waits", "--no-wait").must(0).data.split()[0]
    until("it has a place", lambda: lab.ask("GET", "/instances"))
    ask("cluster", "stop", f"{run}.0").must(2, f"belongs to run {run}", f"xrdtest cancel {run}")
    ask("cluster", "stop", "two").must(2, "has no instance without a run", f"{run}.0")
    ask("cancel", run, "--force").must(0)
    lab.settle()


def kept(lab, ask):
    """What a run that does not pass leaves, where that was asked for."""
    ask("run", "passes", "--keep-on-failure").must(0)
    lab.settle()
    failed = ask("run", "fails", "--keep-on-failure").must(1, "kept until", "xrdtest cluster stop")
    run = lab.runs()[-1]
    ask("cluster", "list").must(0, f"{run}.0", f"kept after run {run} failed")
    ask("cluster", "show", "two").must(0, "is kept until", "m1.xrd.test", "Connected")
    assert failed.data.count("\n") and f"{run}.0" not in failed.data, str(failed)
    document = json.loads(ask("run", "fails", "--keep-on-failure", "--format", "json").must(1, "kept until").data)
    assert document["runs"][0]["verdict"] == "failed", document
    ask("cluster", "stop", "two").must(2, "is several instances")
    for instance in json.loads(ask("cluster", "list", "--format", "json").must(0).data):
        ask("cluster", "stop", instance["instance"]).must(0, "nothing is left of it")
    lab.settle()
    ask("show", run).must(1, "fails failed")


def again(lab, ask):
    """Runs with other tags, several at once, once more; and the end of their records."""
    ask("run", "tagged", "--tag", "colour=green").must(2, "has no tag `colour`", "did you mean `color`?")
    ask("run", "tagged", "--repeat", "101").must(2, "101 is not in 1..=100")
    ask("run", "tagged", "--tag", "color=green", "--case", "a").must(1, "tagged failed after", "--tag color=green")
    first = lab.runs()[-1]
    assert "it is green" in ask("logs", first, "--machine", "m1", "--stage", "a-run").must(0).data
    plan = lab.ask("GET", f"/runs/{first}/plan")
    assert (plan["tags"], plan["overridden"]) == ({"color": "green"}, ["color"]), plan
    ask("rerun", first, "--failed", "--reason", "once more").must(1, "tagged failed after", "xrdtest rerun --failed")
    second = lab.runs()[-1]
    plan = lab.ask("GET", f"/runs/{second}/plan")
    assert (plan["tags"], [case["name"] for case in plan["cases"]]) == ({"color": "green"}, ["a"]), plan
    ask("runs", "--limit", "1").must(0, f"what failed in {first} again, once more")
    ask("run", "tagged", "--no-wait", "--case", "b").must(0)
    lab.settle()
    ask("rerun", "latest", "--failed").must(2, "all cases of", "have passed")

    before = len(lab.runs())
    several = ask("run", "passes", "--repeat", "3", "--no-wait").must(0).data.split()
    assert len(several) == 3 and lab.runs()[before:] == several, (several, lab.runs())
    lab.settle()
    document = json.loads(ask("run", "passes", "--repeat", "2", "--format", "json").must(0).data)
    assert [run["verdict"] for run in document["runs"]] == ["passed", "passed"], document

    lab.settle()
    ask("runs", "pin", several[0]).must(0)
    folder = pathlib.Path(lab.ask("GET", f"/runs/{several[1]}")["runs"][0]["directory"])
    assert folder.is_dir(), folder
    ask("runs", "delete", *several[:2]).must(2, f"{several[0]}: not removed", "is pinned", f"{several[1]} is removed")
    ask("show", several[1]).must(2)
    assert not folder.exists(), folder
    ask("show", several[0]).must(0)


def held(lab, ask):
    """What people hold back, also over the death of an engine."""
    ask("hypervisors", "hold", "nothing").must(2, "there is no hypervisor `nothing`")
    ask("queue", "pause", "--reason", "new switch").must(0, "the queue is paused by root: new switch")
    ask("hypervisors", "hold", "lab", "--reason", "new kernel").must(0, "lab is held by root: new kernel")
    ask("hypervisors").must(0, "held by root: new kernel")
    ask("cluster", "start", "two").must(2, "lab is held by root: new kernel")
    run = ask("run", "passes", "--no-wait").must(0).data.strip()
    ask("queue").must(0, run, "the queue is paused by root: new switch")
    lab.kill_engine()
    lab.start_engine()
    until("agents are back", lambda: lab.status()["hypervisors"] == 1, 20)
    ask("queue").must(0, run, "the queue is paused by root: new switch")
    ask("runs", "delete", run).must(2, "is not over")
    ask("queue", "resume").must(0, "the queue is not paused")
    until("it waits for the hypervisor", lambda: "held by root" in lab.ask("GET", "/queue")[0]["reason"])
    ask("queue").must(0, "lab is held by root: new kernel")
    ask("hypervisors", "release", "lab").must(0, "lab is not held")
    lab.settle()
    ask("show", run).must(0, "passes passed")


def runs_of(document):
    return document["runs"] if isinstance(document, dict) else document


if __name__ == "__main__":
    main()
