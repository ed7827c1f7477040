"""A mail server for tests: aiosmtpd, told what to do by lines on standard input.

`begin {...}` begins anew; `arrived` asks what came. Each is answered with one line of JSON. It ends with its input.
"""

import asyncio
import base64
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

OPTIONS = json.loads(sys.argv[1])
STATE = {"mood": "well", "arrived": [], "put_off": 0, "attempts": 0}


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        STATE["attempts"] += 1
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if STATE["mood"] == "refuses" and address == OPTIONS["refused"]:
            return "550 5.1.1 planted-body: no such mailbox"
        if STATE["put_off"] > 0:
            STATE["put_off"] -= 1
            return "451 4.7.1 planted-body: greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if STATE["mood"] == "refuses-sender":
            return "554 5.2.252 planted-body: may not send as this sender"
        STATE["arrived"].append(told(server, session, envelope))
        if STATE["mood"] == "loses-answers":
            server.transport.abort()
        return "250 OK: planted-body"


def told(server, session, envelope):
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    bodies = {}
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        bodies[kind] = part and part.get_content()
    files = [
        {"name": part.get_filename(), "base64": base64.b64encode(part.get_payload(decode=True)).decode()}
        for part in message.iter_attachments()
    ]
    headers = {name: str(message[name]) for name in ("Message-ID", "Date", "User-Agent", "To", "From", "Auto-Submitted")}
    return {
        "from": envelope.mail_from,
        "recipients": envelope.rcpt_tos,
        "hello": session.host_name,
        "encrypted": server.transport.get_extra_info("ssl_object") is not None,
        "login": session.authenticated,
        "subject": str(message["Subject"]),
        "text": bodies["plain"],
        "html": bodies["html"],
        "files": files,
        "headers": headers,
        "parts": [part.get_content_type() for part in message.walk()],
        "ascii": envelope.content.isascii(),
    }


def authenticate(server, session, envelope, mechanism, data):
    good = data.login.decode() == OPTIONS["username"] and data.password.decode() == OPTIONS["password"]
    return AuthResult(success=good and STATE["mood"] != "wrong-password", handled=False)


def session():
    return SMTP(
        Handler(),
        hostname="mail.msp.example",
        ident="planted-body",
        data_size_limit=20_000_000,
        tls_context=context if OPTIONS["tls"] == "starttls" else None,
        require_starttls=OPTIONS["tls"] == "starttls",
        authenticator=authenticate,
        auth_required=bool(OPTIONS["username"]),
        auth_require_tls=OPTIONS["tls"] == "starttls",
        loop=asyncio.get_running_loop(),
    )


def obey(line):
    word, _, rest = line.strip().partition(" ")
    if word == "begin":
        STATE.update(json.loads(rest))
        STATE.update(arrived=[], attempts=0)
        return {}
    return {"arrived": STATE["arrived"], "attempts": STATE["attempts"]}


async def main():
    from_start = context if OPTIONS["tls"] == "required" else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=from_start)
    say({"port": server.sockets[0].getsockname()[1]})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        say(obey(line))


def say(answer):
    print(json.dumps(answer), flush=True)


context = None
if OPTIONS["tls"] != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OPTIONS["certificate"], OPTIONS["key"])
asyncio.run(main())
