#!/usr/bin/env python3
"""Ends a running engine with `kill -9`, again and again, while it carries out runs on eight sandbox machines.

    kill9.py --programs DIR [--kills N] [--seed S] [--points] [--folder DIR]

Two ways: `--kills N` ends it N times at random instants (the seed is printed and can be given); `--points` ends it once
between each two effects that a run leads to, which needs an engine built with the feature `failpoints`. After each end
the engine is started again at once. The scripts of the runs keep journals of their own in a folder that all machines
share; `check.py` holds the store against them afterwards.

Prints how long the engine and its agents took to be back: from the kill until all agents are in contact, and until the
next stage was ordered. Exit code 0 where the checker found no fault and every run got its verdict. Needs root.
"""

import argparse
import pathlib
import random
import statistics
import subprocess
import sys
import time

from lab import Lab, until, write_cluster, write_suite

HERE = pathlib.Path(__file__).resolve().parent
MACHINES = 8

# Length of the output, time and exit code differ by stage and machine, and are the same in each try. The journal is
# written by single writes to a file that is appended to.
SCRIPT = """#!/bin/bash
stage="$XRDTEST_CASE/$XRDTEST_STAGE"
journal="/mnt/lab/$XRDTEST_RUN.$XRDTEST_MACHINE"
number=$((16#$(echo "$stage $XRDTEST_MACHINE" | sha256sum | cut -c1-7)))
echo "begin $stage $(date +%s%N)" >> "$journal"
length=$((number % 3 * (number % 50000)))
text=$(head -c "$length" < <(yes "$stage on $XRDTEST_MACHINE"))
printf '%s' "${text:0:$((length / 2))}"
sleep "0.$((number % 3))"
printf '%s' "${text:$((length / 2))}"
code=0
if [ "$XRDTEST_CASE/$XRDTEST_STAGE" = b/run ] && [ "${XRDTEST_MACHINE%%.*}" = m3 ]; then code=7; fi
digest=$(printf '%s' "$text" | sha256sum | cut -d' ' -f1)
echo "end $stage $(date +%s%N) ${#text} $digest $code" >> "$journal"
exit "$code"
"""


def random_kills(lab, kills, chance):
    """Kills at random instants while there is always a run; answers the times of coming back, in seconds."""
    contact, ordered = [], []
    for number in range(kills):
        if not lab.unfinished():
            lab.submit("long")
            until("its machines are in contact", lambda: lab.status()["slaves"] == MACHINES)
        time.sleep(chance.uniform(0, 1.2))
        running = lab.status()["slaves"] == MACHINES and bool(lab.unfinished())
        before = lab.last_event()
        lab.kill_engine()
        killed = time.monotonic()
        lab.start_engine()
        until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
        if running:
            back = until(
                "all agents are back",
                lambda: lab.status()["slaves"] == MACHINES and lab.status()["hypervisors"] == 1
                or not lab.unfinished(), 30)
            contact.append(time.monotonic() - killed)
            next_stage = until("the next stage is ordered", lambda: lab.query(
                "select number from events where number > ? and body ->> 'event' in ('stage_started', 'run_finished')", before))
            ordered.append(time.monotonic() - killed)
            assert back and next_stage
        if (number + 1) % 20 == 0:
            print(f"{number + 1} kills, {len(lab.runs())} runs", flush=True)
    return contact, ordered


def kills_at_each_point(lab, every):
    """Kills between each two effects of a run, or each n-th such pair; answers how often."""
    point = kills = 0
    while True:
        lab.engine.terminate()
        lab.engine.wait(30)
        lab.start_engine(kill_at=point)
        # It may die before it answers.
        until("the engine answers or is dead", lambda: lab.ask("GET", "/status") or lab.engine.poll() is not None, 20)
        told = lab.ask("POST", "/runs", {"suite": "short"})
        until("the run is over or the engine dead", lambda: lab.engine.poll() is not None or (
            told and not lab.unfinished() and not lab.instances_left()))
        if lab.engine.poll() is None:
            return kills
        lab.start_engine()
        lab.settle()
        point, kills = point + every, kills + 1
        if kills % 20 == 0:
            print(f"{kills} points, {len(lab.runs())} runs", flush=True)


def times(name, seconds):
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    print(f"{name}: median {statistics.median(ordered):.2f} s, 95 % {p95:.2f} s, worst {ordered[-1]:.2f} s "
          f"({len(ordered)} times)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--kills", type=int, default=0, help="kills at random instants")
    parser.add_argument("--seed", type=int, default=None, help="of these instants")
    parser.add_argument("--points", action="store_true", help="kill once between each two effects")
    parser.add_argument("--every", type=int, default=1, help="of these points take each n-th only")
    parser.add_argument("--folder", type=pathlib.Path, help="keep everything there")
    parser.add_argument("--median", type=float, default=None, help="fail above this many seconds to the next stage")
    args = parser.parse_args()
    seed = random.randrange(1 << 32) if args.seed is None else args.seed
    slow = False
    with Lab(args.programs, args.folder) as lab:
        write_cluster(lab.definitions, "eight", MACHINES, 201)
        write_suite(lab.definitions, "long", "eight", ["a", "b", "c"], SCRIPT)
        write_suite(lab.definitions, "short", "eight", ["a"], SCRIPT)
        lab.start()
        if args.kills:
            print(f"seed {seed}", flush=True)
            contact, ordered = random_kills(lab, args.kills, random.Random(seed))
            times("from the kill until all agents were back", contact)
            times("from the kill until the next stage was ordered", ordered)
            slow = args.median is not None and statistics.median(ordered) > args.median
        if args.points:
            points = kills_at_each_point(lab, args.every)
            print(f"killed at {points} points between two effects")
        lab.settle()
        checker = [sys.executable, HERE / "check.py", lab.state, lab.shared, *lab.runs()]
        if subprocess.run(checker).returncode:
            raise SystemExit(1)
        if slow:
            raise SystemExit(f"slower than {args.median} s at the median")


if __name__ == "__main__":
    main()
