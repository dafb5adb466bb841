#!/usr/bin/env python3
"""Judges runs by what the machines' own scripts wrote down, independently of xrdtest's code.

    check.py STATE JOURNALS RUN...

STATE is an engine's state folder; JOURNALS the folder in which every script of the runs has written, by itself, when
it began and ended and what it printed: one file per run and machine, `RUN.HOST`, lines of

    begin CASE/STAGE NANOSECONDS
    end CASE/STAGE NANOSECONDS BYTES SHA256 EXITCODE

The store's journal (read with SQLite, written by the engine) has to agree: each stage ran exactly once on each machine
or is `lost`, no machine began a stage before every other one had ended the one before (one clock for all), outcomes are
those of the exit codes, verdicts follow from outcomes, and outputs are complete to the byte. Prints one line per fault;
exit code 1 where there is one.
"""

import hashlib
import json
import pathlib
import sqlite3
import sys


def stage_name(plan, stage):
    case = stage["case"]
    return f"{'' if case is None else plan['cases'][case]['name']}/{stage['kind']}"


def stages_of(plan):
    """All stages with a script, in the order of a run in which nothing fails: (name, machines)."""
    def stage(case, kind, script, machines):
        return [((case, kind), machines)] if script else []

    found = stage("", "initialize", plan["initialize"], plan["machines"])
    for case in plan["cases"]:
        for kind in ("initialize", "run", "finalize"):
            found += stage(case["name"], kind, case[kind], case["machines"])
    found += stage("", "finalize", plan["finalize"], plan["machines"])
    return [(f"{case}/{kind}", machines) for (case, kind), machines in found]


class Journal:
    """What one machine's scripts wrote about one run."""

    def __init__(self, path):
        self.begun, self.ended, self.torn = {}, {}, []
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            words = line.split()
            if len(words) == 3 and words[0] == "begin":
                self.begun.setdefault(words[1], []).append(int(words[2]))
            elif len(words) == 6 and words[0] == "end":
                end = (int(words[2]), int(words[3]), words[4], int(words[5]))
                self.ended.setdefault(words[1], []).append(end)
            else:
                self.torn.append(line)


class Check:
    def __init__(self, state, journals, run):
        self.state, self.run, self.faults = state, run, []
        database = sqlite3.connect(f"file:{state}/store.sqlite?mode=ro", uri=True)
        rows = database.execute("select number, body from events where run = ? order by number", (run,))
        self.events = [(number, json.loads(body)) for number, body in rows]
        self.outputs = {
            (stage, machine): (file, length, complete)
            for stage, machine, file, length, complete in database.execute(
                "select stage, machine, file, length, complete from outputs where run = ? and log = ''", (run,)
            )
        }
        database.close()
        queued = [event for _, event in self.events if event["event"] == "run_queued"]
        if len(queued) != 1:
            raise SystemExit(f"{run}: queued {len(queued)} times")
        self.plan = queued[0]["plan"]
        self.machines = {host: Journal(journals / f"{run}.{host}") for host in self.plan["machines"]}
        self.results = self.collect()

    def fault(self, words):
        self.faults.append(f"{self.run}: {words}")

    def collect(self):
        """The final result of each stage on each machine."""
        results = {}
        for number, event in self.events:
            if event["event"] != "stage_finished":
                continue
            result = event["result"]
            key = (stage_name(self.plan, result["stage"]), result["machine"]["host"])
            if key in results:
                self.fault(f"event {number}: {key} has a second result")
            results[key] = result
        return results

    def stages_ran_once(self):
        for (stage, host), result in self.results.items():
            journal = self.machines[host]
            begun, ended = journal.begun.get(stage, []), journal.ended.get(stage, [])
            if result["outcome"] == "lost":
                if len(begun) > 1:
                    self.fault(f"{stage} on {host}: lost, and began {len(begun)} times")
                continue
            expected = 0 if result["outcome"] == "not_run" else 1
            if len(begun) != expected or len(ended) != expected:
                self.fault(
                    f"{stage} on {host}: {result['outcome']}, but began {len(begun)} and ended {len(ended)} times"
                )
            elif expected:
                self.outcome_is_the_exit_code(stage, host, result, ended[0][3])
        for host, journal in self.machines.items():
            for line in journal.torn:
                self.fault(f"{host}: journal line `{line}` is torn")
            for stage in journal.begun:
                if (stage, host) not in self.results:
                    self.fault(f"{stage} on {host}: ran without a result")

    def outcome_is_the_exit_code(self, stage, host, result, code):
        outcome = "passed" if code == 0 else "failed"
        if result["outcome"] != outcome or result["exit_code"] != code:
            self.fault(f"{stage} on {host}: exit code {code}, but {result['outcome']} ({result['exit_code']})")

    def barriers_held(self):
        """No stage begins before the one before it has ended wherever the engine still waited for it.

        A lost machine is out of the barrier: its script may go on unseen, and end when it likes.
        """
        lost = {key for key, result in self.results.items() if result["outcome"] == "lost"}
        last_end, last = 0, "the beginning"
        for stage, machines in stages_of(self.plan):
            begins = [at for host in machines for at in self.machines[host].begun.get(stage, [])]
            ends = [
                end[0] for host in machines if (stage, host) not in lost
                for end in self.machines[host].ended.get(stage, [])
            ]
            if begins and min(begins) < last_end:
                early = (last_end - min(begins)) / 1e6
                self.fault(f"{stage} began {early:.3f} ms before {last} had ended everywhere")
            if ends:
                last_end, last = max(ends), stage

    def outputs_complete(self):
        for (stage, host), result in self.results.items():
            ended = self.machines[host].ended.get(stage, [])
            if not ended or result["outcome"] in ("lost", "not_run"):
                continue
            _, length, digest, _ = ended[0]
            if result.get("output_lost"):
                # The machine could not keep it, and must say so.
                if result["output_complete"] or "could not be kept" not in result["reason"]:
                    self.fault(f"{stage} on {host}: {result['output_lost']} bytes were lost without a word")
                continue
            if result["output_length"] != length or not result["output_complete"]:
                self.fault(
                    f"{stage} on {host}: {length} bytes written, {result['output_length']} reported, "
                    f"complete: {result['output_complete']}"
                )
            self.file_holds(stage, host, result, length, digest)

    def file_holds(self, stage, host, result, length, digest):
        kind = result["stage"]["kind"]
        case = result["stage"]["case"]
        subject = "suite" if case is None else self.plan["cases"][case]["name"]
        found = [
            entry for (folder, machine), entry in self.outputs.items()
            if machine == host and folder.split("-", 1)[1] == f"{subject}-{kind}"
        ]
        if not found:
            if length:
                self.fault(f"{stage} on {host}: its output is not in the index")
            return
        path = self.state / "runs" / self.run / found[0][0]
        content = path.read_bytes() if path.exists() else b""
        if found[0][1] != length or not found[0][2]:
            self.fault(f"{stage} on {host}: the index says {found[0][1]} bytes, complete: {found[0][2]}")
        if len(content) != length or hashlib.sha256(content).hexdigest() != digest:
            self.fault(f"{stage} on {host}: {path} has {len(content)} bytes, not the {length} that were written")

    def outcomes(self, case, kind=None):
        return [
            result["outcome"] for result in self.results.values()
            if result["stage"]["case"] == case and kind in (None, result["stage"]["kind"])
        ]

    def verdicts_follow(self):
        """The rules of a run, for runs that nobody cancelled and that hit no limit of their own."""
        cases = {e["case"]: e["verdict"] for _, e in self.events if e["event"] == "case_finished"}
        for case, verdict in cases.items():
            outcomes = self.outcomes(case)
            expected = (
                "error" if "lost" in outcomes
                else "failed" if {"failed", "killed"} & set(outcomes)
                else "timed_out" if "timed_out" in outcomes
                else "passed"
            )
            if verdict != expected:
                self.fault(f"case {case}: {verdict}, but its outcomes are {sorted(set(outcomes))}")
        finished = [e for _, e in self.events if e["event"] == "run_finished"]
        if len(finished) != 1:
            self.fault(f"finished {len(finished)} times")
            return
        suite = self.outcomes(None)
        bad = any(outcome != "passed" for outcome in suite) or any(v != "passed" for v in cases.values())
        expected = (
            "error" if "error" in cases.values() or "lost" in self.outcomes(None, "initialize") or not suite
            else "failed" if bad or "lost" in suite
            else "passed"
        )
        if finished[0]["verdict"] != expected:
            self.fault(f"{finished[0]['verdict']} ({finished[0]['reason']}), but {expected} follows from the outcomes")

    def numbers_go_on(self):
        numbers = [number for number, _ in self.events]
        if numbers != sorted(set(numbers)):
            self.fault("the journal's numbers do not go on")

    def all(self):
        self.numbers_go_on()
        self.stages_ran_once()
        self.barriers_held()
        self.outputs_complete()
        self.verdicts_follow()
        return self.faults


def main():
    state, journals = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    faults, stages, verdicts, size = [], 0, {}, 0
    for run in sys.argv[3:]:
        check = Check(state, journals, run)
        faults += check.all()
        stages += len(check.results)
        size += sum(result["output_length"] for result in check.results.values())
        for _, event in check.events:
            if event["event"] == "run_finished":
                verdicts[event["verdict"]] = verdicts.get(event["verdict"], 0) + 1
    for fault in faults:
        print(fault)
    words = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    print(
        f"{len(sys.argv) - 3} runs ({words}), {stages} stages on machines, {size} bytes of output: "
        f"{len(faults)} faults",
        file=sys.stderr,
    )
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
