"""What the tests with virtual machines share: an engine, hypervisor agents with libvirt, guests that live in their
initramfs, and a look at what is left of them. LIBVIRT_DEFAULT_URI says which libvirt."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

from lab import PATIENCE, Lab, until, write_cluster, write_suite

URI = os.environ.get("LIBVIRT_DEFAULT_URI", "qemu:///system")
# The ports at which guests wait for a word.
GATE = 7000
WAIT_FOR_A_WORD = f"nc -l -p {GATE} < /dev/null > /dev/null"


def virsh(*words, check=True):
    """What virsh answers; None where it refuses and that is no fault."""
    done = subprocess.run(["virsh", "--quiet", "--connect", URI, *map(str, words)], text=True, capture_output=True)
    if done.returncode and check:
        raise SystemExit(f"virsh {' '.join(map(str, words))}: {done.stderr.strip()}")
    return None if done.returncode else done.stdout


def names(*words):
    return (virsh(*words, check=False) or "").split()


def processes(*words):
    """Processes in whose command line all these texts are."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes() if process.name.isdigit() else b""
            if line and all(os.fsencode(word) in line for word in words):
                found.append(int(process.name))
    return found


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Virtual(Lab):
    """A storage pool of its own with the image `tiny`, and hypervisor agents by name: `self.agents`."""

    def __init__(self, arguments, subnet, configuration=""):
        super().__init__(arguments.programs, configuration=configuration)
        self.slave, self.subnet = arguments.images.resolve() / "xrdtest-slave", subnet
        self.network, self.agents, self.images = f"192.168.{subnet}", {}, arguments.images
        self.pool = f"xrdtest-test-{os.getpid()}"
        self.volumes = self.folder / "pool"
        self.volumes.mkdir(mode=0o755)
        # Where volumes of these agents may be.
        self.folders = [self.volumes]
        self.digests = {}
        self.add_image("tiny")
        virsh("pool-create-as", self.pool, "dir", "--target", self.volumes)

    def add_image(self, name):
        """Puts an image and what it boots into the pool. Nothing may change them."""
        for ending in ("qcow2", "vmlinuz", "initrd"):
            path = self.volumes / f"{name}.{ending}"
            shutil.copy(self.images / path.name, path)
            self.digests[path] = digest(path)

    # --- definitions --------------------------------------------------------------------------------------------------

    def define(self, script, machines=1, name="tiny", subnet=None, more="", hosts="",
               root='cluster.defaultHost.bootImage = "tiny.qcow2";'):
        """A cluster of guests, and a suite `name`: the script of its one case, and one that does nothing before. `root`
        says what guests start from; kernel and initrd lie beside the image."""
        subnet = subnet or self.subnet
        write_cluster(
            self.definitions, f"{name}{subnet}", machines, subnet,
            root + 'cluster.defaultHost.ramSize = "160M";'
            'cluster.defaultHost.cmdline = "console=ttyS0 panic=-1 quiet";' + more, hosts)
        script = f"#!/bin/sh\n[ $XRDTEST_STAGE = run ] || exit 0\n{script}\n"
        write_suite(self.definitions, name, f"{name}{subnet}", ["a"], script, kinds=["run"])
        if self.engine:
            self.ask("POST", "/reload")

    # --- agents -------------------------------------------------------------------------------------------------------

    def start(self, *agents, **settings):
        """The engine and hypervisor agents in contact with it; settings are those of [libvirt]."""
        self.start_engine()
        until("the engine answers", lambda: self.ask("GET", "/status"), 20)
        for name in agents or ["v1"]:
            self.start_another(name, **settings)

    def start_another(self, name, **settings):
        self.configure(name, **settings)
        self.agents[name] = self.join(name, name)
        until(f"the hypervisor agent {name} is in contact",
              lambda: self.status()["hypervisors"] == len(self.agents) or self.gone_agent(), 30)

    def gone_agent(self):
        for name, process in self.agents.items():
            if process.poll() is not None:
                raise SystemExit(f"agent {name} ended with {process.returncode}: {self.log(name)}")

    def configure(self, name, pool=None, uri=URI, reserve="[libvirt.reserve]\ndisk = '0B'\nmemory = '512M'\n"):
        self.write_agent(
            name,
            f"provider = 'libvirt'\n[libvirt]\nuri = '{uri}'\npool = '{pool or self.pool}'\naccel = 'tcg'\n"
            f"agent = '{self.slave}'\nconsoles = '{self.folder / f'{name}.consoles'}'\n{reserve}")

    def log(self, name):
        path = self.folder / f"{name}.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def kill(self, name="v1"):
        self.agents[name].kill()
        self.agents[name].wait()

    def start_again(self, name="v1"):
        self.agents[name] = self.spawn("hypervisor", name=name)

    def collect(self, *words, name="v1", status=0):
        """What `gc` of an agent says."""
        command = [self.programs / "xrdtest-hypervisor", "--config", self.folder / f"{name}.toml", "gc", *words]
        done = subprocess.run(command, text=True, capture_output=True)
        assert done.returncode == status, f"gc ended with {done.returncode}: {done.stderr}"
        return done.stdout + done.stderr

    def contacts(self, name="v1"):
        """How often an agent came into contact with the engine, by its own words."""
        return (self.folder / f"{name}.log").read_text().count(" INFO connected ")

    # --- guests -------------------------------------------------------------------------------------------------------

    def address(self, number=1, subnet=None):
        return f"192.168.{subnet or self.subnet}.{10 + number}"

    def word(self, number=1, subnet=None):
        """Gives a guest the word that it waits for, or will wait for soon."""
        def given():
            with contextlib.suppress(OSError):
                socket.create_connection((self.address(number, subnet), GATE), timeout=1).close()
                return True
        until(f"guest {number} waits for a word", given, 60, 0.05)

    def started(self, run):
        """Whether the stage of the case runs."""
        return [event for _, event in self.events(run, "stage_started") if event["stage"]["case"] is not None]

    def domain(self, host="m1.xrd.test", patience=60):
        found = until(f"{host} is there", lambda: [
            name for name in self.ours("list", "--name") if name.endswith(host)], patience)
        return found[0]

    def emulator(self, host="m1.xrd.test"):
        domain = self.domain(host)
        process, = processes("qemu-system", f"guest={domain},")
        return process

    def record(self, run):
        return self.ask("GET", f"/runs/{run}")["runs"][0]

    def outputs(self, run):
        """What the case wrote, by machine."""
        return {stage["machine"]: stage["output"] for stage in self.record(run)["stages"] if stage["case"]}

    def steps(self, run):
        """How far its instances have come."""
        changes = [event for _, event in self.events(run, "instance_changed")]
        return [change.get("step") or change["state"] for change in changes]

    def reaches(self, run, step, patience=60):
        until(f"run {run} comes to {step}", lambda: step in self.steps(run), patience)

    def lost_within(self, run, seconds, since):
        """Waits for a machine of a run to be lost; answers why. `since`: the wall clock when it happened."""
        at, event = until("the machine is lost", lambda: self.events(run, "machine_lost"))[0]
        took = at / 1000 - since
        print(f"  lost after {took:.2f} s", flush=True)
        assert took < seconds, f"lost only after {took:.1f} s"
        assert event["machine"]["host"] == "m1.xrd.test", event
        return event["reason"] if "reason" in event else str(event)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def ends(self, run, verdict, *words, patience=PATIENCE):
        """Waits for the run's end; its reason must hold all words. Nothing may be left of its machines."""
        until(f"run {run} is over", lambda: run not in self.unfinished(), patience)
        record = self.record(run)
        reason = str(record["reason"])
        print(f"  {record['verdict']}: {reason}", flush=True)
        assert record["verdict"] == verdict, f"{record['verdict']}: {reason}"
        for word in words:
            assert word in reason, f"`{word}` is not in: {reason}"
        until("the machines are gone", lambda: not self.instances_left(), patience)
        self.nothing_is_left()
        return record

    def owners(self):
        paths = [self.folder / name / "libvirt-owner" for name in self.agents]
        return [path.read_text().strip() for path in paths if path.exists()]

    def is_ours(self, name):
        return any(name.startswith(f"xrdtest-{owner}-") for owner in self.owners())

    def ours(self, *words):
        """What is ours of the names that virsh lists."""
        return [name for name in names(*words) if self.is_ours(name)]

    def leftovers(self):
        """What of these agents is in libvirt and around it; disks that are kept excepted."""
        found = [f"machine {name}" for name in self.ours("list", "--all", "--name")]
        found += [f"network {name}" for name in self.ours("net-list", "--all", "--name")]
        volumes = [name for folder in self.folders for name in os.listdir(folder) if self.is_ours(name)]
        found += [f"volume {name}" for name in volumes if not self.is_kept(name)]
        for owner in self.owners():
            found += [f"process {process}" for process in processes(f"xrdtest-{owner}-")]
        devices = subprocess.run(["ip", "-o", "-4", "addr"], text=True, capture_output=True, check=True).stdout
        found += [line for line in devices.splitlines() if f" {self.network}.1/" in line]
        for name in self.agents:
            for folder in [self.folder / f"{name}.consoles", self.folder / name / "instances"]:
                found += [str(path) for path in folder.glob("*")]
        return found

    def is_kept(self, volume):
        return any(volume.startswith(f"xrdtest-{owner}-disk-") for owner in self.owners())

    def kept(self):
        return sorted(name for name in os.listdir(self.volumes) if self.is_kept(name))

    def nothing_is_left(self):
        found = self.leftovers()
        # A process that was told to end may take a moment.
        end = time.monotonic() + 2
        while found and time.monotonic() < end:
            time.sleep(0.1)
            found = self.leftovers()
        assert not found, f"left behind: {found}"
        for path, before in self.digests.items():
            assert digest(path) == before, f"{path.name} was changed"

    def __exit__(self, kind, *rest):
        for name, process in self.agents.items():
            if process.poll() is None:
                process.terminate()
                process.wait(60)
            if kind:
                print(f"--- the end of {name}'s log\n{self.log(name)}")
        try:
            if not kind:
                self.nothing_is_left()
        finally:
            self.sweep()
            super().__exit__(kind, *rest)

    def sweep(self):
        """Takes away what a failed test left."""
        for name in self.ours("list", "--all", "--name"):
            virsh("destroy", name, check=False)
        for name in self.ours("net-list", "--all", "--name"):
            virsh("net-destroy", name, check=False)
        virsh("pool-destroy", self.pool, check=False)
