#!/usr/bin/env python3
"""Pictures of the dashboard for the README, of a real engine with real runs of the example suites.

    screenshots.py --programs DIR --output DIR

Needs root, XRootD, and the Debian packages chromium, chromium-driver and fonts-inter.
"""

import argparse
import pathlib

from browser_actions import log_in, log_out
from browser_driver import Browser
from browser_lab import DashboardLab
from lab import until

# A server without a desktop has no good font for `system-ui`.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match>
    <test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
</fontconfig>
"""
SIZE = (1200, 770)
SCALE = 1.6
OPERATOR = ("alice", "password of the operator")

# While this file is there, the file that the client is about to copy is lost.
LOST = "[ ! -e /mnt/lab/lost ] || stamp xrdfs metamanager1.xrd.test rm /data/copy_from"
# While this one is there, the client takes its time.
SLOW = "while [ -e /mnt/lab/slow ]; do sleep 0.1; done"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of the pictures")
    parser.add_argument("--more", type=pathlib.Path, help="folder of further pictures, to look for what is ugly")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    with DashboardLab(args.programs) as lab:
        for suite, cluster in (("ts_001_mm", "cluster_001_mm"), ("ts_002_frm", "cluster_002_frm"),
                               ("ts_003_copy", "cluster_003_copy")):
            lab.example(suite, cluster)
        for line in (LOST, SLOW):
            lab.add_line("ts_001_mm/tc/copy_from/run.sh", 'log "Copying', line)
        fonts = lab.folder / "fonts.conf"
        fonts.write_text(FONTS)
        lab.account(OPERATOR[0], "operator", OPERATOR[1])
        lab.start()
        failed = history(lab)
        with Browser(lab.address, lab.authority, {"FONTCONFIG_FILE": str(fonts)}) as browser:
            browser.open("/login")
            log_in(browser, *OPERATOR)
            take(browser, failed, args.output)
            if args.more:
                take_more(browser, failed, args.more)
            (lab.shared / "slow").unlink()
            lab.settle()


def history(lab):
    """Some days of the example suites in two minutes, and a run that goes on; answers the one that failed."""
    lost = lab.shared / "lost"
    for suite in ("ts_003_copy", "ts_001_mm", "ts_002_frm", "ts_003_copy", "ts_001_mm", "ts_002_frm", "ts_003_copy"):
        assert lab.run(suite)["verdict"] == "passed"
    lost.touch()
    failed = lab.run("ts_001_mm")
    assert failed["verdict"] == "failed", failed["reason"]
    lost.unlink()
    (lab.shared / "slow").touch()
    running = lab.submit("ts_001_mm")
    until("it copies", lambda: "copy_from / run" in lab.ask("GET", f"/runs/{running}")["runs"][0]["phase"])
    return failed["id"]


def take(browser, failed, output):
    pictures = {
        "overview": "/",
        "suite": "/testsuites/ts_001_mm",
        "run": f"/runs/{failed}",
        "output": f"/runs/{failed}/outputs/09-bad_path-run/client1.xrd.test",
        "cluster": "/clusters/cluster_001_mm",
        "hypervisor": "/hypervisors/lab",
    }
    browser.protocol("Emulation.setScrollbarsHidden", hidden=True)
    browser.screen(*SIZE, SCALE)
    for name, path in pictures.items():
        browser.open(path)
        browser.picture(output / f"{name}.png")
    browser.theme("dark")
    browser.screen(SIZE[0], 840, SCALE)
    browser.open(pictures["run"])
    browser.evaluate("document.querySelector('.timeline').closest('section').scrollIntoView({block: 'end'})")
    browser.picture(output / "timeline-dark.png")


def take_more(browser, failed, output):
    """Whole pages, wide and narrow, light and dark, with all that is folded open; none of them is for the README."""
    output.mkdir(parents=True, exist_ok=True)
    pages = {
        "overview": "/", "suites": "/testsuites", "suite": "/testsuites/ts_001_mm", "run": f"/runs/{failed}",
        "compare": f"/runs/{failed}/compare", "cluster": "/clusters/cluster_001_mm", "hypervisor": "/hypervisors/lab",
    }
    for theme, width in (("light", 1200), ("dark", 390), ("dark", 1200), ("light", 390)):
        browser.theme(theme)
        browser.screen(width, 800)
        for name, path in pages.items():
            browser.open(path)
            browser.evaluate("for (const part of document.querySelectorAll('details.act')) part.open = true")
            browser.picture(output / f"{name}-{width}-{theme}.png", whole=True)
    for theme, width in (("light", 1200), ("dark", 390)):
        browser.theme(theme)
        browser.screen(width, 800)
        log_out(browser)
        log_in(browser, OPERATOR[0], "not the password")
        browser.picture(output / f"login-{width}-{theme}.png")
        log_in(browser, *OPERATOR)


if __name__ == "__main__":
    main()
