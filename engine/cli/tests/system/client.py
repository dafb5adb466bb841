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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    with Lab(args.programs) as lab:
        write_cluster(lab.definitions, "two", 2, 205)
        write_cluster(lab.definitions, "other", 2, 206)
        for suite in ("passes", "fails", "waits"):
            write_suite(lab.definitions, suite, "two", ["a"], SCRIPT)
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
    ask("suites", "passes").must(0, "Test case run finished on a slave", "passed")

    run = ask("run", "waits", "--no-wait").must(0).data.split()[0]
    until("it runs", lambda: lab.query(
        "select 1 from events where run = ? and kind = 'stage_started' and body ->> 'stage.kind' = 'run'", run)
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


def runs_of(document):
    return document["runs"] if isinstance(document, dict) else document


if __name__ == "__main__":
    main()
