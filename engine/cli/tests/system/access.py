#!/usr/bin/env python3
"""Who may do what, over HTTPS as browsers and programs have it: accounts, sessions, tokens, the audit log.

    access.py --programs DIR
"""

import argparse
import http.client
import json
import pathlib
import re
import ssl
import subprocess
import urllib.parse

from client import SCRIPT, Asked
from lab import Lab, free_port, until, write_cluster, write_suite

FORM = "application/x-www-form-urlencoded"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    port = free_port()
    with Lab(args.programs, configuration=f"[web]\nlisten = '127.0.0.1:{port}'\n") as lab:
        write_cluster(lab.definitions, "one", 1, 204)
        write_suite(lab.definitions, "passes", "one", ["a"], SCRIPT)
        # The first account is made while no engine runs.
        made = user(lab, "add", "admin", "--role", "admin", "--generate")
        password = made.stdout.strip()
        assert re.fullmatch(r"([a-z2-9]{6}-){3}[a-z2-9]{6}", password), made
        lab.start()
        trial(lab, port, password)


def user(lab, *words, typed="", code=0):
    command = [lab.programs / "xrdtest-engine", "--config", lab.folder / "engine.toml", "user", *words]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done
    return done


class Browser:
    """Somebody at the dashboard's address, who checks its certificate."""

    def __init__(self, lab, port, token=None):
        self.port, self.headers = port, {"authorization": f"Bearer {token}"} if token else {}
        self.tls = ssl.create_default_context(cafile=lab.state / "ca/ca.pem")

    def ask(self, method, path, body=None, kind="application/json", **headers):
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.tls)
        try:
            content = {"content-type": kind} if body is not None else {}
            connection.request(method, path, body, {**self.headers, **content, **headers})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def log_in(self, name, password, to="/"):
        form = urllib.parse.urlencode({"name": name, "password": password, "next": to})
        status, headers, _ = self.ask("POST", "/login", form, FORM)
        if status == 303:
            cookie = headers["set-cookie"]
            assert cookie.startswith("__Host-xrdtest=") and "; Secure; HttpOnly; SameSite=Lax" in cookie, cookie
            self.headers["cookie"] = cookie.split(";")[0]
            assert headers["location"] == to, headers["location"]
        return status

    def form_token(self):
        return re.search(r'name="form_token" value="([0-9a-f]+)"', self.ask("GET", "/")[2])[1]


def trial(lab, port, password):
    def ask(*words):
        return Asked(lab, *words)

    wish = json.dumps({"suite": "passes", "reason": "over the network"})
    nobody = Browser(lab, port)
    assert nobody.ask("GET", "/runs?suite=passes")[1]["location"] == "/login?next=%2Fruns%3Fsuite%3Dpasses"
    assert nobody.ask("GET", "/login")[0] == 200
    for method, path in [("GET", "/api/v1/status"), ("POST", "/api/v1/runs"), ("POST", "/api/v1/%ff"), ("PUT", "/x")]:
        assert nobody.ask(method, path, "{torn")[0] == 401, path
    assert nobody.log_in("admin", "not this one") == 401

    admin = Browser(lab, port)
    assert admin.log_in("admin", password, "/runs") == 303
    assert "Log out" in admin.ask("GET", "/runs")[2]
    status, _, problem = admin.ask("POST", "/api/v1/runs", wish)
    assert status == 403 and "form token" in problem, problem
    status, _, text = admin.ask("POST", "/api/v1/runs", wish, **{"x-xrdtest-form-token": admin.form_token()})
    assert status == 201, text
    by_form_token = json.loads(text)["run"]

    token = ask("token", "new", "api", "nightly", "--role", "operator", "--expires", "90d").must(
        0, "nightly may use the API as operator").data.strip()
    ask("token", "new", "api", "nightly").must(2, "--role")
    program = Browser(lab, port, token)
    status, _, text = program.ask("POST", "/api/v1/runs", wish)
    assert status == 201, text
    by_token = json.loads(text)["run"]
    assert program.ask("POST", "/api/v1/stop", "{}")[0] == 403
    lab.settle()
    for run, who in [(by_form_token, "admin"), (by_token, "nightly")]:
        record = json.loads(program.ask("GET", f"/api/v1/runs/{run}")[2])["runs"][0]
        assert (record["verdict"], record["trigger"]) == ("passed", f"{who}: over the network"), record
    ask("token", "list").must(0, "api/nightly", "operator")
    ask("audit").must(0, "nightly", "over the network", "POST /api/v1/stop", "127.0.0.1, token", "403", "this machine")
    noted = [(entry["who"], entry["action"], entry["status"])
             for entry in json.loads(ask("audit", "--format", "json").must(0).data)]
    for line in [("nightly", "POST /api/v1/runs", 201), ("admin", "POST /api/v1/runs", 201), ("", "POST /login", 401),
                 ("admin", "POST /api/v1/runs", 403), ("root", "xrdtest-engine user add", 200)]:
        assert line in noted, (line, noted)
    assert token not in str(noted) and password not in str(noted)
    ended(lab, port, admin, program, ask)


def ended(lab, port, admin, program, ask):
    """What ends sessions and tokens; a killed engine is not among it."""
    assert user(lab, "add", "bob", "--role", "viewer", "--password-stdin", typed="bob's own password\n").stdout == ""
    taken = user(lab, "add", "bob", "--role", "admin", "--generate", code=2)
    assert "there is an account `bob` already" in taken.stderr and not taken.stdout, taken
    short = user(lab, "password", "bob", "--password-stdin", typed="short\n", code=2)
    assert "at least 10 characters" in short.stderr, short
    assert "--password-stdin or --generate" in user(lab, "password", "bob", code=2).stderr
    listed = [line.split()[:2] for line in user(lab, "list").stdout.splitlines()]
    assert listed == [["admin", "admin"], ["bob", "viewer"]], listed
    bob = Browser(lab, port)
    assert bob.log_in("bob", "bob's own password") == 303
    assert bob.ask("GET", "/audit")[0] == 403

    lab.kill_engine()
    lab.start_engine()
    until("the engine answers", lambda: lab.ask("GET", "/status"), 20)
    for who in (admin, program, bob):
        assert who.ask("GET", "/api/v1/status")[0] == 200
    user(lab, "role", "bob", "admin")
    assert bob.ask("GET", "/audit")[0] == 200
    user(lab, "password", "bob", "--password-stdin", typed="another password\n")
    assert bob.ask("GET", "/api/v1/status")[0] == 401
    assert bob.log_in("bob", "bob's own password") == 401 and bob.log_in("bob", "another password") == 303
    user(lab, "remove", "bob")
    assert bob.ask("GET", "/api/v1/status")[0] == 401 and bob.log_in("bob", "another password") == 401
    assert "there is no account `bob`" in user(lab, "remove", "bob", code=2).stderr
    listed = json.loads(ask("token", "list", "--format", "json").must(0).data)
    mine = next(entry["id"] for entry in listed if entry["identity"] == "api/nightly")
    ask("token", "revoke", mine).must(0, "is void")
    assert program.ask("GET", "/api/v1/status")[0] == 401
    form = urllib.parse.urlencode({"form_token": admin.form_token()})
    assert admin.ask("POST", "/logout", form, FORM)[0] == 303
    assert admin.ask("GET", "/api/v1/status")[0] == 401

    waits = [Browser(lab, port).log_in("admin", f"guess number {number}") for number in range(7)]
    assert waits.count(429) >= 1 and waits[0] == 401, waits


if __name__ == "__main__":
    main()
