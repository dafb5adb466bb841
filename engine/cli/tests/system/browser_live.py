"""What pages do while they are open: they follow runs, outputs and clusters, and do not grow."""

from browser_checks import be_quiet
from lab import until

# A page that is brought up to date so often is not much heavier than before.
UPDATES = 100
NODES_MORE = 300
MIB_MORE = 2.0


def overview_follows_a_run(lab, browser):
    """A run appears where somebody looks, says what it does, and leaves a verdict: without loading the page again."""
    browser.open("/")
    browser.evaluate("window.same = true")
    browser.see("Nothing runs at the moment.")
    run = lab.submit("waits")
    browser.see(run)
    browser.see("a / run")
    assert browser.count("main li.card .badge.running") == 1, browser.text()
    # What has the focus keeps it while the page changes around it.
    browser.evaluate("document.querySelector('.suites a[href=\"/testsuites/waits\"]').focus()")
    (lab.shared / "go").touch()
    browser.see("Nothing runs at the moment.")
    row = ".suites li:has(a[href='/testsuites/waits'])"
    browser.see("passed", row)
    assert browser.evaluate("document.activeElement.getAttribute('href')") == "/testsuites/waits"
    browser.click(f"{row} a.badge")
    assert browser.path() == f"/runs/{run}", browser.path()
    browser.open("/")
    assert browser.evaluate("window.same") is None
    be_quiet(browser)


def run_page_follows_real_xrootd(lab, browser):
    """The example suite, started from its page, from its first stage to its verdict, on eight machines."""
    browser.open("/testsuites/ts_001_mm")
    browser.fold_out("Run …")
    browser.fill(".act[open] input[name=reason]", "from its page")
    browser.send(".act[open] button.main")
    run = browser.path().removeprefix("/runs/")
    assert lab.record(run)["trigger"] == "admin: from its page", lab.record(run)
    browser.evaluate("window.same = true")
    browser.until("a stage goes on", lambda: browser.count(".matrix .running, .matrix .passed") > 0)
    browser.see("running", "header.title")
    until("the run is over", lambda: not lab.unfinished())
    browser.see("passed", "header.title")
    # Suite initialize and finalize, three cases of three stages, each on eight machines.
    browser.until("all have passed", lambda: browser.count(".matrix td.passed") == 11 * 8)
    bars = browser.count(".timeline rect.passed")
    assert bars == 11 * 8 and browser.count(".timeline .barrier") == 11, browser.text()
    assert browser.evaluate("window.same"), "the page was loaded again"
    browser.evaluate("for (const part of document.querySelectorAll('details:not(.act)')) part.open = true")
    update(browser, 1)
    for words in ("copy_to.rate", "statistics.xml", "/var/log/xrootd/metamanager1.xrd.test/cmsd.log"):
        assert words in browser.text(), f"{words} is missing:\n{browser.text()}"
    browser.click(".matrix tbody:nth-of-type(2) tr:nth-child(2) td:last-child a")
    browser.see("Copying 100 MB through the meta manager", "pre.output")
    be_quiet(browser)
    return run


def failed_stage_is_at_hand(lab, browser):
    """From the overview to the last words of what failed in two clicks, and to one line of it that can be linked to."""
    run = lab.submit("ts_001_broken")
    until("the run is over", lambda: not lab.unfinished())
    browser.open("/")
    row = ".suites li:has(a[href='/testsuites/ts_001_broken'])"
    browser.see("failed", row)
    browser.click(f"{row} a.badge")
    words = "disk /dev/vda is gone"
    browser.see(words, ".panel.failed pre")
    bottom = browser.evaluate("document.querySelector('.panel.failed pre').getBoundingClientRect().bottom")
    assert bottom <= 900, f"the last words end at {bottom}, below the first screen"
    browser.click(".matrix td.failed a")
    browser.see(words, "pre.output")
    number = browser.evaluate(
        f"[...document.querySelectorAll('.line')].find(line => line.innerText.includes('{words}')).id.slice(1)")
    browser.click(f"#L{number} .number")
    assert browser.path().endswith(f"?around={number}#L{number}"), browser.path()
    browser.see(words, ".line:target")
    be_quiet(browser)
    return run


def output_is_followed(lab, browser):
    """Lines appear as a script writes them; lines further up come when they are scrolled to."""
    run = lab.submit("writes")
    browser.open(f"/runs/{run}")
    browser.until("a stage goes on", lambda: browser.count(".matrix td.running a"))
    address = f"/runs/{run}/outputs/03-a-run/m1.xrd.test"
    browser.until("its output is linked to", lambda: browser.count(f'.matrix a[href="{address}"]'))
    browser.click(f'.matrix a[href="{address}"]')
    browser.see("line 2500", "pre.output")
    browser.evaluate("window.same = true")
    for line in ("first", "second"):
        assert f"the {line} line" not in browser.text("pre.output")
        (lab.shared / line).touch()
        browser.see(f"the {line} line", "pre.output")
    assert browser.evaluate("window.same"), "the page was loaded again"

    # Whoever reads further up is not disturbed by what comes at the end.
    assert "line 1400\n" not in browser.text("pre.output")
    browser.click("a.more")
    browser.see("line 1400\n", "pre.output")
    browser.evaluate("document.querySelector('#L1400').scrollIntoView({block: 'center'})")
    place = "document.querySelector('#L1400').getBoundingClientRect().top"
    before = browser.evaluate(place)
    (lab.shared / "third").touch()
    # Below the screen it is there, but not drawn: that is no text that can be read.
    wanted = "document.querySelector('pre.output').textContent.includes('the third line')"
    browser.until("the third line is there", lambda: browser.evaluate(wanted))
    assert abs(browser.evaluate(place) - before) < 1, f"{before} has become {browser.evaluate(place)}"
    # Whoever comes back to the end goes on with it.
    browser.evaluate("scrollTo(0, document.body.scrollHeight)")
    (lab.shared / "end").touch()
    browser.see("the end line", "pre.output")
    bottom = "document.documentElement.scrollHeight - scrollY - innerHeight"
    browser.until("the end is in view", lambda: browser.evaluate(bottom) < 40)
    until("the run is over", lambda: not lab.unfinished())

    browser.open(address)
    for level, wanted, others in (
        ("errors", ["ERROR 3011"], ["WARNING", "line 2500"]),
        ("warnings", ["ERROR 3011", "WARNING: slow"], ["line 2500"]),
    ):
        browser.ask("POST", browser.element(f"select option[value={level}]") + "/click")
        browser.send("form.choice button")
        browser.see(wanted[-1], "pre.output")
        shown = browser.text("pre.output")
        assert all(word in shown for word in wanted) and not any(word in shown for word in others), shown
    browser.open(address)
    browser.fill("input[type=search]", "LINE 77")
    browser.send("form.choice button")
    browser.until("only such lines are there", lambda: browser.count(".line") == 11)
    assert browser.evaluate("document.querySelector('input[type=search]').value") == "LINE 77"
    browser.fill("input[type=search]", "no such words")
    browser.send("form.choice button")
    browser.see("No line is like that.")
    be_quiet(browser)
    return address


def open_pages_do_not_grow(lab, browser):
    """A page that is open while hundreds of things happen."""
    browser.open("/")
    before = lab.last_event()
    run = lab.submit("many")
    browser.open(f"/runs/{run}")
    browser.until("a stage is over", lambda: browser.count(".matrix td.passed"))
    until("the run is over", lambda: not lab.unfinished())
    changes = lab.last_event() - before
    assert changes >= 300, f"only {changes} events"
    browser.until("all have passed", lambda: browser.count(".matrix td.passed") == 2 * (2 + 3 * 24))
    run_nodes, _ = browser.weight()

    browser.open(f"/runs/{run}")
    fresh_nodes, _ = browser.weight()
    assert run_nodes <= fresh_nodes + NODES_MORE, f"{run_nodes} nodes, {fresh_nodes} when it is loaded again"

    browser.open("/")
    update(browser, 20)
    nodes, heap = browser.weight()
    update(browser, UPDATES)
    more_nodes, more_heap = browser.weight()
    words = f"after {UPDATES} updates: {more_nodes} nodes instead of {nodes}, {more_heap:.1f} MiB instead of {heap:.1f}"
    assert more_nodes <= nodes + NODES_MORE and more_heap <= heap + MIB_MORE, words
    print(f"  {words}")
    be_quiet(browser)


def update(browser, times):
    """Lets the open page be brought up to date so often, as the stream of changes does."""
    browser.evaluate(f"""
        (async () => {{
            const live = document.querySelector("#live");
            for (let time = 0; time < {times}; time++) {{
                const done = new Promise(resolve => live.addEventListener("htmx:afterSettle", resolve, {{once: true}}));
                htmx.trigger(live, "sse:change");
                await done;
            }}
        }})()""")
