"""Trials with virtual machines: what definitions ask for, and what can't be made."""

import contextlib
import os
import pathlib
import subprocess
import time

from lab import until
from virtual_lab import WAIT_FOR_A_WORD, names, virsh


# --- what is asked for ------------------------------------------------------------------------------------------------

def guests_copy_a_file(lab):
    """The good case: m2 gets from m1 what m1 has made, and both agree about it."""
    lab.define("""
        case $XRDTEST_MACHINE in
            m1.*) dd if=/dev/urandom of=/tmp/data bs=1M count=4 2> /dev/null
                  httpd -p 7001 -h /tmp ;;
            m2.*) until wget -q -O /tmp/data http://m1.xrd.test:7001/data 2> /dev/null; do sleep 0.1; done ;;
        esac
        sha256sum < /tmp/data
        hostname
    """, machines=2)
    lab.start()
    run = lab.submit("tiny")
    lab.ends(run, "passed")
    assert lab.record(run)["images"] == [{"name": "tiny.qcow2", "digest": lab.digests[lab.volumes / "tiny.qcow2"]}]
    outputs = [lab.outputs(run)[f"m{number}.xrd.test"].split() for number in (1, 2)]
    assert outputs[0][0] == outputs[1][0] and len(outputs[0][0]) == 64, outputs
    assert [words[-1] for words in outputs] == ["m1.xrd.test", "m2.xrd.test"], outputs


def clocks_are_set(lab):
    """A guest whose clock is decades behind gets the engine's when its agent comes into contact."""
    lab.define("""
        date -s '1975-01-01 00:00:00' > /dev/null
        kill -9 $(ps | sed -n 's/^ *\\([0-9]*\\) .*xrdtest-slave [-]-config .*/\\1/p')
        while [ $(date +%Y) -lt 2000 ]; do sleep 0.1; done
        date +%s
    """)
    lab.start()
    run = lab.submit("tiny")
    lab.ends(run, "passed")
    told = int(lab.outputs(run)["m1.xrd.test"])
    assert abs(told - time.time()) < 60, told


def isolated_networks_have_no_way_out(lab):
    lab.define("""
        ip route
        httpd -p 7001 -h /proc
        for host in m1.xrd.test m2; do
            until wget -q -O - http://$host:7001/version &> /dev/null; do sleep 0.1; done
        done
    """, machines=2, more='cluster.network.forward = "isolated";', root='''
        cluster.defaultHost.kernel = "tiny.vmlinuz";
        cluster.defaultHost.initrd = "tiny.initrd";
    ''')
    lab.start()
    run = lab.submit("tiny")
    until("the network is there", lambda: lab.ours("net-list", "--name"), every=0.02)
    network, = lab.ours("net-list", "--name")
    assert "<forward" not in virsh("net-dumpxml", network)
    lab.ends(run, "passed")
    for output in lab.outputs(run).values():
        assert f"192.168.{lab.subnet}.0/24" in output and "default" not in output, output


def disks_keep_their_content_or_not(lab):
    lab.define("""
        @diskmounts@
        for disk in kept fresh; do
            echo "$disk: $(cat /$disk/runs 2> /dev/null)"
            echo "$XRDTEST_RUN" > /$disk/runs
        done
        sync
    """, hosts="""
        host.disks = [
            Disk("kept", "64M", #{ device: "vdb", mountPoint: "/kept", cache: true }),
            Disk("fresh", "64M", #{ device: "vdc", mountPoint: "/fresh", cache: false }),
        ];
    """)
    lab.start()
    runs = []
    for _ in range(2):
        runs.append(lab.submit("tiny"))
        lab.ends(runs[-1], "passed")
        assert len(lab.kept()) == 1, lab.kept()
    first, second = (lab.outputs(run)["m1.xrd.test"].splitlines() for run in runs)
    assert first == ["kept: ", "fresh: "], first
    assert second == [f"kept: {runs[0]}", "fresh: "], second


def two_runs_go_on_at_once(lab):
    other = lab.subnet + 50
    lab.define(WAIT_FOR_A_WORD)
    lab.define(WAIT_FOR_A_WORD, name="other", subnet=other)
    lab.start()
    runs = [lab.submit("tiny"), lab.submit("other")]
    for run in runs:
        until("a stage runs", lambda: lab.started(run))
    assert set(lab.unfinished()) == set(runs), "none was over before the other began"
    lab.word(), lab.word(subnet=other)
    until("both are over", lambda: not lab.unfinished())
    for run in runs:
        lab.ends(run, "passed")


def only_the_second_hypervisor_has_room(lab):
    total = int(virsh("nodeinfo").split("Memory size:")[1].split()[0]) >> 10
    lab.define("hostname", machines=1, more='cluster.defaultHost.ramSize = "300M";')
    small = f"[libvirt.reserve]\nmemory = '{total - 200}M'\ndisk = '0B'\n"
    # So that neither its name nor its place decides.
    lab.start("v1", reserve=small)
    lab.start_another("v2")
    run = lab.submit("tiny")
    lab.ends(run, "passed")
    assert lab.query("select hypervisor from instances where run = ?", run) == [("v2",)]


# --- what can't be made -----------------------------------------------------------------------------------------------

def image_is_missing(lab):
    lab.define("true", more='cluster.defaultHost.bootImage = "nosuch.qcow2";')
    lab.start()
    lab.ends(lab.submit("tiny"), "error", "cluster", "v1", f"boot image nosuch.qcow2 is not in storage pool {lab.pool}",
             "tiny.qcow2", patience=10)
    lab.define("true", hosts='host.kernel = "nosuch.vmlinuz";')
    lab.ends(lab.submit("tiny"), "error", f"kernel nosuch.vmlinuz is not in storage pool {lab.pool}", patience=10)


def emulator_is_missing(lab):
    """Of one of two hosts: the reason is libvirt's, and not that the other machine was taken away again."""
    lab.define("true", machines=2, hosts='if host.name.starts_with("m2") { host.emulatorPath = "/usr/bin/nothing"; }')
    lab.start()
    lab.ends(lab.submit("tiny"), "error", "cannot start machine m2.xrd.test", "/usr/bin/nothing", patience=20)


def pool_is_missing(lab):
    """`default` takes its place; where that is missing too, the agent says so and ends."""
    image = f"xrdtest-test-{os.getpid()}"
    lab.define("hostname", more=f'cluster.defaultHost.bootImage = "{image}.qcow2";')
    with default_pool(lab) as folder:
        for path in lab.volumes.iterdir():
            virsh("vol-create-as", "default", f"{image}{path.suffix}", path.stat().st_size, "--format", "raw")
            virsh("vol-upload", f"{image}{path.suffix}", path, "--pool", "default")
        virsh("pool-refresh", "default")
        lab.folders.append(folder)
        try:
            lab.start(pool="nosuch")
            lab.ends(lab.submit("tiny"), "passed")
        finally:
            for path in lab.volumes.iterdir():
                virsh("vol-delete", f"{image}{path.suffix}", "--pool", "default")
    # libvirt's own test driver has a pool, which is not called so.
    lab.configure("v2", pool="nosuch", uri="test:///default")
    agent = lab.join("v2", "v2")
    assert agent.wait(20) == 2
    said = lab.log("v2")
    print("  " + said.splitlines()[-1], flush=True)
    assert "storage pool nosuch does not exist, and default neither" in said and "default-pool" in said, said


@contextlib.contextmanager
def default_pool(lab):
    """The folder of the pool `default`, which is made where there is none."""
    made = virsh("pool-info", "default", check=False) is None
    if made:
        (lab.folder / "default").mkdir(mode=0o755)
        virsh("pool-create-as", "default", "dir", "--target", lab.folder / "default")
    description = virsh("pool-dumpxml", "default")
    yield pathlib.Path(description.split("<path>")[1].split("</path>")[0])
    if made:
        virsh("pool-destroy", "default")


def subnet_is_taken(lab):
    lab.define("true", more='cluster.network.bridgeName = "xt-mine";')
    lab.start()
    mine, device, foreign = f"192.168.{lab.subnet}", f"xt-{lab.subnet}", f"foreign-{lab.subnet}"
    lab.network = "not ours"
    for address, bridge, words in [
        (f"{mine}.1", device, f"{mine}.1/24 of network tiny{lab.subnet}_net are in use already"),
        (f"{mine}.254", device, f"libvirt's network {foreign} has {mine}.254/24"),
        (f"192.168.{lab.subnet + 50}.1", "xt-mine", f"bridge xt-mine of network tiny{lab.subnet}_net exists already"),
    ]:
        definition = lab.folder / "foreign.xml"
        definition.write_text(f"<network><name>{foreign}</name><bridge name='{bridge}'/>"
                              f"<ip address='{address}' prefix='24'/></network>")
        virsh("net-create", definition)
        try:
            lab.ends(lab.submit("tiny"), "error", words, patience=10)
            assert foreign in names("net-list", "--name"), "what others made is touched"
        finally:
            virsh("net-destroy", foreign)
    subprocess.run(["ip", "link", "add", device, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", f"{mine}.200/24", "dev", device], check=True)
        subprocess.run(["ip", "link", "set", device, "up"], check=True)
        lab.ends(lab.submit("tiny"), "error", f"this machine's interface {device} has {mine}.200/24", patience=10)
    finally:
        subprocess.run(["ip", "link", "del", device], check=True)
    lab.network = mine
    lab.ends(lab.submit("tiny"), "passed")


def memory_is_not_enough(lab):
    lab.define("true", more='cluster.defaultHost.ramSize = "2T";')
    lab.start()
    lab.ends(lab.submit("tiny"), "error", "v1 is too small", "2 TiB of memory", "in all", patience=10)


def disks_are_wrong(lab):
    lab.start()
    lab.define("true", hosts='host.disks = [Disk("huge", "10T", "vdb", "/data")];')
    lab.ends(lab.submit("tiny"), "error", "10 TiB of disk", patience=10)
    for disk, words in [('"none", "0"', "too little for a disk"), ('"a/b", "64M"', "can't be the name of a disk")]:
        lab.define("true", hosts=f'host.disks = [Disk({disk}, "vdb", "/data")];')
        check = subprocess.run([lab.programs / "xrdtest", "check"], cwd=lab.definitions, text=True, capture_output=True)
        said = check.stdout + check.stderr
        assert check.returncode == 1 and words in said, said
        try:
            lab.submit("tiny")
        except SystemExit as refused:
            print(f"  {refused}", flush=True)
            assert "422" in str(refused) and words in str(refused), refused
        else:
            raise SystemExit(f"a run with a disk {disk} was taken")
