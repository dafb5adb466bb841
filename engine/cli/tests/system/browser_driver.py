"""A headless Chromium, driven as a person would: by what is on the page.

Debian's `chromium-driver` is a server of plain HTTP and JSON (W3C WebDriver, with Chromium's own protocol beside it).
The standard library is enough for that: nothing comes from npm or PyPI, and browser and driver are of one version.
"""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import queue
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import time

from lab import until

# What a page shows is there within this, or never.
PATIENCE = 20
PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver"}
KEYS = {"Tab": "\ue004", "Enter": "\ue007"}


def programs():
    """The paths of browser and driver."""
    found = {name: shutil.which(name) for name in PACKAGES}
    missing = [PACKAGES[name] for name, path in found.items() if path is None]
    if missing:
        raise SystemExit(
            f"no browser to test the dashboard with: the Debian packages {' '.join(missing)} are missing; "
            f"`make test-requirements` installs them, or: apt-get install {' '.join(missing)}")
    return found["chromium"], found["chromedriver"]


def parts(der):
    """The elements inside of a DER element, each with its head."""
    def length(at):
        first = der[at + 1]
        octets = first & 0x7F if first & 0x80 else 0
        size = int.from_bytes(der[at + 2:at + 2 + octets], "big") if octets else first
        return at + 2 + octets, size

    at, size = length(0)
    end = at + size
    while at < end:
        content, size = length(at)
        yield der[at:content + size]
        at = content + size


def key_digest(certificate):
    """By which Chromium knows a certificate's key: SHA-256 of its subjectPublicKeyInfo."""
    to_be_signed = next(parts(ssl.PEM_cert_to_DER_cert(certificate.read_text())))
    # Version, serial number, algorithm, issuer, validity, subject, key.
    key = list(parts(to_be_signed))[6]
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


class Browser:
    """One tab of a browser that trusts this certificate authority, and no other that it does not know."""

    def __init__(self, address, authority, environment=None):
        chromium, driver = programs()
        self.address = address
        self.folder = tempfile.mkdtemp(prefix="xrdtest-browser-")
        self.driver = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "TMPDIR": self.folder, **(environment or {})})
        self.session = None
        try:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=60)
            options = {
                "binary": chromium,
                "args": [
                    "--headless=new", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
                    # There is none, and to act as one takes the processor.
                    "--disable-gpu",
                    f"--ignore-certificate-errors-spki-list={key_digest(authority)}",
                    # Its own sandbox does not work as root.
                    *(["--no-sandbox"] if os.geteuid() == 0 else []),
                ],
            }
            capabilities = {
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
            self.session = f"/session/{answer['sessionId']}"
        except BaseException:
            self.close()
            raise
        self.screen()

    def port(self):
        """Where the driver listens; what it says later is read and forgotten."""
        lines = queue.Queue()

        def read():
            for line in self.driver.stdout:
                lines.put(line)

        threading.Thread(target=read, daemon=True).start()
        said = ""
        while True:
            try:
                said += lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise SystemExit(f"chromedriver did not begin: {said}") from None
            found = re.search(r"started successfully on port (\d+)", said)
            if found:
                return int(found[1])

    def ask(self, method, path, body=None):
        content = None if method in ("GET", "DELETE") else json.dumps(body or {})
        self.connection.request(method, path, content, {"content-type": "application/json"})
        value = json.loads(self.connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def protocol(self, command, **parameters):
        """A command of Chromium's own protocol."""
        return self.ask("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def evaluate(self, expression):
        """The value of an expression of JavaScript, a promise's when it has come."""
        answer = self.protocol("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, path):
        self.ask("POST", f"{self.session}/url", {"url": self.address + path})

    def path(self):
        return self.evaluate("location.pathname + location.search + location.hash")

    def text(self, selector="main"):
        """What can be read in the first such element; nothing where there is none."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def count(self, selector):
        return self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def see(self, words, selector="main"):
        """Waits until it can be read there."""
        def seen():
            return words in self.text(selector)

        self.until(f"{words!r} in {selector}", seen)

    def until(self, what, condition):
        try:
            return until(what, condition, PATIENCE, every=0.05)
        except SystemExit as failure:
            raise AssertionError(f"{failure}; {self.path()} shows:\n{self.text()[:2000]}") from None

    def elements(self, selector):
        found = self.ask("POST", f"{self.session}/elements", {"using": "css selector", "value": selector})
        return [f"{self.session}/element/{next(iter(one.values()))}" for one in found]

    def element(self, selector):
        found = self.ask("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        return f"{self.session}/element/{next(iter(found.values()))}"

    def click(self, selector):
        """Clicks where it is, as far as nothing lies above it."""
        self.ask("POST", self.element(selector) + "/click")

    def fill(self, selector, text):
        element = self.element(selector)
        self.ask("POST", element + "/clear")
        self.ask("POST", element + "/value", {"text": text})

    def fold_out(self, word):
        """Opens what is folded behind this word, or closes it."""
        for summary in self.elements("details.act > summary"):
            if self.ask("GET", summary + "/text") == word:
                return self.ask("POST", summary + "/click")
        raise AssertionError(f"nothing is folded behind {word!r} on {self.path()}:\n{self.text()[:2000]}")

    def send(self, selector):
        """Clicks the button of a form, and waits for the page to which that leads: the driver does not."""
        self.leave(self.element(selector))

    def leave(self, button):
        def left():
            try:
                return self.evaluate("window.staying === undefined && document.readyState === 'complete'")
            except RuntimeError:
                # There is neither the one page nor the other.
                return False

        self.evaluate("window.staying = true")
        self.ask("POST", button + "/click")
        self.until("another page", left)

    def press_button(self, word):
        """Sends the form whose button has this word and can be seen."""
        for button in self.elements("main button"):
            if self.ask("GET", button + "/text") == word:
                return self.leave(button)
        raise AssertionError(f"no button {word!r} on {self.path()}:\n{self.text()[:2000]}")

    def press(self, *keys):
        """Presses keys one after the other."""
        strokes = [{"type": kind, "value": KEYS[key]} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def screen(self, width=1440, height=900, scale=1):
        self.protocol("Emulation.setDeviceMetricsOverride",
                      width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)

    def theme(self, theme):
        """What the system wants: `light` or `dark`."""
        self.protocol("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def scripts(self, wanted):
        """Whether pages may run scripts; those of the tests run in any case."""
        self.protocol("Emulation.setScriptExecutionDisabled", value=not wanted)

    def log(self, kind):
        """What was logged since the last time: `browser` or `performance`."""
        return self.ask("POST", f"{self.session}/se/log", {"type": kind})

    def requested(self):
        """The addresses that were asked for since the last time."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]

    def weight(self):
        """DOM nodes and MiB of the page's JavaScript, without what is garbage."""
        self.protocol("HeapProfiler.collectGarbage")
        counters = self.protocol("Memory.getDOMCounters")
        return counters["nodes"], self.protocol("Runtime.getHeapUsage")["usedSize"] / (1 << 20)

    def picture(self, file, whole=False):
        """A screenshot, of the whole page or what fits on the screen."""
        data = self.protocol("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        pathlib.Path(file).write_bytes(base64.b64decode(data))

    def close(self):
        if self.session:
            try:
                self.ask("DELETE", self.session)
            except (OSError, http.client.HTTPException, RuntimeError):
                pass
        self.driver.terminate()
        self.driver.wait(10)
        # Chromium's processes write to their folder until the last one has gone.
        end = time.monotonic() + 10
        while os.path.exists(self.folder) and time.monotonic() < end:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
