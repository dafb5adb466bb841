"""Measures the dashboard with a long history behind it; `bench.py dashboard` calls it."""

import asyncio
import http.client
import random
import re
import ssl
import statistics
import subprocess
import time

from lab import Lab, free_port, until, write_cluster, write_suite

READERS = 50
# Seconds between an answer and the next question of somebody who reads.
THINK = (1.0, 2.0)
MACHINES, LINES = 2, 1_000_000

# It says the time, which the machine has in common with the readers, and is over when it is told so.
TELLING = """#!/bin/bash
[ "$XRDTEST_STAGE" = run ] || exit 0
while [ ! -e /mnt/lab/enough ]; do echo "written at $EPOCHREALTIME, a line like others"; sleep 0.1; done
"""


def unchecked():
    """The engine's certificate is of its own authority, and not what is measured."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Reader:
    """A browser's connection that is kept."""

    def __init__(self, port, context):
        self.port, self.context, self.stream = port, context, None

    async def connect(self):
        self.stream = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context, limit=1 << 24)

    async def get(self, path):
        """Status and body."""
        reading, writing = self.stream
        writing.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        head = (await reading.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        body = await reading.readexactly(int(length[1])) if length else b""
        return int(head.split()[1]), body

    async def events(self, path):
        """Server-sent events as (name, data), until the connection ends."""
        reading, writing = self.stream
        writing.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n".encode())
        await reading.readuntil(b"\r\n\r\n")
        name, data = "message", []
        while line := await reading.readline():
            text = line.decode().rstrip("\r\n")
            if text.startswith("event:"):
                name = text[6:].strip()
            elif text.startswith("data:"):
                data.append(text[5:].removeprefix(" "))
            elif not text and data:
                yield name, "\n".join(data)
                name, data = "message", []


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


async def read_along(port, pages, seconds, think):
    """All readers for so long; the times in milliseconds by kind of page, and the largest body of each."""
    times, sizes = {kind: [] for kind in pages}, dict.fromkeys(pages, 0)
    context, end = unchecked(), time.monotonic() + seconds

    async def person(number):
        chance = random.Random(number)
        reader = Reader(port, context)
        await reader.connect()
        if think:
            await asyncio.sleep(chance.uniform(0, think[1]))
        while time.monotonic() < end:
            kind = chance.choice(list(pages))
            path = chance.choice(pages[kind])
            begin = time.monotonic()
            status, body = await reader.get(path)
            times[kind].append((time.monotonic() - begin) * 1000)
            assert status == 200, f"{path}: {status}"
            sizes[kind] = max(sizes[kind], len(body))
            if think:
                await asyncio.sleep(chance.uniform(*think))

    await asyncio.gather(*(person(number) for number in range(READERS)))
    return times, sizes


def pages_of(lab):
    """Addresses by kind of page."""
    runs = [run for run, in lab.query("select id from runs order by event desc limit 400")]
    old = [run for run, in lab.query("select id from runs order by event limit 200")]
    suites = [suite for suite, in lab.query("select distinct suite from runs")]
    clusters = [cluster for cluster, in lab.query("select distinct cluster from instances")]
    outputs = lab.query("select run, stage, machine from outputs where log = '' and run in "
                        "(select id from runs order by event desc limit 100 offset 1)")
    middle, = lab.query("select queued from runs order by event limit 1 offset (select count(*) / 2 from runs)")[0]
    return {
        "a style sheet, for comparison": [style(lab)],
        "overview": ["/"],
        "suites": ["/testsuites"],
        "suite": [f"/testsuites/{suite}" for suite in suites],
        "badge": [f"/testsuites/{suite}/badge.svg" for suite in suites],
        "runs": ["/runs", f"/runs?before={middle}"],
        "runs by verdict": [f"/runs?verdict={word}" for word in ("failed", "error", "cancelled")],
        "runs by suite and verdict": [f"/runs?suite={suite}&verdict=failed" for suite in suites],
        "run": [f"/runs/{run}" for run in runs + old],
        "output": [f"/runs/{run}/outputs/{stage}/{machine}" for run, stage, machine in outputs],
        "clusters": ["/clusters"],
        "cluster": [f"/clusters/{cluster}" for cluster in clusters],
        "hypervisors": ["/hypervisors"],
        "slaves": ["/slaves"],
        "slave": [f"/slaves/{run}.0/ds1.xrd.test" for run in runs],
        "definitions": ["/definitions"],
        "documentation": ["/documentation/definitions"],
    }


def ask(lab, path):
    """One answer: seconds, status, body."""
    connection = http.client.HTTPSConnection("127.0.0.1", lab.web, context=unchecked(), timeout=100)
    connection.connect()
    begin = time.monotonic()
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    took = time.monotonic() - begin
    connection.close()
    return took, response.status, body


def style(lab):
    return re.search(rb'href="(/assets/[^"]*style.css)"', ask(lab, "/")[2])[1].decode()


def told(bounds, times, sizes, most=None):
    print(f"    {'page':32} {'asked':>6} {'p50 ms':>8} {'p99 ms':>8} {'worst':>8} {'KiB':>8}")
    for kind, took in times.items():
        if took:
            print(f"    {kind:32} {len(took):6} {statistics.median(took):8.1f} {percentile(took, 0.99):8.1f} "
                  f"{max(took):8.1f} {sizes[kind] / 1024:8.1f}")
            if most is not None and percentile(took, 0.99) > most:
                bounds.broken.append(f"{kind}: 99 of 100 within {percentile(took, 0.99):.1f} ms (at most {most} ms)")


def history(lab, args, bounds):
    """The generator's runs, in place of an engine's own."""
    begin = time.monotonic()
    subprocess.run([args.programs / "examples/history", "--state", lab.state, "--definitions", lab.definitions,
                    "--runs", str(args.history), "--suites", "200", "--lines", str(LINES)], check=True)
    bounds.say(f"making {args.history} runs", time.monotonic() - begin, "s")
    bounds.say("the store", (lab.state / "store.sqlite").stat().st_size / (1 << 20), "MiB")


def reading(lab, bounds):
    pages = pages_of(lab)
    for paths in pages.values():
        ask(lab, paths[0])
    _, _, first = ask(lab, "/")
    bounds.say("the first page", len(first) / 1000, "kB", most=100)
    print(f"  {READERS} readers who read for {THINK[0]:g} to {THINK[1]:g} s before they ask again, 60 s")
    times, sizes = asyncio.run(read_along(lab.web, pages, 60, THINK))
    told(bounds, times, sizes, most=50)
    every = [took for kind in times.values() for took in kind]
    bounds.say("99 of 100 of all answers", percentile(every, 0.99), "ms", most=50)
    print(f"  {READERS} readers who ask again at once, 10 s (the readers take a processor for themselves)")
    times, sizes = asyncio.run(read_along(lab.web, pages, 10, None))
    told(bounds, times, sizes)
    every = [took for kind in times.values() for took in kind]
    bounds.say("answers per second", len(every) / 10, "")
    bounds.say("99 of 100 of all answers", percentile(every, 0.99), "ms")


def long_output(lab, bounds):
    run, stage, machine = lab.query("select run, stage, machine from outputs order by length desc limit 1")[0]
    address = f"/runs/{run}/outputs/{stage}/{machine}"
    for words, path, most in [
        ("the run's page", f"/runs/{run}", 1), (f"its output of {LINES} lines, the end", address, 1),
        ("its beginning", f"{address}?from=1", 1), ("a line in the middle", f"{address}?from={LINES // 2}", 1),
        ("a word that is in no line", f"{address}?q=nowhere", 2), ("its warnings", f"{address}?level=warnings", 2),
    ]:
        first, again = ask(lab, path), [ask(lab, path)[0] for _ in range(5)]
        assert first[1] == 200, f"{path}: {first[1]}"
        bounds.say(f"{words}, first time ({len(first[2]) / 1000:.0f} kB)", first[0], "s", most=most)
        bounds.say(f"{words}, again", statistics.median(again), "s")


async def watch(port, path, seconds):
    """What somebody sees who looks at a page: (written, seen) of each line, as the page's own script would have it."""
    context = unchecked()
    asking, listening = Reader(port, context), Reader(port, context)
    await asyncio.gather(asking.connect(), listening.connect())
    _, page = await asking.get(path)
    stream = re.search(rb'(?:sse-connect|data-follow)="([^"]*)"', page)[1].decode().replace("&amp;", "&")
    seen = {float(found) for found in re.findall(rb"written at (\d+\.\d+)", page)}
    pairs, end = [], time.monotonic() + seconds

    async def follow():
        async for name, data in listening.events(stream):
            text = data.encode()
            if name == "change":
                _, text = await asking.get(path)
            now = time.time()
            for found in {float(found) for found in re.findall(rb"written at (\d+\.\d+)", text)} - seen:
                seen.add(found)
                pairs.append((found, now))
            if time.monotonic() > end:
                return

    await asyncio.wait_for(follow(), seconds + 30)
    return pairs


async def watch_all(port, path, count, seconds):
    return [pair for pairs in await asyncio.gather(*(watch(port, path, seconds) for _ in range(count)))
            for pair in pairs]


def live(lab, bounds):
    """From a script's write to 20 open pages."""
    lab.hypervisor = lab.join("hypervisor", "lab")
    until("the hypervisor agent is in contact", lambda: lab.status()["hypervisors"] == 1)
    run = lab.submit("telling")
    machine = "m1.xrd.test"
    until("it tells", lambda: any((lab.state / "runs" / run).rglob(f"*-run/{machine}.log")))
    stage = next((lab.state / "runs" / run).rglob(f"*-run/{machine}.log")).parent.name
    for words, path in [("output", f"/runs/{run}/outputs/{stage}/{machine}")]:
        pairs = asyncio.run(watch_all(lab.web, path, 20, 20))
        late = [(at - written) * 1000 for written, at in pairs]
        bounds.say(f"lines seen in 20 open pages ({words})", len(late), "", least=20 * 100)
        bounds.say("from a script's write to the page, middle", statistics.median(late), "ms")
        bounds.say("95 of 100", percentile(late, 0.95), "ms", most=150)
    (lab.shared / "enough").touch()
    lab.settle()


def dashboard(args, bounds):
    """A dashboard with 100,000 runs of 200 suites behind it."""
    port = free_port()
    with Lab(args.programs, configuration=f"[web]\nlisten = '127.0.0.1:{port}'\nanonymous = 'viewer'\n") as lab:
        lab.web = port
        history(lab, args, bounds)
        write_cluster(lab.definitions, "telling", MACHINES, 251)
        write_suite(lab.definitions, "telling", "telling", ["a"], TELLING)
        begin = time.monotonic()
        lab.start_engine()
        until("the engine answers", lambda: lab.ask("GET", "/status"), 60)
        bounds.say("start of the engine", time.monotonic() - begin, "s")
        reading(lab, bounds)
        long_output(lab, bounds)
        live(lab, bounds)
