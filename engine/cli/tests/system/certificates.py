#!/usr/bin/env python3
"""Certificates of agents, of the engine and of the dashboard: renewed while runs go on, and made void by people.

    certificates.py --programs DIR

They live for 20 s here, so that none of the first ones is left at the end. Needs root.
"""

import argparse
import contextlib
import json
import pathlib
import ssl
import subprocess
import time

from lab import Lab, free_port, until, write_cluster, write_suite
from physical import Machine

LIFETIME = 20
HOST = "p1.example.org"
RACK = f"""
fn getCluster() {{
    let cluster = Cluster("racks");
    cluster.external = true;
    cluster.addHosts([Host("{HOST}")]);
    cluster
}}
"""
# Goes on for longer than certificates live.
SCRIPT = f"#!/bin/bash\n[ $XRDTEST_STAGE = run ] || exit 0\nsleep {LIFETIME + 6}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    web = free_port()
    configuration = f"[limits]\ncertificate = '{LIFETIME}s'\n[web]\nlisten = '127.0.0.1:{web}'\n"
    with Lab(args.programs, configuration=configuration) as lab, contextlib.ExitStack() as after:
        write_cluster(lab.definitions, "one", 1, 212)
        (lab.definitions / "clusters/racks.rhai").write_text(RACK)
        for suite, cluster in (("virtual", "one"), ("metal", "racks")):
            write_suite(lab.definitions, suite, cluster, ["a"], SCRIPT, kinds=("run",))
        lab.start()
        machine = Machine(lab, HOST)
        after.callback(machine.gone)
        machine.start()
        until("the machine is in contact", lambda: lab.status()["slaves"] == 1)
        renewed(lab, web, machine)
        revoked(lab, machine)


def ends(certificate):
    """When a certificate ends, in seconds since 1970."""
    command = ["openssl", "x509", "-noout", "-enddate"]
    said = subprocess.run(command, input=certificate, capture_output=True, text=True, check=True).stdout
    return ssl.cert_time_to_seconds(said.strip().split("=", 1)[1])


def renewed(lab, web, machine):
    """Runs go on over the end of all certificates, and over a restart after it."""
    kept = [lab.folder / "hypervisor/credentials/certificate.pem", machine.folder / "state/credentials/certificate.pem"]
    served = lambda: ssl.get_server_certificate(("127.0.0.1", web))
    before = [ends(file.read_text()) for file in kept] + [ends(served())]
    assert all(end < time.time() + LIFETIME + 2 for end in before), before
    runs = [lab.submit("virtual"), lab.submit("metal")]
    until("the first certificates are over", lambda: time.time() > max(before) + 1)
    now = [ends(file.read_text()) for file in kept] + [ends(served())]
    assert all(new > time.time() for new in now), (before, now)
    # The connections are those of the old certificates; those after a restart are made with the new ones.
    lab.kill_engine()
    lab.start_engine()
    until("all agents are back", lambda: (lab.status()["hypervisors"], lab.status()["slaves"]) == (1, 2), 20)
    lab.settle()
    for run in runs:
        record = lab.ask("GET", f"/runs/{run}")["runs"][0]
        assert record["verdict"] == "passed", json.dumps(record, indent=1)
    assert "this agent's certificate is renewed" in (lab.folder / "hypervisor.log").read_text()
    assert "the certificate of the engine is renewed" in (lab.folder / "engine.log").read_text()


def revoked(lab, machine):
    """Who is revoked is cut off at once, also from the next engine, until he joins again."""
    def ask(*words, code=0):
        done = subprocess.run([lab.programs / "xrdtest", *words, "--socket", lab.socket], capture_output=True, text=True)
        assert done.returncode == code, (words, done)
        return done.stdout + done.stderr

    said = ask("hypervisors", "revoke", "nosuch", code=2)
    assert "there is no hypervisor/nosuch" in said, said
    said = ask("hypervisors", "revoke", "lab", "--reason", "sold")
    assert "hypervisor/lab is revoked" in said, said
    # Nobody waits for the agents to notice, nor for `contact.late`.
    assert lab.status()["hypervisors"] == 0, lab.status()
    shown(lab, "/hypervisors/lab", "sold")
    assert "revoked by root: sold" in ask("hypervisors"), ask("hypervisors")
    said = ask("slaves", "revoke", HOST, "--reason", "stolen")
    assert f"slave/{HOST} is revoked" in said, said
    shown(lab, f"/slaves/{HOST}", "stolen")
    # That of the run's machine, which was ended with it, may be seen a little longer.
    until("the slave agents are gone", lambda: lab.status()["slaves"] == 0, 10)
    assert "revoked by root: stolen" in ask("slaves"), ask("slaves")
    before = lab.ask("GET", "/revocations")
    said = ask("hypervisors", "revoke", "lab")
    assert "hypervisor/lab is revoked already, since " in said and "by root: sold; that stands" in said, said
    assert lab.ask("GET", "/revocations") == before
    lab.kill_engine()
    logs = [lab.folder / "hypervisor.log", machine.folder / "agent.log"]
    seen = [len(log.read_text()) for log in logs]
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
    words = "its certificate was revoked by root"
    until("both are told", lambda: all(words in log.read_text()[before:] for log, before in zip(logs, seen)), 60)
    assert (lab.status()["hypervisors"], lab.status()["slaves"]) == (0, 0)
    found = [(entry["agent"], entry["reason"]) for entry in lab.ask("GET", "/revocations")]
    assert found == [(f"slave/{HOST}", "stolen"), ("hypervisor/lab", "sold")], found
    noted = ask("audit")
    assert "/revocations" in noted and "hypervisor/lab" in noted and "sold" in noted, noted
    # A fresh token lets it in again under the same name.
    lab.hypervisor.terminate()
    lab.hypervisor.wait(30)
    for file in (lab.folder / "hypervisor/credentials").iterdir():
        file.unlink()
    lab.hypervisor = lab.join("hypervisor", "lab")
    until("it is back", lambda: lab.status()["hypervisors"] == 1, 20)
    back = lab.ask("GET", "/hypervisors/lab")
    assert "revoked" not in back and back["state"]["constant"] == "S_CONNECTED_IDLE", back
    shown(lab, f"/slaves/{HOST}", "stolen")


def shown(lab, path, reason):
    """An agent is shown as revoked, and nothing since then."""
    found = lab.ask("GET", path)
    latest = found["history"][0]
    assert (found["connected"], found["state"]["constant"]) == (False, "S_NOT_CONNECTED"), found
    assert (found["revoked"]["by"], found["revoked"]["reason"]) == ("root", reason), found
    assert latest["detail"] == f"revoked by root: {reason}", found


if __name__ == "__main__":
    main()
