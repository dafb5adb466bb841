"""Trials with whole Debian guests, of `make image`: what an author's definitions use."""

import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[4]
# Under emulation, beside others.
PATIENCE = 400


def debian_copies_through_xrootd(lab):
    """The suite of `make demo-vm`: a manager, two data servers with disks, a client."""
    lab.add_image("debian12")
    for kind, name in (("suites", "ts_003_copy"), ("clusters", "cluster_003_copy")):
        shutil.copytree(ROOT / kind / name, lab.definitions / kind / name)
    cluster = lab.definitions / "clusters/cluster_003_copy/cluster_003_copy.rhai"
    cluster.write_text(cluster.read_text().replace("192.168.124.", f"{lab.network}."))
    lab.start()
    run = lab.submit("ts_003_copy")
    record = lab.ends(run, "passed", patience=PATIENCE)
    assert len(record["stages"]) == 20, record["stages"]
    copied = [stage["output"] for stage in record["stages"] if "came back as it went" in stage["output"]]
    assert len(copied) == 1, copied
    logs = [log for stage in record["stages"] for log in stage.get("logs", [])]
    assert any(log["path"].endswith("/xrootd.log") and log["length"] > 0 for log in logs), logs


def cloud_init_alone_is_enough(lab):
    """An image that knows nothing of xrdtest: Debian's cloud-init finds the drive, and installs what is on it."""
    lab.add_image("debian12-cloudinit")
    lab.define("hostname --fqdn; systemctl is-active xrdtest-machine; command -v xrdcp", name="cloud", root='''
        cluster.defaultHost.bootImage = "debian12-cloudinit.qcow2";
    ''', more='''
        cluster.defaultHost.ramSize = "512M";
        cluster.defaultHost.cmdline = "root=LABEL=root rw console=ttyS0 panic=-1";
    ''')
    lab.start()
    run = lab.submit("cloud")
    lab.ends(run, "passed", patience=PATIENCE)
    assert lab.outputs(run)["m1.xrd.test"].split() == ["m1.xrd.test", "active", "/usr/bin/xrdcp"], lab.outputs(run)
