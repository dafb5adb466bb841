#!/usr/bin/env python3
"""The dashboard in a headless Chromium, as people have it: a real engine, real runs, and what they see of them.

    browser.py --programs DIR

Needs root, XRootD, and the Debian packages chromium and chromium-driver.
"""

import argparse
import pathlib
import time

import browser_actions
import browser_live
import browser_pages
from browser_driver import Browser, programs
from browser_lab import DashboardLab
from lab import until, write_cluster, write_suite

# The run of a suite waits for these files, so that there is time to look at it.
WAITS = """#!/bin/bash
echo "$XRDTEST_CASE/$XRDTEST_STAGE on $XRDTEST_MACHINE"
if [ "$XRDTEST_STAGE" = run ]; then until [ -e /mnt/lab/go ]; do sleep 0.05; done; fi
"""
WRITES = """#!/bin/bash
[ "$XRDTEST_STAGE$XRDTEST_MACHINE" = runm1.xrd.test ] || exit 0
for number in {1..2500}; do
    echo "line $number"
    [ $number != 1000 ] || printf 'WARNING: slow\\n\\e[31mxrdcp: ERROR 3011\\e[0m\\n'
done
for line in first second third end; do
    until [ -e "/mnt/lab/$line" ]; do sleep 0.05; done
    echo "the $line line"
done
"""
FLAKY = """#!/bin/bash
[ "$XRDTEST_CASE$XRDTEST_STAGE$XRDTEST_MACHINE" = badrunm1.xrd.test ] || exit 0
source /etc/XrdTest/utils/functions.sh
if [ -e /mnt/lab/mended ]; then metric rate 80 MB/s; else metric rate 40 MB/s; exit 3; fi
"""
MANY = "#!/bin/bash\necho $XRDTEST_STAGE\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    programs()
    with DashboardLab(args.programs) as lab:
        define(lab)
        lab.account(browser_actions.ADMIN[0], "admin", browser_actions.ADMIN[1])
        lab.account(browser_actions.VIEWER[0], "viewer", browser_actions.VIEWER[1])
        lab.start()
        with Browser(lab.address, lab.authority) as browser:
            trial(lab, browser)


def define(lab):
    lab.example("ts_001_mm", "cluster_001_mm")
    lab.copy("ts_001_mm", "ts_001_broken")
    lab.add_line("ts_001_broken/suite_init.sh", "me=", 'role ds2 && { log "disk /dev/vda is gone"; exit 3; }')
    write_cluster(lab.definitions, "two", 2, 208)
    write_suite(lab.definitions, "waits", "two", ["a"], WAITS)
    write_suite(lab.definitions, "writes", "two", ["a"], WRITES)
    write_suite(lab.definitions, "flaky", "two", ["good", "bad"], FLAKY)
    write_suite(lab.definitions, "many", "two", [f"case_{number}" for number in range(24)], MANY)
    (lab.definitions / "suites/flawed.rhai").write_text(
        'fn getTestSuite() { let ts = TestSuite("flawed"); ts.timeuot = 1; ts }')


def trial(lab, browser):
    def tell(part, *arguments):
        begin = time.monotonic()
        answer = part(*arguments)
        print(f"{part.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
        return answer

    tell(browser_actions.login_leads_to_what_was_wanted, browser)
    tell(browser_pages.empty_areas_are_pages, lab, browser)
    tell(browser_live.overview_follows_a_run, lab, browser)
    passed = tell(browser_live.run_page_follows_real_xrootd, lab, browser)
    failed = tell(browser_live.failed_stage_is_at_hand, lab, browser)
    output = tell(browser_live.output_is_followed, lab, browser)
    tell(browser_live.open_pages_do_not_grow, lab, browser)

    compared = tell(browser_actions.failed_cases_run_again, lab, browser)
    tell(browser_actions.cluster_is_started, browser)

    # Everything has something to show while a run goes on.
    (lab.shared / "go").unlink()
    running = tell(browser_actions.queue_is_paused, lab, browser)
    until("it runs", lambda: "a / run" in (lab.record(running)["phase"] or ""))
    pages = browser_pages.pages_of(passed, failed, output, compared, running)
    tell(browser_pages.pages_are_fit_for_all, browser, pages)
    tell(browser_pages.failures_are_pages, browser)
    tell(browser_pages.theme_is_chosen, browser)
    tell(browser_pages.areas_need_no_scripts, browser)
    tell(browser_pages.long_output_needs_no_scripts, browser, output)
    tell(browser_pages.keyboard_is_enough, browser)
    tell(browser_actions.run_is_cancelled, lab, browser, running)
    tell(browser_actions.viewers_have_no_forms, browser, pages)
    tell(browser_actions.actions_need_no_scripts, lab, browser)
    lab.settle()


if __name__ == "__main__":
    main()
