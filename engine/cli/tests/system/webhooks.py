#!/usr/bin/env python3
"""Webhooks and statuses of commits, taken by real servers: what is asked for and nothing else, in order, signed, also
with the servers down, slow, busy or gone, and the engine killed meanwhile; and beside them mails and files.

    webhooks.py --programs DIR
"""

import argparse
import email
import email.policy
import json
import pathlib
import subprocess
import time

from lab import Lab, until, write_cluster, write_suite
from mail import SCRIPT, broken, command
from report import fetch
from repositories import git
from schedule import reload, restart, runs_of, soon, words_of
from webhook_server import Server, certificate

LINK = "https://xrdtest.example.org"
# None of these may be found anywhere but on the way.
SECRET, TOKEN, HOOK = "hush-secret", "hush-token", "hush-path"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    begin = time.monotonic()
    with Lab(args.programs) as lab, Server() as server, Server(certificate(lab.folder)) as secure:
        prepare(lab, server, secure)
        lab.start()
        for trial in (fails_without_servers, passes_again, killed_at_the_end, answers, tried, nothing_leaks):
            trial(lab, server, secure)
            print(f"{trial.__name__}: {time.monotonic() - begin:.1f} s")


# A program that takes mails, unless nothing goes out. The first one is read when the engine is gone that sent it.
SENDMAIL = """#!/bin/bash
[ ! -e {folder}/down ] || exit 75
[ -e {folder}/held ] || {{ touch {folder}/held; tail --pid=$PPID --follow /dev/null; }}
mail=$(mktemp {folder}/XXXXXX) && cat > "$mail" && mv "$mail" {folder}/mails/
"""
# The subjects of all mails that were to be sent so far.
SUBJECTS = []


def prepare_others(lab):
    """Mails and files beside the webhooks: lines of the configuration."""
    (lab.folder / "mails").mkdir()
    sendmail = lab.folder / "sendmail"
    sendmail.write_text(SENDMAIL.format(folder=lab.folder))
    sendmail.chmod(0o755)
    (lab.folder / "down").touch()
    return (f"[mail]\nfrom = 'xrdtest@example.org'\nsendmail = '{sendmail}'\n"
            f"[reports]\nfolder = '{lab.folder}/reports'\nformats = ['junit', 'tap']\n")


def others(lab, run, subjects):
    """There are these mails, those that were asked for earlier, no others, and files of the run."""
    SUBJECTS.extend(f"[xrdtest] {subject}" for subject in subjects)
    until("mails are sent", lambda: not lab.query("select id from deliveries"), 60)
    mails = (lab.folder / "mails").iterdir()
    messages = [email.message_from_string(mail.read_text(), policy=email.policy.default) for mail in mails]
    # A kill may send one once more, but never a part of one.
    assert all(message.get_body(("html",)).get_content().rstrip().endswith("</html>") for message in messages)
    told = {message["message-id"]: message["subject"] for message in messages}.values()
    assert sorted(told) == sorted(SUBJECTS), told
    files = lambda: sorted(file.name for file in (lab.folder / "reports/nightly").glob(f"{run}*"))  # noqa: E731
    until("reports are written", lambda: files() == [f"{run}.junit.xml", f"{run}.tap"], 30)


def prepare(lab, server, secure):
    plain, here = lab.folder / "plain", f"http://127.0.0.1:{server.port}"
    write_cluster(lab.definitions, "one", 1, 214)
    write_suite(lab.definitions, "nightly", "one", ["a", "b"], SCRIPT, "", ("run",))
    write_suite(lab.definitions, "troubled", "one", ["a"], "#!/bin/bash\n", "", ("run",))
    write_cluster(plain, "bare", 1, 215)
    write_suite(plain, "plain", "bare", ["a"], "#!/bin/bash\n", "", ("run",))
    git(lab.definitions, "init", "--quiet", "--initial-branch=main")
    commit(lab)
    for name, line in (("secret", SECRET), ("token", TOKEN), ("chat", f"{here}/services/{HOOK}")):
        (lab.folder / f"hook-{name}").write_text(f"{line}\n")
    link, token = f"link = '{LINK}/'\n", f"token_file = '{lab.folder}/hook-token'\nrepository = 'definitions'\n"
    hooks = [
        f"name = 'ci'\nurl = '{here}/ci'\nsecret_file = '{lab.folder}/hook-secret'\n",
        f"name = 'chat'\nshape = 'slack'\nurl_file = '{lab.folder}/hook-chat'\n",
        f"name = 'team'\nshape = 'mattermost'\nurl = '{here}/team'\nsuites = ['night*']\non = ['success', 'failure']\n",
        f"name = 'cases'\nurl = '{here}/cases'\non = ['case_failure']\n",
        f"name = 'hub'\nshape = 'github'\nurl = 'https://localhost:{secure.port}/api/v3'\nproject = 'o/r'\n"
        f"ca = '{lab.folder}/hooks-ca.pem'\n{token}",
        f"name = 'lab'\nshape = 'gitlab'\nurl = '{here}/api/v4/'\nproject = 'g/s/r'\n{token}",
    ]
    file = lab.folder / "engine.toml"
    repositories = f"{file.read_text()}name = 'definitions'\n[[repository]]\npath = '{plain}'\n"
    file.write_text(repositories + prepare_others(lab) + "".join(f"[[webhooks]]\n{hook}{link}" for hook in hooks))


def commit(lab):
    git(lab.definitions, "add", "--all")
    git(lab.definitions, "commit", "--quiet", "--allow-empty", "-m", "suites")
    return git(lab.definitions, "rev-parse", "HEAD")


def by_schedule(lab, name):
    """A run that the suite's schedule starts; answers its id, its commit and who asked, when it is over."""
    start, known = soon(3), len(runs_of(lab, name))
    at = time.gmtime(start)
    fields = {"year": at.tm_year, "month": at.tm_mon, "day": at.tm_mday, "hour": at.tm_hour, "minute": at.tm_min,
              "second": at.tm_sec}
    schedule = ", ".join(f'{field}: "{value}"' for field, value in fields.items())
    more = f'ts.schedule = #{{ {schedule} }}; ts.timezone = "UTC"; ts.alert_emails = ["ops@example.org"];'
    write_suite(lab.definitions, name, "one", ["a", "b"], SCRIPT, more, ("run",))
    head = commit(lab)
    reload(lab)
    run, by, _ = until("it starts", lambda: runs_of(lab, name)[known:], 30)[0]
    assert by == f"schedule: {words_of(start)}", by
    until("it is over", lambda: run not in lab.unfinished())
    return run, head, by


def info(lab):
    found = (lab.ask("GET", "/status") or {}).get("deliveries", [])
    return {one["target"].removeprefix("webhook/"): one for one in found}


def waiting(lab):
    return {name: one["waiting"] for name, one in info(lab).items()}


def took(lab, run, server, *servers, killed=False):
    """What is new, when nothing about that run waits, by path and in order. Where the engine was killed meanwhile it
    may tell once more what was taken, but not noted as sent: with the same id."""
    def is_told():
        return any(request.path == "/ci" and request.body["id"] == f"{run}.run" for request in server.taken)
    until("the end is told", is_told, 60)
    # All that an event leads to is kept at once.
    until("nothing waits", lambda: not lab.query("select id from deliveries"), 60)
    until("that is told as well", lambda: waiting(lab) and not any(waiting(lab).values()), 60)
    by_path = {}
    for request in [request for one in (server, *servers) for request in one.new()]:
        requests = by_path.setdefault(request.path, [])
        id = request.headers.get("x-xrdtest-delivery")
        if not killed or id not in [known.headers.get("x-xrdtest-delivery") for known in requests]:
            requests.append(request)
    return by_path


def states(requests):
    return [request.body["state"] for request in requests]


def fails_without_servers(lab, server, secure):
    broken(lab, True)
    run, head, by = by_schedule(lab, "nightly")
    expected = {"mail": 2, "ci": 2, "chat": 1, "team": 1, "cases": 1, "hub": 2, "lab": 2}
    until("all of it waits", lambda: waiting(lab) == expected, 30)
    until("an error is told", lambda: all(one["error"] for one in info(lab).values()), 30)
    assert f"webhook ci: 2 not sent yet: http://127.0.0.1:{server.port} can't be reached" in command(lab, "status")
    for _ in range(2):
        restart(lab)
        until("all of it waits", lambda: waiting(lab) == expected, 30)
    server.start(), secure.start()
    (lab.folder / "down").unlink()
    restart(lab)
    until("a mail is on its way", (lab.folder / "held").exists, 30)
    restart(lab)
    requests = took(lab, run, server, secure, killed=True)
    started, over = requests.pop("/ci")
    for request, event, id in ((started, "run_started", "started"), (over, "run_finished", "run")):
        request.verify(SECRET)
        body = request.body
        assert (body["schema"], body["event"], body["id"]) == ("xrdtest.webhook/1", event, f"{run}.{id}"), body
        assert request.headers["x-xrdtest-event"] == event and request.headers["x-xrdtest-delivery"] == body["id"]
        assert (body["run"]["suite"], body["run"]["trigger"], body["run"]["link"]) == (
            "nightly", by, f"{LINK}/runs/{run}"), body
        assert body["run"]["origin"]["commit"] == head, body
    body = over.body
    assert (body["run"]["verdict"], body["change"], body["cases_not_passed"]) == ("failed", "new_failure", 1), body
    assert [(case["name"], case["verdict"]) for case in body["cases"]] == [("a", "failed"), ("b", "passed")], body
    (ending,) = body["endings"]
    assert (ending["title"], ending["machine"], ending["exit_code"]) == ("a / run", "m1.xrd.test", 3), ending
    assert ending["output"] == ["a / run <at work>"] and ending["link"].endswith("/03-a-run/m1.xrd.test"), ending
    (slack,) = requests.pop(f"/services/{HOOK}")
    words = "nightly failed (new failure): 1 of 2 cases did not pass"
    assert slack.body["text"] == f"*<{LINK}/runs/{run}|{words}>*", slack.body
    details = slack.body["attachments"][0]["blocks"][0]["text"]["text"]
    assert "a / run on m1.xrd.test>: failed, exit code 3" in details and "a / run &lt;at work&gt;" in details, details
    (team,) = requests.pop("/team")
    assert team.body["text"] == f"**[{words}]({LINK}/runs/{run})**", team.body
    (case,) = requests.pop("/cases")
    assert (case.body["id"], case.body["case"], case.body["headline"]) == (
        f"{run}.case-0", 0, "nightly / a failed (new failure)"), case.body
    statuses = requests.pop(f"/api/v3/repos/o/r/statuses/{head}")
    assert states(statuses) == ["pending", "failure"], states(statuses)
    assert statuses[1].body == {
        "state": "failure", "context": "xrdtest/nightly", "target_url": f"{LINK}/runs/{run}",
        "description": "failed (new failure): 1 of 2 cases did not pass; a / run on m1.xrd.test"}, statuses[1].body
    assert {status.headers["authorization"] for status in statuses} == {f"Bearer {TOKEN}"}
    statuses = requests.pop(f"/api/v4/projects/g%2Fs%2Fr/statuses/{head}")
    assert states(statuses) == ["running", "failed"] and statuses[1].body["name"] == "xrdtest/nightly", statuses
    assert {status.headers["private-token"] for status in statuses} == {TOKEN}
    assert not requests, requests
    others(lab, run, ["nightly / a failed (new failure)", words])


def passes_again(lab, server, secure):
    broken(lab, False)
    run, head, _ = by_schedule(lab, "nightly")
    requests = took(lab, run, server, secure)
    assert [request.body["id"] for request in requests.pop("/ci")] == [f"{run}.started", f"{run}.run"]
    (slack,) = requests.pop(f"/services/{HOOK}")
    (team,) = requests.pop("/team")
    for message in (slack, team):
        assert "nightly passed (fixed)" in message.body["text"], message.body
    assert states(requests.pop(f"/api/v3/repos/o/r/statuses/{head}")) == ["pending", "success"]
    assert states(requests.pop(f"/api/v4/projects/g%2Fs%2Fr/statuses/{head}")) == ["running", "success"]
    assert not requests, requests
    others(lab, run, ["nightly passed (fixed)"])


def killed_at_the_end(lab, server, secure):
    """Whenever the engine is killed, each is told once what it asks for; chats are not of a run that passes as ever."""
    head = git(lab.definitions, "rev-parse", "HEAD")
    for _ in range(2):
        run = lab.submit("nightly")
        until("it is over", lambda: run not in lab.unfinished())
        restart(lab)
        requests = took(lab, run, server, secure, killed=True)
        assert [request.body["id"] for request in requests.pop("/ci")] == [f"{run}.started", f"{run}.run"]
        assert len(requests.pop("/team")) == 1
        assert states(requests.pop(f"/api/v3/repos/o/r/statuses/{head}")) == ["pending", "success"]
        assert states(requests.pop(f"/api/v4/projects/g%2Fs%2Fr/statuses/{head}")) == ["running", "success"]
        assert not requests, requests


def answers(lab, server, secure):
    """Servers that do not take it. A run of a folder without git, and one of files that are not committed, have no
    status; that is said once."""
    server.answers = {
        "/gone": [(410, {})],
        "/moved": [(302, {"location": f"http://127.0.0.1:{server.port}/stolen"})],
        "/slow": [(0, {}), (200, {})],
        "/busy": [(429, {"retry-after": "7"}), (200, {})],
        "/broken": [(503, {}), (200, {})],
    }
    file = lab.folder / "engine.toml"
    before = file.read_text()
    for name in ("gone", "moved", "slow", "busy", "broken"):
        url = f"url = 'http://127.0.0.1:{server.port}/{name}'\ntimeout = '1s'\n"
        with open(file, "a", encoding="utf-8") as added:
            added.write(f"[[webhooks]]\nname = '{name}'\n{url}suites = ['troubled']\n")
    with open(file, "a", encoding="utf-8") as added:
        added.write("[[webhooks]]\nname = 'plain'\nshape = 'gitlab'\nproject = '7'\nrepository = 'plain'\n"
                    f"url = 'http://127.0.0.1:{server.port}/v4'\ntoken_file = '{lab.folder}/hook-token'\n")
    # Who comes later is not told of what was before.
    restart(lab)
    runs = [lab.submit(suite) for suite in ("plain", "plain")]
    (lab.definitions / "untracked").write_text("new\n")
    reload(lab)
    run = lab.submit("troubled")
    until("all are over", lambda: not lab.unfinished())
    until("the engine gave up", lambda: info(lab)["gone"]["failed"] == info(lab)["moved"]["failed"] == 2, 30)
    assert "410 Gone" in info(lab)["gone"]["error"], info(lab)["gone"]
    assert "redirects are not followed" in info(lab)["moved"]["error"], info(lab)["moved"]
    until("others wait", lambda: all(info(lab)[name]["waiting"] == 2 for name in ("slow", "busy", "broken")), 30)
    slow = until("it was too slow", lambda: info(lab)["slow"]["error"], 30)
    assert "was not done within 1" in slow, slow
    assert "webhook gone: 2 given up: http://127.0.0.1" in command(lab, "status")
    _, metrics = fetch(lab, "/metrics")
    for name, (sent, failed, left) in {"gone": (0, 2, 0), "busy": (0, 0, 2)}.items():
        labels = f'{{target="webhook/{name}"}}'
        for kind, number in (("sent_total", sent), ("failed_total", failed), ("waiting", left)):
            assert f"xrdtest_deliveries_{kind}{labels} {number}\n" in metrics, metrics
    requests = took(lab, run, server, secure)
    for name in ("slow", "busy", "broken"):
        ids = [request.body["id"] for request in requests[f"/{name}"]]
        # The second does not overtake the first.
        assert ids == [f"{run}.started", f"{run}.started", f"{run}.run"], (name, ids)
    first, second, _ = requests["/busy"]
    assert second.at - first.at >= 7, second.at - first.at
    assert sorted(request.body["id"] for request in requests["/ci"]) == sorted(
        f"{one}.{about}" for one in (*runs, run) for about in ("started", "run")), requests["/ci"]
    assert not any("statuses" in path or path == "/stolen" for path in requests), requests.keys()
    said = [line for line in (lab.folder / "engine.log").read_text().splitlines() if "has no status" in line]
    assert len(said) == 3 and sum('webhook="plain"' in line for line in said) == 1, said
    (lab.definitions / "untracked").unlink()
    # What waits for a webhook that is not there any more is given up.
    server.answers["/slow"] = [(500, {})]
    reload(lab)
    run = lab.run("troubled")["id"]
    until("one waits", lambda: waiting(lab)["slow"] == 2, 30)
    file.write_text(before)
    restart(lab)
    assert "slow" not in waiting(lab)
    until("it is gone", lambda: not lab.query("select id from deliveries where target = 'webhook/slow'"), 30)
    took(lab, run, server, secure)


def tried(lab, server, secure):
    words = command(lab, "webhook", "test", "ci")
    assert words == f"ci: http://127.0.0.1:{server.port} took a message\n", words
    (request,) = server.new()
    request.verify(SECRET)
    assert (request.path, request.body["event"]) == ("/ci", "test"), request.body
    as_documented(lab, request)
    command(lab, "webhook", "test")
    paths = sorted((request.method, request.path) for one in (server, secure) for request in one.new())
    assert paths == [("GET", "/api/v3/repos/o/r"), ("GET", "/api/v4/projects/g%2Fs%2Fr"), ("POST", "/cases"),
                     ("POST", "/ci"), ("POST", f"/services/{HOOK}"), ("POST", "/team")], paths
    assert "there is no webhook `x`; there are ci, chat" in command(lab, "webhook", "test", "x", code=2)
    secure.answers = {"/api/v3/repos/o/r": [(401, {})]}
    words = command(lab, "webhook", "test", "hub", code=2)
    assert "401 Unauthorized" in words and "you said" in words and TOKEN not in words, words
    server.answers = {f"/services/{HOOK}": [(404, {})]}
    words = command(lab, "webhook", "test", "chat", code=2)
    assert "404 Not Found" in words and HOOK not in words, words
    file = lab.folder / "engine.toml"
    before = file.read_text()
    file.write_text(before.replace(f"ca = '{lab.folder}/hooks-ca.pem'\n", ""))
    assert "can't agree on TLS" in command(lab, "webhook", "test", "hub", code=2)
    for wrong, why in ((f"url = 'ftp://{HOOK}'\n", "begins with https://"), (f"secrett = '{SECRET}'\n", "secrett")):
        file.write_text(f"{before}[[webhooks]]\n{wrong}")
        words = command(lab, "reload", code=2)
        assert why in words and SECRET not in words and HOOK not in words, words
    file.write_text(before)


def as_documented(lab, request):
    """The recipes for signatures in the documentation do what they say."""
    text = (pathlib.Path(__file__).parents[4] / "docs/webhooks.md").read_text()
    python, shell = (next(part.split("\n```")[0] for part in text.split(f"```{language}\n")[1:] if "verify" in part)
                     for language in ("python", "sh"))
    recipe = {}
    exec(python, recipe)
    old = dict(request.headers) | {"X-Xrdtest-Timestamp": "1795342500"}
    body, secret = lab.folder / "hook-body", lab.folder / "hook-secret"
    for raw, headers, good in ((request.raw, request.headers, True), (request.raw + b" ", request.headers, False),
                               (request.raw, old, False), (request.raw, {}, False)):
        assert recipe["verify"](SECRET.encode(), headers, raw) == good, (headers, raw)
        body.write_bytes(raw)
        words = [headers.get(f"X-Xrdtest-{name}", "0") for name in ("Timestamp", "Signature")]
        command = ["bash", "-c", f'{shell}\nverify "$@"', "verify", secret, *words, body]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0, done.stderr) == (good, ""), done
    assert not recipe["verify"](b"another", request.headers, request.raw)


def nothing_leaks(lab, *_):
    said = (lab.folder / "engine.log").read_text() + json.dumps(lab.ask("GET", "/status"))
    said += fetch(lab, "/metrics")[1]
    for secret in (SECRET, TOKEN, HOOK):
        assert secret not in said, [line for line in said.splitlines() if secret in line]


if __name__ == "__main__":
    main()
