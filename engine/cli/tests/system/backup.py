#!/usr/bin/env python3
"""A backup of an engine under load, which goes on; restored elsewhere, it has every run and every byte.

    backup.py --programs DIR
"""

import argparse
import filecmp
import pathlib
import signal
import sqlite3
import stat
import subprocess
import time

from bench import Fleet
from lab import Lab, until

RULES = ["m1.*@*-run=output:200K", "m2.*@1-run=slow:400ms", "m3.*@*=output:3K", "*=prompt"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    with Lab(args.programs) as lab:
        fleet = Fleet(lab, 8, 2, *RULES)
        file = lab.folder / "backup.tar.zst"
        under_load(lab, file)
        until("all runs are over", lambda: not lab.unfinished())
        killed(lab)
        fleet.stop()
        restored(lab, file, args.programs)


def engine(lab, *words, code=0):
    command = [lab.programs / "xrdtest-engine", "--config", lab.folder / "engine.toml", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def under_load(lab, file):
    for _ in range(16):
        lab.submit("sim")
    until("some runs are over, others are not", lambda: 3 <= len(lab.runs()) - len(lab.unfinished()) < 14)
    before = lab.last_event()
    print(engine(lab, "backup", file).strip())
    after = lab.last_event()
    assert lab.unfinished(), "the backup was not made under load"
    assert after > before, "nothing happened meanwhile"
    print(f"{after - before} events meanwhile")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {path.name for path in lab.folder.glob("backup*")} == {file.name}, "nothing else is left"


def killed(lab):
    """A backup that is killed at any instant leaves no file of its name, or the one that was there."""
    file = lab.folder / "killed.tar.zst"
    command = [lab.programs / "xrdtest-engine", "--config", lab.folder / "engine.toml", "backup", file]
    for moment in (0.01, 0.03, 0.06, 0.1):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if file.exists():
            subprocess.run(["tar", "--zstd", "-tf", file], check=True, stdout=subprocess.DEVNULL)
            file.unlink()
    engine(lab, "backup", file)
    left = [path.name for path in lab.folder.glob("killed*")]
    assert left == [file.name], left


def restored(lab, file, programs):
    with Lab(programs, configuration="[contact]\nlate = '500ms'\nlost = '2s'\n") as other:
        other.definitions.mkdir()
        other.state.mkdir(mode=0o700)
        (other.state / "precious").write_text("x")
        assert "is not empty" in engine(other, "restore", file, code=2)
        (other.state / "precious").unlink()
        print(engine(other, "restore", file).strip())
        database = sqlite3.connect(other.state / "store.sqlite")
        over = [run for run, in database.execute("select id from runs where finished is not null order by event")]
        going = [run for run, in database.execute("select distinct run from instances where state <> 'stopped'")]
        going = [run for run in going if run not in over]
        database.close()
        assert over, "runs were over"
        other.start_engine()
        until("the engine answers", lambda: other.ask("GET", "/status"), 20)
        assert "a restore" not in (other.folder / "engine.log").read_text()
        assert "process" in engine(other, "restore", file, "--replace", code=2), "not below an engine that runs"
        files = compared(lab, other, over)
        print(f"{len(over)} runs as they were, {files} files byte by byte; {len(going)} were going on")
        until("those that were going on are over", lambda: not set(going) & set(other.unfinished()))
        lost = 0
        for run in going:
            record = other.ask("GET", f"/runs/{run}")["runs"][0]
            outcomes = {stage["outcome"] for stage in record["stages"]}
            # Of one that had all its outcomes already nothing is missing.
            assert record["verdict"] == "error" or outcomes == {"passed"}, record
            lost += record["verdict"] == "error"
        assert lost, going
        small(lab, other)


def compared(lab, other, over):
    files = 0
    for run in over:
        records = [place.ask("GET", f"/runs/{run}") for place in (lab, other)]
        for record, place in zip(records, (lab, other)):
            assert record["runs"][0].pop("directory").startswith(str(place.state))
        assert records[0] == records[1], records
        outputs = lab.ask("GET", f"/runs/{run}/outputs")
        assert outputs == other.ask("GET", f"/runs/{run}/outputs") and outputs, run
        folders = [place.state / "runs" / run for place in (lab, other)]
        names = [{path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} for folder in folders]
        # The document is written after the run's end is in the store.
        assert names[0] - names[1] <= {pathlib.Path("run.json")} and len(names[1]) > 1, (run, names)
        same, different, unread = filecmp.cmpfiles(*folders, names[1], shallow=False)
        assert not different and not unread, (run, different, unread)
        files += len(same)
    return files


def small(lab, other):
    """Without outputs; and over what is there, which is moved aside."""
    file = lab.folder / "small.tar.zst"
    engine(lab, "backup", "--without-outputs", file)
    other.engine.terminate()
    other.engine.wait(30)
    said = engine(other, "restore", "--replace", file)
    aside = next(other.state.glob("replaced-*"))
    assert str(aside) in said and (aside / "store.sqlite").exists(), said
    other.start_engine()
    until("the engine answers", lambda: other.ask("GET", "/status"), 20)
    runs = other.ask("GET", "/runs?limit=100")
    assert len(runs) == 16 and all(run["evidence_removed"] for run in runs), runs
    assert not list((other.state / "runs").glob("*/outputs"))


if __name__ == "__main__":
    main()
