#!/usr/bin/env python3
"""Mail about runs, taken by a real mail server: what the policies ask for and no other, also with the server down.

    mail.py --programs DIR
"""

import argparse
import email
import email.policy
import json
import pathlib
import socket
import subprocess
import time

from lab import Lab, free_port, until, write_cluster, write_suite
from schedule import reload, restart, runs_of, soon, words_of

# Case `a` fails while the file is there.
SCRIPT = """#!/bin/bash
echo "$XRDTEST_CASE / $XRDTEST_STAGE <at work>"
if [ "$XRDTEST_CASE" = a ] && [ "$XRDTEST_STAGE" = run ] && [ -e /mnt/lab/broken ]; then exit 3; fi
"""
LINK = "https://xrdtest.example.org"
OPS, DEV = "ops@example.org", "dev@example.org"
LOGIN = "xrdtest:a secret"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of the programs")
    args = parser.parse_args()
    begin = time.monotonic()
    port = free_port()
    with Lab(args.programs) as lab, Server(lab, port) as server:
        write_cluster(lab.definitions, "one", 1, 212)
        configure(lab, f"smtp = '127.0.0.1:{port}'\ntls = 'none'\nlink = '{LINK}/'\n")
        lab.start()
        for trial in (fails_without_a_server, passes_again, killed_at_the_end, as_policies_say, way_out):
            trial(lab, server)
            print(f"{trial.__name__}: {time.monotonic() - begin:.1f} s")


class Server:
    """The mail server, which may be down, and the mails that it took."""

    def __init__(self, lab, port):
        self.port, self.folder, self.file, self.process = port, lab.folder, lab.folder / "mails", None
        self.seen = 0

    def start(self, *words):
        program = pathlib.Path(__file__).with_name("mail_server.py")
        command = ["/usr/bin/python3", program, "--port", str(self.port), "--file", self.file, *words]
        self.process = subprocess.Popen(command)

        def listens():
            assert self.process.poll() is None, "the mail server ended: is python3-aiosmtpd installed?"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        until("the mail server listens", listens)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def took(self, lab, number, killed=False):
        """Waits for so many mails since it was asked last. One too many would be there then, or before those of the
        next run: mails are made and sent in the order of what happened. Where the engine was killed meanwhile it may
        send a mail once more that was taken, but not noted as sent: the same one."""
        def lines():
            return self.file.read_text().splitlines()[self.seen:] if self.file.exists() else []

        def mails():
            all_of_them = [Mail(json.loads(line)) for line in lines()]
            return list({(mail.to, mail.id): mail for mail in all_of_them}.values()) if killed else all_of_them
        until(f"{number} mails are taken", lambda: len(mails()) >= number, 60)
        until("no mail waits", lambda: mail_info(lab) == {"waiting": 0, "error": ""}, 60)
        new = mails()
        self.seen += len(lines())
        return new

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Mail:
    def __init__(self, taken):
        self.taken, (self.to,) = taken, taken["to"]
        self.message = email.message_from_string(taken["content"], policy=email.policy.default)
        self.subject, self.id = self.message["subject"], self.message["message-id"]
        self.first = self.message["in-reply-to"]
        assert self.message["references"] == self.first
        assert (self.message["to"], self.message["auto-submitted"]) == (self.to, "auto-generated")
        assert self.message["from"] == "xrdtest <xrdtest@example.org>" and taken["from"] == "xrdtest@example.org"
        assert self.message.get_content_type() == "multipart/alternative"
        self.text, self.html = (
            self.message.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html")
        )


def configure(lab, way):
    """Changes [mail], for the engine's next start."""
    file = lab.folder / "engine.toml"
    others = file.read_text().split("[mail]\n")[0]
    file.write_text(f"{others}[mail]\nfrom = 'xrdtest <xrdtest@example.org>'\n{way}")


def define(lab, name, more=""):
    alerts = f"ts.alert_emails = {json.dumps([OPS, DEV])};"
    write_suite(lab.definitions, name, "one", ["a", "b"], SCRIPT, f"{alerts} {more}", ("run",))
    reload(lab)


def by_schedule(lab, name):
    """A run that the suite's schedule starts; answers it when it is over."""
    start, known = soon(3), len(runs_of(lab, name))
    at = time.gmtime(start)
    fields = {"year": at.tm_year, "month": at.tm_mon, "day": at.tm_mday, "hour": at.tm_hour, "minute": at.tm_min,
              "second": at.tm_sec}
    schedule = ", ".join(f'{field}: "{value}"' for field, value in fields.items())
    define(lab, name, f'ts.schedule = #{{ {schedule} }}; ts.timezone = "UTC";')
    run, by, _ = until("it starts", lambda: runs_of(lab, name)[known:], 30)[0]
    assert by == f"schedule: {words_of(start)}", by
    until("it is over", lambda: run not in lab.unfinished())
    return run, by


def mail_info(lab):
    return (lab.ask("GET", "/status") or {}).get("mail")


def command(lab, *words, code=0):
    program = [lab.programs / "xrdtest-engine", "--config", lab.folder / "engine.toml", *words]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def broken(lab, yes):
    file = lab.shared / "broken"
    file.touch() if yes else file.unlink()


def fails_without_a_server(lab, server):
    broken(lab, True)
    run, by = by_schedule(lab, "nightly")
    # By default of each case that failed and of the run; to two people.
    until("four mails wait", lambda: (mail_info(lab) or {}).get("waiting") == 4, 30)
    why = until("an error is told", lambda: mail_info(lab)["error"], 30)
    assert f"127.0.0.1:{server.port} can't be reached" in why, why
    assert f"4 mails are not sent yet: the mail server 127.0.0.1:{server.port}" in command(lab, "status")
    for _ in range(2):
        restart(lab)
        # Why they wait is told from the first answer on.
        told = until("the engine answers", lambda: lab.ask("GET", "/status"), 30)["mail"]
        assert told["waiting"] == 4 and f"127.0.0.1:{server.port} can't be reached" in told["error"], told
    server.start()
    mails = server.took(lab, 4)
    subjects = ["[xrdtest] nightly / a failed (new failure)",
                "[xrdtest] nightly failed (new failure): 1 of 2 cases did not pass"]
    assert sorted((mail.to, mail.subject) for mail in mails) == sorted(
        (to, subject) for to in (DEV, OPS) for subject in subjects), [mail.subject for mail in mails]
    for to in (DEV, OPS):
        # What a mail answers was there before it, whichever of them was tried while nothing went.
        assert [mail.subject for mail in mails if mail.to == to] == subjects, [mail.subject for mail in mails]
        case, whole = [next(mail for mail in mails if (mail.to, mail.subject) == (to, subject)) for subject in subjects]
        # One thread.
        assert (case.first, whole.first) == (None, case.id) and run in case.id and case.id != whole.id
        for mail in (case, whole):
            for words in (run, by, f"{LINK}/runs/{run}\n", "a / run on m1.xrd.test: failed, exit code 3\n",
                          f"{LINK}/runs/{run}/outputs/03-a-run/m1.xrd.test\n", "  | a / run <at work>\n"):
                assert words in mail.text, (words, mail.text)
            assert "a / run &lt;at work&gt;" in mail.html and f'href="{LINK}/runs/{run}"' in mail.html, mail.html
        assert "Cases:        1 passed, 1 failed\n" in whole.text, whole.text


def passes_again(lab, server):
    broken(lab, False)
    run, _ = by_schedule(lab, "nightly")
    mails = server.took(lab, 2)
    expected = [(to, "[xrdtest] nightly passed (fixed)", None) for to in (DEV, OPS)]
    assert sorted((mail.to, mail.subject, mail.first) for mail in mails) == expected, mails
    assert all(run in mail.id for mail in mails)


def killed_at_the_end(lab, server):
    """Whenever the engine is killed, there is one mail about a run that is over."""
    for _ in range(3):
        run = lab.submit("nightly")
        until("it is over", lambda: run not in lab.unfinished())
        restart(lab)
        mails = server.took(lab, 2, killed=True)
        assert sorted((mail.to, mail.subject) for mail in mails) == [
            (to, "[xrdtest] nightly passed") for to in (DEV, OPS)], [mail.subject for mail in mails]
        assert all(run in mail.id for mail in mails)


def as_policies_say(lab, server):
    for success, failure, passing, failing in [
        ("NONE", "NONE", [], []),
        ("CASE", "SUITE", ["{} / a passed", "{} / b passed", "{} passed"],
         ["{} / b passed", "{} failed (new failure): 1 of 2 cases did not pass"]),
        ("NONE", "CASE", [], ["{} / a failed (new failure)", "{} failed (new failure): 1 of 2 cases did not pass"]),
    ]:
        name = f"{success}_{failure}".lower()
        define(lab, name, f'ts.alert_success = "{success}"; ts.alert_failure = "{failure}";')
        for yes, subjects in ((False, passing), (True, failing)):
            if yes:
                broken(lab, True)
            lab.run(name)
            if yes:
                broken(lab, False)
            # Its mails come after those that are expected, and after those that are not.
            lab.run("nightly")
            expected = [f"[xrdtest] {subject.format(name)}" for subject in subjects] + ["[xrdtest] nightly passed"]
            mails = server.took(lab, 2 * len(expected))
            assert sorted((mail.to, mail.subject) for mail in mails) == sorted(
                (to, subject) for to in (DEV, OPS) for subject in expected), [mail.subject for mail in mails]


def way_out(lab, server):
    server.stop()
    words = command(lab, "mail", "test", OPS, code=2)
    assert "can't be reached" in words, words
    ca, leaf = server.folder / "mail-ca", server.folder / "mail"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for more in (
        ["-subj", "/CN=ca", "-keyout", f"{ca}.key", "-out", f"{ca}.pem"],
        ["-subj", "/CN=localhost", "-keyout", f"{leaf}.key", "-out", f"{leaf}.pem", "-CA", f"{ca}.pem",
         "-CAkey", f"{ca}.key", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"],
    ):
        subprocess.run([*new, *more], check=True, capture_output=True)
    server.start("--certificate", f"{leaf}.pem", "--key", f"{leaf}.key", "--login", LOGIN)
    assert "did not take the mail: permanent error (530)" in command(lab, "mail", "test", OPS, code=2)
    password = server.folder / "password"
    password.write_text("wrong\n")
    login = f"username = 'xrdtest'\npassword_file = '{password}'\n"
    configure(lab, f"smtp = 'localhost:{server.port}'\n{login}")
    assert "can't agree on TLS" in command(lab, "mail", "test", OPS, code=2)
    configure(lab, f"smtp = 'localhost:{server.port}'\nca = '{ca}.pem'\n{login}")
    assert "does not let xrdtest log in" in command(lab, "mail", "test", OPS, code=2)
    password.write_text(LOGIN.split(":")[1] + "\n")
    assert "did not take the mail: permanent error (550)" in command(lab, "mail", "test", "nobody@x.org", code=2)
    mails_are_encrypted(lab, server)
    encrypted_at_once(lab, server, f"{leaf}.pem", f"{leaf}.key", f"ca = '{ca}.pem'\n{login}")

    sendmail, piped = server.folder / "sendmail", server.folder / "piped"
    sendmail.write_text(f"#!/bin/bash\necho \"$@\" > {piped}\ncat >> {piped}\n[ \"$5\" != nobody@x.org ]\n")
    sendmail.chmod(0o755)
    configure(lab, f"sendmail = '{sendmail}'\n")
    assert "it failed" in command(lab, "mail", "test", "nobody@x.org", code=2)
    assert f"{sendmail} took a mail" in command(lab, "mail", "test", OPS)
    arguments, content = piped.read_text().split("\n", 1)
    assert arguments == f"-i -f xrdtest@example.org -- {OPS}" and f"To: {OPS}" in content, (arguments, content)


def mails_are_encrypted(lab, server):
    """A test mail, and those about a run that passes."""
    assert f"localhost:{server.port} took a mail to {OPS}" in command(lab, "mail", "test", OPS)
    restart(lab)
    lab.run("nightly")
    test, *mails = server.took(lab, 3)
    assert test.subject.startswith("[xrdtest] a test from "), test.subject
    assert sorted(mail.to for mail in mails) == [DEV, OPS], mails
    assert all(mail.taken["encrypted"] and mail.taken["login"] for mail in [test, *mails])


def encrypted_at_once(lab, server, certificate, key, way):
    """TLS from the first byte on; neither end takes the other's way of encryption for its own."""
    server.stop()
    server.start("--certificate", certificate, "--key", key, "--login", LOGIN, "--implicit")
    configure(lab, f"smtp = 'localhost:{server.port}'\ntls = 'tls'\n")
    assert "can't be reached" in command(lab, "mail", "test", OPS, code=2), "no CA is given"
    configure(lab, f"smtp = 'localhost:{server.port}'\ntls = 'tls'\n{way}")
    mails_are_encrypted(lab, server)


if __name__ == "__main__":
    main()
