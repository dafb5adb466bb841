#!/usr/bin/env python3
"""Holds a real engine's answers against its OpenAPI document: schemathesis makes requests from it, good and bad ones.

    openapi.py --programs DIR --schemathesis PROGRAM [--writes]

`make openapi` installs schemathesis and calls this. `--writes` also asks for changes, but not for the engine's end.
"""

import argparse
import pathlib
import socket
import subprocess
import threading

from lab import Lab, write_cluster, write_suite

SCRIPT = "#!/bin/bash\necho hello\n"

# Streams have no end, and an engine that was stopped answers nobody.
LEFT_OUT = r"/events$|/stop$|/log-level$"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--schemathesis", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--writes", action="store_true", help="also ask for changes")
    args = parser.parse_args()
    # Whoever reads the events of a run reads until it is over, and somebody may hold the queue or the hypervisor.
    with Lab(args.programs, configuration="[limits]\nqueue_wait = '3s'\n") as lab:
        write_cluster(lab.definitions, "two", 2, 208)
        write_suite(lab.definitions, "passes", "two", ["a"], SCRIPT)
        lab.start()
        lab.run("passes")
        lab.settle()
        document = f"http://127.0.0.1:{forward(lab.socket)}/api/v1/openapi.json"
        # Nobody has to say who they are on the socket.
        command = [args.schemathesis.resolve(), "run", document, "--seed", "1", "--max-examples", "15", "--no-color",
                   "--request-timeout", "20", "--exclude-path-regex", LEFT_OUT, "--suppress-health-check", "all"]
        if args.writes:
            # What is asked for may be well-formed and still not possible.
            command += ["--exclude-checks", "ignored_auth,positive_data_acceptance"]
        else:
            command += ["--exclude-checks", "ignored_auth", "--include-method", "GET"]
        done = subprocess.run(command, timeout=600, cwd=lab.folder)
        assert lab.ask("GET", "/status"), "the engine does not answer any more"
    raise SystemExit(done.returncode)


def forward(path):
    """A port of this machine that leads to a Unix socket."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            here, _ = server.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(str(path))
            for ends in ((here, there), (there, here)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


if __name__ == "__main__":
    main()
