#!/usr/bin/env python3
"""A fleet of fakes against a real engine: good ones pass, each bad one ends as the rules say and harms nobody else.

    fleet.py --programs DIR
"""

import argparse
import pathlib

from bench import Fleet
from lab import Lab, until

# A machine that is lost ends the run, so these two come last.
RULES = ["m7.*@1-run=dead", "m8.*@1-run=gone", "m9.*@0-run=fails:3", "m10.*@0-run=lying", "m11.*@0-run=flooding",
         "m12.*=flapping:1s", "m13.*@*-run=output:1M", "m14.*=late:2s", "*=prompt"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    limits = "[contact]\nlost = '8s'\n[limits]\nstage = '5s'\noutput = '2M'\n"
    with Lab(args.programs, configuration=limits) as lab:
        fleet = Fleet(lab, 150, 2, *RULES)
        run = lab.submit("sim")
        until("the run is over", lambda: not lab.unfinished(), 110, every=0.1)
        record = lab.ask("GET", f"/runs/{run}")["runs"][0]
        seen = fleet.stop()
    print(f"{record['verdict']}: {record['reason']}\n{seen['reconnects']} reconnects, {seen['orders']} orders")
    bad = {
        (stage["case"], stage["stage"], stage["machine"].split(".")[0]): stage["outcome"]
        for stage in record["stages"] if stage["outcome"] not in ("passed", "not_run")
    }
    # A machine that accepts and says no more never ends its stage, whatever it is told: it is lost after the limit.
    assert bad.pop(("c2", "run", "m7")) == "lost", bad
    assert bad.pop(("c2", "run", "m8")) == "lost", bad
    assert bad.pop(("c1", "run", "m9")) == "failed", bad
    assert bad.pop(("c1", "run", "m11")) == "timed_out", bad
    assert bad.pop(("c1", "run", "m10")) in ("lost", "failed"), f"what contradicts itself is not believed: {bad}"
    assert record["verdict"] == "error", record["verdict"]
    assert not bad, f"those who did nothing bad: {bad}"
    sizes = {stage["output_length"] for stage in record["stages"]
             if stage["machine"].startswith("m13.") and stage["stage"] == "run"}
    assert sizes <= {1 << 20, 0} and (1 << 20) in sizes, sizes


if __name__ == "__main__":
    main()
