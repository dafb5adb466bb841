"""What all pages have in common: two themes, small screens, no need of scripts, the keyboard."""

from browser_checks import be_accessible, be_quiet, brightness, fit, fit_open

AREAS = ["/", "/testsuites", "/runs", "/clusters", "/hypervisors", "/slaves", "/definitions"]


def pages_of(passed, failed, output, compared, running):
    """An address of each kind of page, as far as an administrator sees it. `running`: a run that goes on; the others
    are over."""
    return [
        *AREAS, "/testsuites/ts_001_mm", "/testsuites/waits", f"/runs/{passed}", f"/runs/{failed}", f"/runs/{running}",
        "/runs?suite=nothing", output, output + "?level=errors", "/clusters/cluster_001_mm", "/clusters/two",
        "/hypervisors/lab", f"/slaves/{running}.0/m1.xrd.test", "/documentation", "/documentation/dashboard",
        "/documentation/reference-commands", compared, f"/runs/{failed}/compare/{passed}", "/audit",
        "/account",
    ]


def empty_areas_are_pages(lab, browser):
    """Before anything has run."""
    for page in AREAS:
        browser.open(page)
        be_accessible(browser)
        be_quiet(browser)


def pages_are_fit_for_all(browser, pages):
    """Light on a wide screen, dark on a phone, with everything open that is folded."""
    faults = []
    for page in pages:
        try:
            is_fit(browser, page)
        except AssertionError as fault:
            faults.append(str(fault))
        browser.theme("light")
        browser.screen()
    assert not faults, "\n".join(faults)


def is_fit(browser, page):
    browser.open(page)
    be_accessible(browser)
    assert brightness(browser) > 220, f"{page} is not light"
    fit(browser)
    browser.screen(1100)
    fit_open(browser)
    browser.theme("dark")
    browser.screen(390, 844)
    be_accessible(browser)
    assert brightness(browser) < 40, f"{page} is not dark"
    fit_open(browser)
    be_quiet(browser)


def failures_are_pages(browser):
    """What is not there is said in a page as well."""
    for page in ("/nothing", "/runs/20200101-000000-nothing-0000", "/testsuites/nothing",
                 "/runs/20200101-000000-nothing-0000/compare"):
        browser.open(page)
        assert "404" in browser.text(), browser.text()
        be_accessible(browser)
        # The browser says of every answer that is a failure that it is one.
        be_quiet(browser, expected="status of 404")


def theme_is_chosen(browser):
    """The button goes through three themes, the choice holds for all pages and outlasts the system's."""
    browser.open("/")
    shades = []
    for system in ("light", "dark"):
        browser.theme(system)
        for choice in ("Light", "Dark", "Auto"):
            browser.click("button.theme")
            assert browser.text("button.theme") == choice, browser.text("button.theme")
            browser.open("/runs")
            assert browser.text("button.theme") == choice, browser.text("button.theme")
            shades.append(brightness(browser) > 128)
    browser.theme("light")
    assert shades == [True, False, True, True, False, False], shades
    be_quiet(browser)


def areas_need_no_scripts(browser):
    """Everything can be reached."""
    browser.scripts(False)
    browser.open("/")
    assert browser.evaluate("document.querySelector('button.theme').hidden"), "a button that does nothing is shown"
    for page in AREAS:
        browser.click(f'nav a[href="{page}"]')
        assert browser.path() == page, browser.path()
    browser.scripts(True)
    be_quiet(browser)


def long_output_needs_no_scripts(browser, output):
    browser.scripts(False)
    browser.open(output)
    assert "line 100\n" not in browser.text("pre.output")
    for _ in range(2):
        browser.click("a.more")
    assert "line 100\n" in browser.text("pre.output"), browser.path()
    browser.fill("input[type=search]", "line 77")
    browser.send("form.choice button")
    assert browser.count(".line") == 11, browser.text()
    browser.scripts(True)
    be_quiet(browser)


def keyboard_is_enough(browser):
    """The first key leads past the head, the next ones through it; one always sees where one is."""
    focus = """(() => {
        const element = document.activeElement, box = element.getBoundingClientRect();
        const style = getComputedStyle(element);
        return {name: element.textContent.trim(), left: box.left, top: box.top,
                ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2};
    })()"""
    browser.open("/runs")
    browser.press("Tab")
    skip = browser.evaluate(focus)
    assert skip["name"] == "To the content" and skip["left"] >= 0 and skip["ring"], skip
    browser.press("Enter")
    assert browser.evaluate("document.activeElement.id") == "content"
    browser.press("Tab")
    assert browser.evaluate("document.querySelector('main').contains(document.activeElement)")

    browser.open("/runs")
    browser.press("Tab")
    names = []
    for _ in range(len(AREAS) + 4):
        browser.press("Tab")
        at = browser.evaluate(focus)
        assert at["ring"] and at["left"] >= 0 and at["top"] >= 0, at
        names.append(at["name"])
    assert names == ["xrdtest", "Overview", "Suites", "Runs", "Clusters", "Hypervisors", "Slaves", "Definitions",
                     "admin", "Log out", "Auto"], names
    be_quiet(browser)
