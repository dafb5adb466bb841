"""What people do in the dashboard: log in, start, cancel, run again, compare, pause; with scripts and without."""

from browser_checks import be_accessible, be_quiet
from browser_pages import pages_are_fit_for_all
from lab import until

ADMIN = ("admin", "password of the admin")
VIEWER = ("bob", "password of the viewer")
NOT_THIS = "not the password of anybody"
# Everybody may change their own password.
NOT_FOR_VIEWERS = "main .acts, main form[method=post]:not([action='/account']), footer a[href='/audit']"


def log_in(browser, name, password):
    """By the page that is open."""
    browser.fill("input[name=name]", name)
    browser.fill("input[name=password]", password)
    browser.send(".login button")


def log_out(browser):
    browser.send(".who button")
    assert browser.path() == "/login?next=%2F", browser.path()


def login_leads_to_what_was_wanted(browser):
    """Nobody sees anything before; a wrong password is said in words, and the right one shows the page."""
    wanted = "/runs?suite=waits"
    pages_are_fit_for_all(browser, ["/login"])
    browser.open(wanted)
    assert browser.path() == "/login?next=%2Fruns%3Fsuite%3Dwaits", browser.path()
    log_in(browser, ADMIN[0], NOT_THIS)
    browser.see("Name and password do not belong together.")
    assert browser.evaluate("document.querySelector('input[name=name]').value") == ADMIN[0]
    be_accessible(browser)
    # The browser says of every answer that is a failure that it is one.
    be_quiet(browser, expected="status of 401")
    log_in(browser, *ADMIN)
    assert browser.path() == wanted, browser.path()
    assert browser.text(".who").split() == ["admin", "Log", "out"], browser.text(".who")
    be_quiet(browser)


def queue_is_paused(lab, browser):
    """With a reason that others read. While the form is open it is left alone, whatever happens meanwhile."""
    browser.open("/")
    browser.fold_out("Pause the queue …")
    browser.fill(".act[open] input[name=reason]", "the switch is replaced")
    browser.evaluate("""
        window.asked = 0;
        document.body.addEventListener("htmx:afterRequest", () => window.asked++)""")
    run = lab.submit("waits")
    browser.until("the page has heard of it", lambda: browser.evaluate("window.asked > 0"))
    assert browser.evaluate("document.querySelector('.act[open] input[name=reason]').value") == "the switch is replaced"
    assert run not in browser.text(), "the page was brought up to date beneath an open form"
    browser.fold_out("Pause the queue …")
    browser.see(run)
    assert not browser.count(".act[open]")

    browser.fold_out("Pause the queue …")
    browser.fill(".act[open] input[name=reason]", "the switch is replaced")
    browser.press_button("Pause: no run gets a place")
    browser.see("The queue is paused by admin: the switch is replaced")
    waiting = lab.submit("many")
    browser.see(waiting, ".columns .panel:nth-child(2)")
    be_accessible(browser)
    # What waits can be cancelled as well.
    browser.click(f".columns .panel:nth-child(2) a[href='/runs/{waiting}']")
    cancel(browser, "not needed")
    browser.until("it is over", lambda: browser.count("header.title .badge.cancelled"))
    browser.open("/")
    browser.press_button("Resume the queue")
    browser.see("No run waits.")
    assert "paused" not in browser.text(".columns .panel:nth-child(2)"), browser.text()
    be_quiet(browser)
    return run


def cancel(browser, reason):
    """By the page of a run."""
    browser.fold_out("Cancel …")
    browser.fill(".act[open] input[name=reason]", reason)
    browser.press_button("Cancel this run")


def run_is_cancelled(lab, browser, run):
    """While it goes on, and its page says why."""
    browser.open(f"/runs/{run}")
    browser.until("a stage goes on", lambda: browser.count(".matrix .running"))
    cancel(browser, "it hangs")
    browser.see("admin: it hangs", "header.title")
    browser.until("it is over", lambda: browser.count("header.title .badge.cancelled"))
    assert lab.record(run)["verdict"] == "cancelled"
    lab.settle()
    be_quiet(browser)


def failed_cases_run_again(lab, browser):
    """After a comparison with the run that passed before."""
    (lab.shared / "mended").touch()
    passed = lab.run("flaky")
    assert passed["verdict"] == "passed", passed
    (lab.shared / "mended").unlink()
    failed = lab.run("flaky")
    assert failed["verdict"] == "failed", failed
    browser.open(f"/runs/{failed['id']}")
    browser.click("header.title a.button")
    compared = f"/runs/{failed['id']}/compare/{passed['id']}"
    assert browser.path() == compared, browser.path()
    browser.until("one stage is another", lambda: browser.count(".cell.failed s") == 1)
    assert browser.text(".cell.failed").split()[:2] == ["passed", "failed"], browser.text(".cell.failed")
    assert "rate" in browser.text() and "-50.0 %" in browser.text(), browser.text()

    (lab.shared / "mended").touch()
    browser.open(f"/runs/{failed['id']}")
    browser.press_button("Run failed cases again")
    again = browser.path().removeprefix("/runs/")
    assert again not in (failed["id"], passed["id"]), again
    browser.see("passed", "header.title")
    assert "bad / run" not in browser.text(".panel.failed") and "good" not in browser.text(".matrix"), browser.text()
    lab.settle()
    be_quiet(browser)
    return compared


def cluster_is_started(browser):
    """By hand, for a time; and stopped."""
    browser.open("/clusters/two")
    browser.fold_out("Start …")
    browser.fill(".act[open] input[name=keep]", "soon")
    browser.press_button("Start")
    browser.see("`soon` is no time")
    be_accessible(browser)
    be_quiet(browser, expected="status of 422")
    browser.open("/clusters/two")
    browser.fold_out("Start …")
    browser.fill(".act[open] input[name=keep]", "10m")
    browser.press_button("Start")
    assert browser.path() == "/clusters/two", browser.path()
    browser.until("it is there", lambda: browser.count(".state.fine"))
    browser.fold_out("Stop …")
    browser.press_button("Stop it")
    browser.until("it is gone", lambda: "Stop …" not in browser.text())
    be_quiet(browser)


def viewers_have_no_forms(browser, pages):
    """They read what others read, without scripts as well, and nothing offers them what they may not."""
    log_out(browser)
    log_in(browser, *VIEWER)
    assert browser.path() == "/" and "bob" in browser.text(".who"), browser.path()
    browser.scripts(False)
    for page in pages:
        browser.open(page)
        assert len(browser.text()) > 40, f"{page} is empty: {browser.text('body')}"
        if page == "/audit":
            assert "this takes the role admin, and yours is viewer" in browser.text(), browser.text()
        assert not browser.count(NOT_FOR_VIEWERS), page
    browser.scripts(True)
    be_quiet(browser, expected="status of 403")


def actions_need_no_scripts(lab, browser):
    """To log in, run and cancel."""
    browser.scripts(False)
    log_out(browser)
    log_in(browser, *ADMIN)
    (lab.shared / "go").unlink(missing_ok=True)
    browser.open("/testsuites/waits")
    browser.fold_out("Run …")
    browser.click(".act[open] input[name=case]")
    browser.press_button("Run")
    address = browser.path()
    run = address.removeprefix("/runs/")
    until("it runs", lambda: "a / run" in (lab.record(run)["phase"] or ""))
    browser.open(address)
    cancel(browser, "without scripts")
    assert browser.path() == address, browser.path()
    until("it is over", lambda: not lab.unfinished())
    browser.open(address)
    assert "admin: without scripts" in browser.text("header.title"), browser.text()
    browser.scripts(True)
    be_quiet(browser)
