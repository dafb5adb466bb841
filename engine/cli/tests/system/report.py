#!/usr/bin/env python3
"""Reports of runs, and metrics, as the parsers of others read them: Debian's junitparser, tap.py, prometheus-client. JUnit
also as Jenkins's schema has it (schemas/, by Debian's xmllint).

    report.py --programs DIR
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

from lab import Lab, UnixConnection, until, write_cluster, write_suite

FORMATS = {"junit": "junit.xml", "tap": "tap", "html": "html", "ctest": "Test.xml", "jsonl": "jsonl", "json": "json"}

JUNIT = pathlib.Path(__file__).resolve().parent / "schemas" / "junit-10.xsd"

# What it writes must not become part of any report's own text.
SCRIPT = """#!/bin/bash
source /etc/XrdTest/utils/functions.sh
printf '\\033[31mred\\033[0m \\001 <b>&"]]>\\n1..7\\nnot ok 9\\nBail out!\\n# HELP\\n'
if [ "$XRDTEST_STAGE" = run ]; then role m1 && metric copy.rate 81.5 MB/s; fi
[ "$XRDTEST_SUITE$XRDTEST_STAGE$XRDTEST_MACHINE" != failsrunm2.xrd.test ]
"""

# Run by Debian's python3, which has Debian's parsers.
PARSE = """
import json, sys
import junitparser, tap.parser, yaml
from prometheus_client.parser import text_string_to_metric_families
junit, taps, metrics = sys.argv[1:]
suites = list(junitparser.JUnitXml.fromfile(junit))
cases = [[case.name, case.classname, case.time, [type(result).__name__ for result in case.result], case.system_out]
         for suite in suites for case in suite]
told = [{p.name: p.value for p in suite.properties()} for suite in suites]
lines = list(tap.parser.Parser().parse_file(taps))
points = [[line.number, line.ok, line.description] for line in lines if line.category == "test"]
bails = [line.reason for line in lines if line.category == "bail"]
blocks, block = [], None
for line in open(taps):
    if line.strip() == "---":
        block = []
    elif line.strip() == "..." and block is not None:
        blocks.append(yaml.safe_load("".join(block)))
        block = None
    elif block is not None:
        block.append(line)
families = {family.name: [[s.name, s.labels, s.value] for s in family.samples]
            for family in text_string_to_metric_families(open(metrics).read())}
print(json.dumps({"cases": cases, "properties": told, "points": points, "bails": bails, "blocks": blocks,
                  "plan": [line.expected_tests for line in lines if line.category == "plan"],
                  "metrics": families}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    digest = hashlib.sha256(JUNIT.read_bytes()).hexdigest()
    assert digest in (JUNIT.parent / "README.md").read_text(), f"{JUNIT} is not the file that it was"
    with Lab(args.programs, configuration="") as lab:
        folder = lab.folder / "reports"
        with open(lab.folder / "engine.toml", "a") as configuration:
            configuration.write(f"[reports]\nfolder = '{folder}'\nformats = {json.dumps(list(FORMATS))}\n")
        write_cluster(lab.definitions, "two", 2, 208)
        for suite in ("passes", "fails"):
            write_suite(lab.definitions, suite, "two", ["a", "b"], SCRIPT, 'ts.tags = #{ color: "red" };')
        trial(lab, folder)


def fetch(lab, path):
    """Media type and text of an answer."""
    connection = UnixConnection(lab.socket)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200, (path, response.status, text)
        return response.getheader("content-type"), text
    finally:
        connection.close()


def report(lab, run, kind, *more):
    command = [lab.programs / "xrdtest", "report", run, "--format", kind, "--socket", lab.socket, *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def files_of(folder, suite, run):
    return {kind: folder / suite / f"{run}.{ending}" for kind, ending in FORMATS.items()}


def trial(lab, folder):
    lab.start()
    runs = {suite: lab.run(suite)["id"] for suite in ("passes", "fails")}
    for suite, run in runs.items():
        files = files_of(folder, suite, run)
        until(f"the reports of {run} are there", lambda: all(file.is_file() for file in files.values()), 30)
        for kind, file in files.items():
            media, text = fetch(lab, f"/api/v1/runs/{run}/report?format={kind}")
            assert report(lab, run, kind) == text, kind
            # Events of the machines' end come after the run's own.
            assert text == file.read_text() or kind == "jsonl" and text.startswith(file.read_text()), kind
            assert "\x1b" not in text and "\x01" not in text, (kind, text)
            assert media.split(";")[0] in ("application/xml", "text/plain", "text/html", "application/jsonl",
                                           "application/json"), media
        parsed(lab, suite, run, files)
    checked(lab)
    out = lab.folder / "out.xml"
    report(lab, "fails/latest", "junit", "--output", out)
    assert out.read_text() == files_of(folder, "fails", runs["fails"])["junit"].read_text()
    unwritable(lab, folder)
    killed(lab, folder)


def faults(report):
    """What is wrong about a JUnit report by the schema, in xmllint's words; nothing where it is valid."""
    command = ["/usr/bin/xmllint", "--nonet", "--noout", "--schema", JUNIT, report]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    # 3 and 4: the document is not valid. Everything else says that it was not looked at.
    assert done.returncode in (0, 3, 4), (done.returncode, done.stderr)
    return done.stderr if done.returncode else ""


def valid(lab, report):
    assert not faults(report), faults(report)
    odd = lab.folder / "odd.xml"
    odd.write_text(report.read_text().replace("<testcase name=", "<testcase nam=", 1))
    assert "'nam' is not allowed" in faults(odd), "the schema is asked"


def checked(lab):
    """Findings are JUnit as well: an error and a warning, and that nothing was found."""
    wrong = lab.folder / "wrong/suites"
    wrong.mkdir(parents=True)
    (wrong / "w.rhai").write_text("""fn getTestSuite() {
    let ts = TestSuite("b<&>");
    ts.alert_email = ["me@example.org"];
    ts.clusters = ["two", "two"];
    ts
}
""")
    for folder, code, failures in ((wrong.parent, 1, True), (lab.definitions, 0, False)):
        command = [lab.programs / "xrdtest", "check", "--format", "junit", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        report = lab.folder / "check.xml"
        report.write_text(done.stdout)
        assert [kind in done.stdout for kind in ("<failure", "<skipped")] == [failures, failures], done.stdout
        valid(lab, report)


def parsed(lab, suite, run, files):
    valid(lab, files["junit"])
    _, text = fetch(lab, "/metrics")
    metrics = lab.folder / "metrics.txt"
    metrics.write_text(text)
    command = ["/usr/bin/python3", "-c", PARSE, files["junit"], files["tap"], metrics]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    good = suite == "passes"
    names = ["suite initialize", "a", "b", "suite finalize"]
    assert [case[0] for case in told["cases"]] == names, told
    failed = [case[0] for case in told["cases"] if case[3]]
    assert failed == ([] if good else ["a", "b"]), told
    assert all(case[1] == suite and case[2] > 0 for case in told["cases"]), told
    assert good or "not ok 9" in told["cases"][1][4], told
    properties = told["properties"][0]
    for name, value in {"run": run, "cluster": "two", "hypervisor": "lab", "tag.color": "red",
                        "metric.copy.rate (m1.xrd.test, a / run)": "81.5 MB/s"}.items():
        assert properties.get(name) == value, (name, properties)
    assert told["plan"] == [4] and told["bails"] == [], told
    assert [[number, ok] for number, ok, _ in told["points"]] == [[n + 1, good or n in (0, 3)] for n in range(4)], told
    codes = [block.get("exit_code") for block in told["blocks"] if block.get("outcome") == "failed"]
    assert codes == ([] if good else [1, 1]), told["blocks"]
    site = ElementTree.parse(files["ctest"]).getroot()
    assert (site.tag, site.get("BuildName"), site.get("Name")) == ("Site", suite, "lab"), site.attrib
    states = [test.get("Status") for test in site.iter("Test") if test.get("Status")]
    assert states.count("failed") == (0 if good else 2) and len(states) == 4, states
    lines = [json.loads(line) for line in files["jsonl"].read_text().splitlines()]
    assert {line["schema"] for line in lines} == {"xrdtest.event/1"}
    assert lines[0]["body"]["event"] == "run_queued" and lines[-1]["body"]["event"] in (
        "run_finished", "instance_changed"), lines[-1]
    assert "<script" not in files["html"].read_text() and "&lt;b&gt;" in files["html"].read_text() or good
    numbers = {(name, *sorted(labels.items())): value for samples in told["metrics"].values()
               for name, labels, value in samples}
    assert numbers[("xrdtest_runs", ("verdict", "passed"))] == 1, numbers
    assert numbers[("xrdtest_agents", ("kind", "hypervisor"))] == 1, numbers
    assert numbers[("xrdtest_barrier_wait_seconds_count",)] > 0 and numbers[("process_resident_memory_bytes",)] > 1e6
    assert numbers[("xrdtest_queue_length",)] == 0 and numbers[("xrdtest_events_total",)] > 0, numbers


def unwritable(lab, folder):
    """A file where the folder of a suite would be: root may write everywhere else."""
    (folder / "passes").rename(folder / "before")
    (folder / "passes").write_text("in the way")
    assert lab.run("passes")["verdict"] == "passed"
    log = lab.folder / "engine.log"
    until("the engine warns", lambda: "its reports are not written" in log.read_text(), 30)
    (folder / "passes").unlink()


def killed(lab, folder):
    """The engine is killed with the end of a run in its journal and its files not written: as if it had not come to it,
    the note of what is done is set back."""
    run = lab.run("passes")["id"]
    files = files_of(folder, "passes", run)
    until("the reports are there", lambda: all(file.is_file() for file in files.values()), 30)
    (number,), = lab.query("select number from events where run = ? and body ->> 'event' = 'run_finished'", run)
    note = lab.state / "reports.last"
    until("the note is there", lambda: note.read_text() == str(number), 30)
    lab.kill_engine()
    text = files["junit"].read_text()
    for file in files.values():
        file.unlink()
    note.write_text(str(number - 1))
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
    until("the reports are there again", lambda: all(file.is_file() for file in files.values()), 30)
    assert files["junit"].read_text() == text
    until("the note is there", lambda: note.read_text() == str(number), 30)


if __name__ == "__main__":
    main()
