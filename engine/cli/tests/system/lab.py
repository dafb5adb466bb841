"""What the tests of the whole system share: an engine, a hypervisor agent with sandboxes, definitions, questions."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

# Longer than anything takes; what is not there then never will be.
PATIENCE = 120


def until(what, condition, patience=PATIENCE, every=0.01):
    """Asks until the answer is true: of programs that are being killed no event could be waited for."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(every)
    raise SystemExit(f"not within {patience} s: {what}")


def free_port(kind=socket.SOCK_STREAM):
    """A port of the loopback interface that nobody listens at."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_cluster(folder, name, machines, subnet, more="", hosts=""):
    """A cluster `name` of machines m1.xrd.test to mN.xrd.test in 192.168.SUBNET.0. `more` are further lines about
    `cluster`, `hosts` about each `host`, whose number is `number`."""
    (folder / "clusters").mkdir(parents=True, exist_ok=True)
    (folder / f"clusters/{name}.rhai").write_text(f"""
fn getCluster() {{
    let cluster = Cluster("{name}");
    cluster.defaultHost.ramSize = "256M";
    cluster.network.ip = "192.168.{subnet}.1";
    cluster.network.netmask = "255.255.255.0";
    cluster.network.DHCPRange = ["192.168.{subnet}.2", "192.168.{subnet}.254"];
    {more}
    for number in 1..={machines} {{
        let host = Host(`m${{number}}.xrd.test`, `192.168.{subnet}.${{10 + number}}`);
        {hosts}
        cluster.network.addHost(host);
        cluster.addHost(host);
    }}
    cluster
}}
""")


KINDS = ("init", "run", "finalize")


def write_suite(folder, name, cluster, cases, script, more="", kinds=KINDS):
    """A suite all of whose stages run the same script; `more` are further lines about `ts`. Its cases have stages of
    these kinds."""
    home = folder / "suites" / name
    stages = [f"tc/{case}/{kind}.sh" for case in cases for kind in kinds]
    for path in [home / file for file in ["stage.sh"] + stages]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
    (home / f"{name}.rhai").write_text(f"""
fn getTestSuite() {{
    let ts = TestSuite("{name}");
    ts.clusters = ["{cluster}"];
    ts.tests = {json.dumps(cases)};
    ts.initialize = "file://stage.sh";
    ts.finalize = "file://stage.sh";
    {more}
    ts
}}
""")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Lab:
    """An engine that may be killed, a hypervisor agent with sandboxes, and definitions below `definitions`."""

    def __init__(self, programs, folder=None, configuration=""):
        self.programs = programs.resolve()
        self.keep = folder is not None
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="xrdtest-system-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.state, self.definitions = self.folder / "engine", self.folder / "definitions"
        self.sandbox = pathlib.Path(f"/var/lib/xrdtest/system-{os.getpid()}")
        # A folder that all machines see.
        self.shared = self.folder / "shared"
        self.shared.mkdir()
        self.socket = self.folder / "engine.sock"
        self.engine = self.hypervisor = None
        self.port = free_port(socket.SOCK_DGRAM)
        (self.folder / "engine.toml").write_text(
            f"state = '{self.state}'\nlisten = '127.0.0.1:{self.port}'\nsocket = '{self.socket}'\n"
            f"[[repository]]\npath = '{self.definitions}'\n{configuration}"
        )
        self.write_agent(
            "hypervisor",
            f"[sandbox]\nstate = '{self.sandbox}'\ninit = '{self.programs / 'xrdtest-slave'}'\n"
            f"shared = [{{ host = '{self.shared}', machine = '/mnt/lab', writable = true }}]\n"
        )

    def write_agent(self, name, provider):
        """The configuration of the hypervisor agent `name`, with these lines about its provider."""
        (self.folder / f"{name}.toml").write_text(
            f"engine = '127.0.0.1:{self.port}'\nstate = '{self.folder / name}'\n"
            f"join_token_file = '{self.folder / f'{name}.token'}'\n{provider}"
        )

    def spawn(self, program, environment=None, name=None):
        name = name or program
        with open(self.folder / f"{name}.log", "ab") as log:
            command = [self.programs / f"xrdtest-{program}", "--config", self.folder / f"{name}.toml"]
            return subprocess.Popen(command, env=environment, stderr=log, stdout=log)

    def start_engine(self, kill_at=None):
        environment = {name: value for name, value in os.environ.items() if name != "XRDTEST_KILL_AT"}
        if kill_at is not None:
            environment["XRDTEST_KILL_AT"] = str(kill_at)
        self.engine = self.spawn("engine", environment)

    def start(self):
        """The engine, and the hypervisor agent in contact with it."""
        self.start_engine()
        until("the engine answers", lambda: self.ask("GET", "/status"), 20)
        self.hypervisor = self.join("hypervisor", "lab")
        until("the hypervisor agent is in contact", lambda: self.status()["hypervisors"] == 1)

    def join(self, name, known_as):
        """Starts a hypervisor agent for the first time."""
        token = self.ask("POST", "/tokens", {"agent": f"hypervisor/{known_as}"})["token"]
        (self.folder / f"{name}.token").write_text(token)
        return self.spawn("hypervisor", name=name)

    def kill_engine(self):
        self.engine.send_signal(signal.SIGKILL)
        self.engine.wait()

    def ask(self, method, path, body=None):
        """The answer; None where the engine is not there, or went away meanwhile."""
        connection = UnixConnection(self.socket)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", content, {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            if response.status >= 400:
                raise SystemExit(f"{method} {path}: {response.status} {text.decode()}")
            return json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None
        finally:
            connection.close()

    def status(self):
        return self.ask("GET", "/status") or {"hypervisors": 0, "slaves": 0, "runs_running": 0}

    def submit(self, suite):
        return until("a run is taken", lambda: self.ask("POST", "/runs", {"suite": suite}), 20)["run"]

    def run(self, suite):
        """A run from start to end, its machines gone as well; answers its record."""
        run = self.submit(suite)
        self.settle()
        return self.ask("GET", f"/runs/{run}")["runs"][0]

    def slaves(self, instance, host=""):
        """(role, process id) of what runs in an instance's machines, or one of them: `init`, `agent`, `supervise`."""
        found = []
        for process in pathlib.Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                role = next((word for word in ("init", "supervise") if word.encode() in words[:2]), "agent")
                program = words[0].rsplit(b"/", 1)[-1] in (b"xrdtest-slave", b"exe")
                if program and f".{instance}.{host}" in (process / "cgroup").read_text():
                    found.append((role, int(process.name)))
        return found

    def settle(self):
        """Waits until every run is over and nothing is left of any machine."""
        until("all runs are over", lambda: not self.unfinished() and not self.instances_left())

    def query(self, text, *values):
        if not (self.state / "store.sqlite").exists():
            return []
        database = sqlite3.connect(f"file:{self.state}/store.sqlite?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(text, values).fetchall()
        finally:
            database.close()

    def events(self, run, kind):
        rows = self.query("select at, body from events where run = ? and body ->> 'event' = ? order by number", run, kind)
        return [(at, json.loads(body)) for at, body in rows]

    def last_event(self):
        return self.query("select coalesce(max(number), 0) from events")[0][0]

    def runs(self):
        return [run for run, in self.query("select id from runs order by event")]

    def unfinished(self):
        return [run for run, in self.query("select id from runs where finished is null")]

    def instances_left(self):
        return self.query("select id from instances where state <> 'stopped'")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        # The hypervisor agent first: it takes its machines away while the engine still listens.
        for process in (self.hypervisor, self.engine):
            if process and process.poll() is None:
                process.terminate()
                process.wait(30)
        shutil.rmtree(self.sandbox, ignore_errors=True)
        if kind:
            print(f"everything is kept in {self.folder}")
        elif not self.keep:
            shutil.rmtree(self.folder)


def memory_of(process):
    """Resident memory of a process in MiB; none where it has just ended."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0.0)
