#!/usr/bin/env python3
"""Suites that start by their schedules: by themselves, over an engine that is killed, paused, and switched off.

    schedule.py --programs DIR

Suites have one start only, at a second of its own, or few, so that runs can be counted. Needs root.
"""

import argparse
import datetime
import json
import pathlib
import sqlite3
import time

from client import Asked
from lab import Lab, until, write_cluster, write_suite

SCRIPT = "#!/bin/bash\necho \"$XRDTEST_SUITE\" >> /mnt/lab/journal\n"
# Suites that start in the same second while the engine is killed, and how often that is done.
MANY, KILLS = 12, 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    begin = time.monotonic()
    with Lab(args.programs) as lab:
        write_cluster(lab.definitions, "one", 1, 208)
        write_cluster(lab.definitions, "huge", 1, 209, 'cluster.defaultHost.ramSize = "100000G";')
        lab.start()
        for trial in (by_itself, over_a_kill, missed, overlapping, paused, switched_off):
            trial(lab)
            print(f"{trial.__name__}: {time.monotonic() - begin:.1f} s")


def define(lab, name, start, more="", cluster="huge", again=()):
    """A suite whose only start is at a second since 1970, or `again` seconds later as well, in the same minute; the
    engine does not know it yet."""
    at = datetime.datetime.fromtimestamp(start, datetime.timezone.utc)
    parts = {field: str(getattr(at, field)) for field in ("year", "month", "day", "hour", "minute")}
    parts["second"] = ",".join(str(at.second + later) for later in (0, *again))
    fields = ", ".join(f'{field}: "{value}"' for field, value in parts.items())
    schedule = f'ts.schedule = #{{ {fields} }}; ts.timezone = "UTC"; {more}'
    write_suite(lab.definitions, name, cluster, ["a"], SCRIPT, schedule, ("run",))


def reload(lab):
    until("definitions are read", lambda: lab.ask("POST", "/reload", {}) is not None, 20)


def soon(seconds=2):
    return int(time.time()) + 1 + seconds


def runs_of(lab, suite):
    return lab.query("select id, asked_by, queued from runs where suite = ? order by event", suite)


def schedule_of(lab, suite):
    return lab.ask("GET", f"/suites/{suite}")["schedule"]


def restart(lab, meanwhile=lambda: None):
    lab.kill_engine()
    meanwhile()
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)


def forget(lab, suite, seconds):
    """As if the engine had been killed before it noted what it considered in the last seconds."""
    database = sqlite3.connect(lab.state / "store.sqlite")
    with database:
        database.execute("update schedules set considered = considered - ? where suite = ?", (seconds * 1000, suite))
    database.close()


def words_of(start):
    return f"{datetime.datetime.fromtimestamp(start, datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def by_itself(lab):
    start = soon(3)
    define(lab, "soon", start, cluster="one")
    reload(lab)
    schedule = schedule_of(lab, "soon")
    assert schedule["next"] == [{"at": start * 1000, "local": words_of(start)}], schedule
    assert (schedule["timezone"], schedule["held"], schedule["last"]) == ("UTC", "", None), schedule
    Asked(lab, "suites").must(0, "NEXT START", words_of(start))
    run, by, queued = until("it starts", lambda: runs_of(lab, "soon"), 20)[0]
    assert by == f"schedule: {words_of(start)}", by
    assert 0 <= queued - start * 1000 < 3000, (queued, start)
    until("it is over", lambda: run not in lab.unfinished())
    Asked(lab, "runs").must(0, run, by)
    Asked(lab, "show", "soon/latest").must(0, "soon passed", f"asked for by     {by}")
    record = json.loads(Asked(lab, "show", run, "--format", "json").must(0).data)["runs"][0]
    assert (record["trigger"], record["verdict"]) == (by, "passed"), record
    Asked(lab, "suites", "soon").must(0, "last start", f"{words_of(start)}: run {run}")
    assert (lab.shared / "journal").read_text() == "soon\n" * 3
    # Killed after the run was in the journal, before that was noted: the run is found.
    restart(lab, lambda: forget(lab, "soon", 20))
    assert until("it is noted", lambda: schedule_of(lab, "soon"), 20)["last"]["run"] == run
    assert len(runs_of(lab, "soon")) == 1


def over_a_kill(lab):
    """Many starts in one second, and kills in the midst of them: no start is lost, none doubled."""
    torn = 0
    for kill in range(KILLS):
        start = soon()
        names = [f"many_{kill}_{number}" for number in range(MANY)]
        for name in names:
            define(lab, name, start)
        reload(lab)
        queued = lambda: lab.query("select count(*) from runs where suite like ?", f"many_{kill}_%")[0][0]
        if kill == 0:
            # Down over the start.
            lab.kill_engine()
            until("its time is over", lambda: time.time() > start + 1)
        else:
            until("some are queued", lambda: queued() >= kill * MANY // KILLS, 20, 0.0005)
            lab.kill_engine()
        torn += 0 < queued() < MANY
        lab.start_engine()
        until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
        # Definitions that are read again in the midst of it change nothing.
        reload(lab)
        until("all are queued", lambda: queued() >= MANY, 20)
        for name in names:
            assert len(runs_of(lab, name)) == 1, runs_of(lab, name)
    print(f"{torn} of {KILLS} kills came between two starts")


def missed(lab):
    """Over a minute late: left out, or made up for, as the suite says."""
    start = soon(-601)
    define(lab, "skips", start)
    define(lab, "makes_up", start, 'ts.missed = "once";')
    reload(lab)
    assert schedule_of(lab, "skips")["next"] == [], "it is past"
    restart(lab, lambda: [forget(lab, suite, 1200) for suite in ("skips", "makes_up")])
    until("it is made up for", lambda: runs_of(lab, "makes_up"), 20)
    assert runs_of(lab, "makes_up")[0][1] == f"schedule: {words_of(start)}, made up for"
    last = until("it is left out", lambda: schedule_of(lab, "skips")["last"], 20)
    assert last["run"] is None and last["reason"].startswith("missed"), last
    assert not runs_of(lab, "skips") and len(runs_of(lab, "makes_up")) == 1


def overlapping(lab):
    """The first start's run waits for a place that there never is: no engine queues another one."""
    start, suites = soon(), ("queues", "leaves_out")
    if start % 60 > 56:
        start += 60 - start % 60
    define(lab, "queues", start, again=(1, 3))
    define(lab, "leaves_out", start, 'ts.overlap = "skip";', again=(1, 3))
    reload(lab)

    def left_out(second):
        last = [schedule_of(lab, suite)["last"] for suite in suites]
        return all(last) and all(one["start"]["at"] == (start + second) * 1000 for one in last)

    until("the second start is considered", lambda: left_out(1), 20)
    restart(lab, lambda: until("the third one's time is over", lambda: time.time() > start + 3))
    until("the third start is considered", lambda: left_out(3), 20)
    for suite in suites:
        last = schedule_of(lab, suite)["last"]
        assert last["run"] is None and "an earlier start's run was not over" in last["reason"], last
        assert [queued for _, _, queued in runs_of(lab, suite)][1:] == [], runs_of(lab, suite)


def paused(lab):
    start = soon(4)
    define(lab, "quiet", start)
    define(lab, "loud", start + 1)
    reload(lab)
    Asked(lab, "suites", "pause", "nothing").must(2, "there is no suite `nothing` with a schedule")
    Asked(lab, "suites", "pause", "quiet").must(0, "paused by root")
    Asked(lab, "suites", "pause", "--all").must(0, "all schedules are paused by root")
    restart(lab)
    assert schedule_of(lab, "loud")["held"] == "all schedules are paused by root"
    Asked(lab, "suites", "resume", "--all").must(0, words_of(start + 1))
    assert schedule_of(lab, "quiet")["held"] == "paused by root"
    until("the other one starts", lambda: runs_of(lab, "loud"), 20)
    assert not runs_of(lab, "quiet"), "it is paused"
    Asked(lab, "suites", "resume", "quiet").must(0, "never again")
    # By hand it is run at any time.
    lab.submit("quiet")
    restart(lab)
    assert [by for _, by, _ in runs_of(lab, "quiet")] == ["root"]


def switched_off(lab):
    configuration = lab.folder / "engine.toml"
    before = configuration.read_text()
    configuration.write_text(before + "[schedule]\nenabled = false\n")
    start = soon()
    define(lab, "off", start)
    reload(lab)
    Asked(lab, "suites", "schedule").must(0, "schedules are off", "[schedule] in the engine's configuration")
    until("its time is over", lambda: time.time() > start + 0.5)
    lab.submit("off")
    assert [by for _, by, _ in runs_of(lab, "off")] == ["root"]
    configuration.write_text(before)
    reload(lab)
    until("what is not too late is started", lambda: len(runs_of(lab, "off")) == 2, 20)
    assert runs_of(lab, "off")[1][1] == f"schedule: {words_of(start)}"


if __name__ == "__main__":
    main()
