"""What is asked of every page."""

from browser_lab import ROOT

AXE = (ROOT / "web/tests/vendor/axe-4.14.1.min.js").read_text()

OVERFLOWING = """
    [...document.querySelectorAll("body *")]
        .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5 &&
            !element.parentElement.closest(".scroll, pre, nav, table, figure, svg"))
        .map(element => element.outerHTML.slice(0, 120))
"""

STICKING_OUT = """
    [...document.querySelectorAll(".act > form")]
        .filter(form => form.getBoundingClientRect().right >
            form.closest(".acts, .card, .panel, main").getBoundingClientRect().right + 0.5)
        .map(form => form.outerHTML.slice(0, 120))
"""


def be_quiet(browser, expected=""):
    """Nothing was complained of, and nothing was asked of anybody but the engine, since the last time."""
    said = [entry["message"] for entry in browser.log("browser") if entry["level"] in ("WARNING", "SEVERE")]
    said = [words for words in said if not expected or expected not in words]
    assert not said, f"the browser complains: {said}"
    others = [url for url in browser.requested()
              if not url.startswith((browser.address + "/", "data:", "about:", "chrome:"))]
    assert not others, f"requests left the server: {others}"


def be_accessible(browser):
    """axe-core finds no serious fault."""
    if not browser.evaluate("typeof axe === 'object'"):
        browser.evaluate(AXE)
    found = browser.evaluate("axe.run({resultTypes: ['violations']}).then(result => result.violations)")
    bad = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    words = "\n".join(
        f"{violation['impact']} {violation['id']}: {violation['help']}\n"
        + "\n".join(f"    {node['html'][:160]}\n    {node['failureSummary']}" for node in violation["nodes"][:5])
        for violation in bad)
    assert not bad, f"{browser.path()}:\n{words}"


def fit(browser):
    """Nothing lies beside the screen that only scrolling the whole page would show."""
    width, screen = browser.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= screen, f"{browser.path()} is {width} wide on a screen of {screen}: {browser.evaluate(OVERFLOWING)}"


def fit_open(browser):
    """The same with everything open that is folded: no form is wider than its panel."""
    browser.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    fit(browser)
    wide = browser.evaluate(STICKING_OUT)
    assert not wide, f"{browser.path()}: forms are wider than their place: {wide}"


def brightness(browser):
    """Of the ground of the page, between 0 and 255."""
    return browser.evaluate(
        "Math.max(...getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number))")
