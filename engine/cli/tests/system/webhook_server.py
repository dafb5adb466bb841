"""An HTTP server for webhooks, which a trial takes down, slows and has answer as it likes."""

import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading
import time


class Server:
    """An HTTP server, which may be down, and the requests that it took; with a certificate, over TLS."""

    def __init__(self, certificate=None):
        self.taken, self.seen, self.answers, self.certificate, self.server = [], 0, {}, certificate, None
        # Its port, for as long as it is down as well.
        self.start()
        self.port = self.server.server_port
        self.stop()

    def start(self):
        book = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                book.taken.append(Request(self.command, self.path, self.headers, body))
                status, headers = book.answer(self.path)
                if status:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    # What is said to a stranger may have in it what he said.
                    self.wfile.write(f"you said {self.path} {self.headers.get('authorization')}".encode())

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """An engine that is killed hangs up."""

        self.server = Threads(("127.0.0.1", getattr(self, "port", 0)), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{self.certificate}.pem", f"{self.certificate}.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def answer(self, path):
        """The next of the answers that are given there; the last one stays. A status of 0 is none at all."""
        answers = self.answers.get(path, [(200, {})])
        status, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0:
            time.sleep(1.5)
        return status, headers

    def new(self):
        new = self.taken[self.seen:]
        self.seen += len(new)
        return new

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Request:
    def __init__(self, method, path, headers, body):
        self.at, self.method, self.path, self.headers = time.monotonic(), method, path, headers
        self.body = json.loads(body) if body else None
        self.raw = body

    def verify(self, secret):
        timestamp = self.headers["x-xrdtest-timestamp"]
        assert abs(int(timestamp) - time.time()) < 300, timestamp
        expected = hmac.new(secret.encode(), timestamp.encode() + b"." + self.raw, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(self.headers["x-xrdtest-signature"], f"sha256={expected}"), self.headers
        assert self.headers["user-agent"].startswith("xrdtest-engine/"), self.headers


def certificate(folder):
    """A certificate for `localhost`, and its CA, `hooks-ca.pem`."""
    ca, leaf = folder / "hooks-ca", folder / "hooks"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    for more in (
        ["-subj", "/CN=ca", "-keyout", f"{ca}.key", "-out", f"{ca}.pem"],
        ["-subj", "/CN=localhost", "-keyout", f"{leaf}.key", "-out", f"{leaf}.pem", "-CA", f"{ca}.pem",
         "-CAkey", f"{ca}.key", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"],
    ):
        subprocess.run([*new, *more], check=True, capture_output=True)
    return leaf
