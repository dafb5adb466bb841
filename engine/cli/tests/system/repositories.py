#!/usr/bin/env python3
"""A git remote that is pushed to hundreds of times while a run goes on.

    repositories.py --programs DIR [--pushes N]
"""

import argparse
import os
import pathlib
import subprocess

from client import Asked
from lab import Lab, until, write_cluster, write_suite

SCRIPT = """#!/bin/bash
if [ "$XRDTEST_STAGE" = run ]; then until [ -e /mnt/lab/go ]; do sleep 0.05; done; fi
curl -sSf http://master.xrd.test:8080/downloadScript/clusters/version
"""


def git(folder, *words):
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "Ann", f"GIT_{who}_EMAIL": "ann@example.org"}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"git {words}: {done.stderr}"
    return done.stdout.strip()


def push(copy, version):
    (copy / "clusters/version").write_text(f"{version}\n")
    git(copy, "add", "--all")
    git(copy, "commit", "--quiet", "-m", f"version {version}")
    git(copy, "push", "--quiet", "origin", "HEAD:main")
    return git(copy, "rev-parse", "HEAD")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--pushes", type=int, default=200, help="how often (200)")
    args = parser.parse_args()
    with Lab(args.programs) as lab:
        trial(lab, args.pushes)


def trial(lab, pushes):
    copy = lab.folder / "copy"
    git(lab.folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(lab.folder, "clone", "--quiet", "remote.git", "copy")
    write_cluster(copy, "two", 2, 208)
    write_suite(copy, "long", "two", ["a"], SCRIPT)
    begin = push(copy, "begin")
    configuration = lab.folder / "engine.toml"
    text = configuration.read_text().replace(
        f"path = '{lab.definitions}'", f"name = 'pushed'\nurl = 'file://{lab.folder}/remote.git'\ninterval = '1h'")
    configuration.write_text(text)
    lab.start()
    until("it is fetched", lambda: lab.ask("GET", "/repositories/pushed")["suites"] == 1)
    run = lab.submit("long")
    until("its stage runs", lambda: "a / run" in lab.ask("GET", f"/runs/{run}")["runs"][0].get("phase", ""))

    generations = set()
    for number in range(pushes):
        head = push(copy, number)
        info = lab.ask("POST", "/repositories/pushed/fetch", {})
        assert info["state"] == "good" and info["commit"]["id"] == head, info
        definitions = lab.ask("GET", "/definitions")
        generations.add(definitions["generation"])
        assert (definitions["suites"], definitions["clusters"], definitions["diagnostics"]) == (1, 1, []), definitions
        checkout = pathlib.Path(definitions["repositories"][0])
        assert (checkout / "clusters/version").read_text() == f"{number}\n"
    assert len(generations) == pushes, f"{len(generations)} catalogues of {pushes} pushes"

    (lab.shared / "go").touch()
    lab.settle()
    record = lab.ask("GET", f"/runs/{run}")["runs"][0]
    assert record["verdict"] == "passed", record["reason"]
    # Its machines got the files that it began with, to its end.
    outputs = {stage["output"].strip() for stage in record["stages"]}
    assert outputs == {"begin"}, outputs
    origin = record["origin"]
    assert (origin["repository"], origin["branch"], origin["commit"], origin["author"], origin["dirty"]) == (
        "pushed", "main", begin, "Ann <ann@example.org>", False), origin

    ask = lambda *words: Asked(lab, *words)  # noqa: E731
    ask("show", run).must(0, f"made from        pushed, main at {begin[:12]} by Ann <ann@example.org>")
    ask("repositories").must(0, "pushed", "good", head[:12], "file://")
    ask("repositories", "pushed").must(0, f"version {pushes - 1}", "as committed")
    git(lab.folder / "remote.git", "update-ref", "-d", "refs/heads/main")
    ask("repositories", "fetch", "pushed").must(1, "failing", "names no branch")
    ask("repositories", "fetch", "nothing").must(2, "there is no repository `nothing`")
    ask("run", "long").must(0, "long passed after")


if __name__ == "__main__":
    main()
