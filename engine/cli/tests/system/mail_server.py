#!/usr/bin/python3
"""A mail server that writes down what it takes, a JSON object in a line each.

    mail_server.py --port PORT --file FILE [--certificate FILE --key FILE --login NAME:PASSWORD [--implicit]]

With a certificate mails are taken after STARTTLS only, or with `--implicit` over TLS from the first byte on, and from
who has logged in. It ends by a signal. Of Debian's python3-aiosmtpd.
"""

import argparse
import json
import signal
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Book:
    def __init__(self, file):
        self.file = file

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode(),
            "encrypted": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
            "login": bool(session.authenticated),
        }
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(json.dumps(mail) + "\n")
        return "250 taken"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login", default=":")
    parser.add_argument("--implicit", action="store_true")
    args = parser.parse_args()
    more = {}
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
        expected = [word.encode() for word in args.login.split(":")]

        def authenticator(server, session, envelope, mechanism, data):
            return AuthResult(success=[data.login, data.password] == expected, handled=False)

        more = {"auth_required": True, "authenticator": authenticator}
        if args.implicit:
            more |= {"ssl_context": context, "auth_require_tls": False}
        else:
            more |= {"tls_context": context, "require_starttls": True}
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    Controller(Book(args.file), hostname="127.0.0.1", port=args.port, **more).start()
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == "__main__":
    main()
