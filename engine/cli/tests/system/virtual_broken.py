"""Trials with virtual machines: what breaks while they are made, run and are taken away."""

import contextlib
import os
import socket
import pathlib
import signal
import time

from lab import until
from virtual_lab import WAIT_FOR_A_WORD, processes, virsh

# Ends a guest for good, where it is m1.
PANIC = "case $XRDTEST_MACHINE in m1.*) echo c > /proc/sysrq-trigger; sleep 60 ;; esac"


def guest_panics(lab):
    lab.define(f"{WAIT_FOR_A_WORD}; {PANIC}", machines=2)
    lab.start()
    run = lab.submit("tiny")
    lab.word(2)
    lab.word(1)
    assert "its kernel panicked" in lab.lost_within(run, 5, time.time())
    record = lab.ends(run, "error", "m1.xrd.test", "its kernel panicked")
    assert "sysrq_handle_crash" in console(record)["tail"], record["consoles"]
    whole = pathlib.Path(record["directory"]) / console(record)["file"]
    assert "sysrq triggered crash" in whole.read_text(errors="replace")


def guest_panics_early(lab):
    """Before it has a driver for its panic device, so that it boots again, and would for ever."""
    lab.define("true", hosts='host.cmdline = "console=ttyS0 panic=-1 quiet rdinit=/nothing";')
    lab.start()
    run = lab.submit("tiny")
    lab.ends(run, "error", "m1.xrd.test", "its kernel panicked", patience=60)
    assert "Kernel panic - not syncing" in console(lab.record(run))["tail"]


def emulator_is_killed(lab):
    lab.define(WAIT_FOR_A_WORD)
    lab.start()
    run = lab.submit("tiny")
    until("a stage runs", lambda: lab.started(run))
    os.kill(lab.emulator(), signal.SIGKILL)
    assert "its emulator" in lab.lost_within(run, 5, time.time())
    lab.ends(run, "error", "m1.xrd.test", "its emulator")


def guest_is_powered_off(lab):
    lab.define(f"{WAIT_FOR_A_WORD}; poweroff -f")
    lab.start()
    run = lab.submit("tiny")
    lab.word()
    assert "powered off" in lab.lost_within(run, 5, time.time())
    lab.ends(run, "error", "m1.xrd.test", "powered off")


def guest_never_reports(lab):
    lab.define("true", hosts='host.cmdline = "console=ttyS0 quiet xrdtest.hold";')
    lab.start()
    begin = time.monotonic()
    run = lab.submit("tiny")
    lab.ends(run, "error", "did not come up within 20 s", "no contact with m1.xrd.test")
    took = time.monotonic() - begin
    assert took < 28, f"over only after {took:.1f} s"
    assert "this machine stops here" in console(lab.record(run))["tail"]


def agent_is_killed_while_it_creates(lab):
    lab.define("true", machines=2)
    lab.start()
    points = {
        "a volume": lambda: any(lab.is_ours(name) for name in os.listdir(lab.volumes)),
        # Its bridge is there before libvirt has started it: that goes on for an agent that is dead.
        "a network": lambda: any(name.startswith("virbr_") for _, name in socket.if_nameindex()),
        "a machine": lambda: lab.ours("list", "--name"),
    }
    for what, is_there in points.items():
        run = lab.submit("tiny")
        until(f"{what} is there", is_there, every=0.001)
        lab.kill()
        lab.start_again()
        # The engine orders again what was not made, and what had been made of it before is gone.
        lab.ends(run, "passed")
        until("nothing is left", lambda: not lab.leftovers())


def agent_is_killed_while_it_runs(lab):
    lab.define(f"{WAIT_FOR_A_WORD}; {WAIT_FOR_A_WORD}; hostname", machines=2)
    lab.start()
    run = lab.submit("tiny")
    lab.word(), lab.word(2)
    machines = lab.ours("list", "--name")
    lab.kill()
    lab.start_again()
    until("the agent is back", lambda: lab.contacts() == 2, 20)
    assert lab.ours("list", "--name") == machines, "other machines than before"
    lab.word(), lab.word(2)
    lab.ends(run, "passed")
    assert not lab.events(run, "machine_lost")


def agent_is_killed_while_it_stops(lab):
    lab.define("true", machines=2)
    lab.start()
    run = lab.submit("tiny")
    lab.reaches(run, "destroying_cluster")
    lab.kill()
    lab.start_again()
    lab.ends(run, "passed")


def left_overs_are_collected(lab):
    """`gc` removes what nobody knows, `gc --all` everything, and the run that it belonged to says so."""
    lab.define(f"{WAIT_FOR_A_WORD}; hostname", hosts='''
        host.disks = [Disk("kept", "64M", #{ device: "vdb", mountPoint: "/kept", cache: true })];
    ''')
    lab.start()
    run = lab.submit("tiny")
    until("a stage runs", lambda: lab.started(run))
    assert "in use by another hypervisor agent, process" in lab.collect(status=2), "gc works beside the agent"
    lab.kill()
    owner, = lab.owners()
    stray = f"xrdtest-{owner}-stray.qcow2"
    virsh("vol-create-as", lab.pool, stray, "1M")
    assert lab.collect().split() == [stray]
    assert lab.ours("list", "--name"), "the machine of a run is gone"
    removed = lab.collect("--all").split()
    assert any(name.endswith("m1.xrd.test") for name in removed), removed
    assert not lab.leftovers() and not lab.kept(), lab.leftovers()
    lab.start_again()
    lab.ends(run, "error", "m1.xrd.test")


def libvirt_starts_again(lab):
    """Machines go on without it, and are found again."""
    lab.define(f"{WAIT_FOR_A_WORD}; {WAIT_FOR_A_WORD}")
    lab.start()
    run = lab.submit("tiny")
    lab.word()
    restart_libvirt()
    lab.word()
    lab.ends(run, "passed")


def guest_panics_after_libvirt_started_again(lab):
    lab.define(f"{WAIT_FOR_A_WORD}; {WAIT_FOR_A_WORD}; {PANIC}")
    lab.start()
    run = lab.submit("tiny")
    lab.word()
    restart_libvirt()
    lab.word()
    assert "its kernel panicked" in lab.lost_within(run, 5, time.time())
    lab.ends(run, "error", "m1.xrd.test", "its kernel panicked")


def restart_libvirt():
    """Ends libvirtd; whoever keeps it (the lab, systemd) starts it again."""
    daemon = libvirtd()
    os.kill(daemon, signal.SIGTERM)
    until("libvirtd ends", lambda: libvirtd() != daemon, 20)
    until("libvirt answers", lambda: virsh("version", check=False), 20)


def libvirtd():
    """Its process, in the network that this test is in."""
    own = os.readlink("/proc/self/ns/net")
    for process in processes("libvirtd\0"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{process}/ns/net") == own:
                return process


def run_is_cancelled_while_it_is_made(lab):
    lab.define("true", machines=2)
    lab.start()
    run = lab.submit("tiny")
    until("a volume is there", lambda: any(lab.is_ours(name) for name in os.listdir(lab.volumes)))
    lab.ask("POST", f"/runs/{run}/cancel", {"reason": "changed my mind"})
    lab.ends(run, "cancelled", patience=20)


def console(record, host="m1.xrd.test"):
    return next(console for console in record["consoles"] if console["machine"] == host)
