"""Runs the Python of the pages, page by page and in order, against loopback servers.

The hosts in the pages are made up; while a page runs, their names lead to servers of `urlrequest.testing`, and the
current folder is a temporary one that holds the files which the pages name.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import trustme
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

from urlrequest.testing import RecordedRequest, Reply, Server, routes, send, start_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "api.example.com"
PROXY_HOST = "proxy.example.com"
REPORT = bytes(range(250)) * 400

resolve = socket.getaddrinfo


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value), {"Content-Type": "application/json"})


class Site:
    """The servers behind the hosts of the pages; they respond alike over http, over https and through the proxy."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.tls = tls
        self.closing = threading.Event()
        self.polls = 0
        self.http, self.https, self.proxy = self.serve(), self.serve(tls), self.serve()

    def serve(self, tls: ssl.SSLContext | None = None) -> Server:
        server = Server(tls=tls)
        text = {"Content-Type": "text/plain; charset=utf-8"}
        server.respond("/hello.json", json.dumps({"greeting": "Hello"}), headers={"Content-Type": "application/json"})
        server.respond("/report.pdf", REPORT, headers={"Content-Type": "application/pdf"})
        server.respond("/missing", "There is no such thing.", status=404, headers=text)
        server.respond("/old", "It has moved.", status=301, headers={**text, "Location": "/hello.json"})
        server.respond(
            "/login",
            "Welcome, Ada",
            headers=[*text.items(), ("Set-Cookie", "sid=made-up"), ("Set-Cookie", "csrf=token")],
        )
        server.route("/pages", self.show_page)
        device = {"device_code": "made-up", "user_code": "ABCD", "interval": 0.01}
        server.route("/device", lambda _: json_reply(device))
        server.route("/device-token", self.grant_token)
        server.route("/account", self.show_account)
        server.route("/items", self.describe)
        server.route("/status", self.demand_digest)
        server.route("/job", self.demand_digest)
        server.route("/token", self.demand_token)
        server.respond("/lines", b'{"text": "Hello"}\n{"text": "Bye"}\n', headers=text)
        events = b'data: {"text": "Hel"}\n\ndata: {"text": "lo"}\n\ndata: [DONE]\n\n'
        server.respond("/chat", events, headers={"Content-Type": "text/event-stream"})
        for path in ("/slow", "/events"):
            server.route(path, lambda request: Reply(body=self.dawdle()))
        return server

    def describe(self, request: RecordedRequest) -> Reply:
        told = {"method": request.method, "type": request.header("Content-Type"), "body": request.body.decode()}
        return json_reply(told, status=201)

    def show_page(self, request: RecordedRequest) -> Reply:
        number = int(request.target.rpartition("=")[2])
        next_page = f"pages?number={number + 1}" if number < 3 else None
        return json_reply({"items": list(["ab", "cd", "e"][number - 1]), "next": next_page})

    def grant_token(self, request: RecordedRequest) -> Reply:
        """Grant it the second time, as after somebody has typed the code."""
        self.polls += 1
        if self.polls == 1:
            return json_reply({"error": "authorization_pending"}, status=400)
        return json_reply({"access_token": "made-up-token"})

    def show_account(self, request: RecordedRequest) -> Reply:
        known = (request.header("Cookie") or "").startswith("sid=made-up")
        return Reply(200, "Ada's account") if known else Reply(401, "Who is there?")

    def demand_digest(self, request: RecordedRequest) -> Reply:
        text = {"Content-Type": "text/plain"}
        if "Digest " in (request.header("Authorization") or ""):
            return Reply(200, "printing", text)
        return Reply(401, "", {"WWW-Authenticate": 'Digest realm="printer", nonce="made-up", qop="auth"'})

    def demand_token(self, request: RecordedRequest) -> Reply:
        is_fresh = request.header("Authorization") == "Bearer fresh"
        return Reply(200 if is_fresh else 401, "welcome" if is_fresh else "", {"Content-Type": "text/plain"})

    def dawdle(self) -> Iterator[bytes]:
        """Start a body and never end it."""
        yield b"one moment"
        self.closing.wait()

    def expect_tunnel(self) -> None:
        """Make the proxy expect a CONNECT on its next connection."""
        self.proxy.play(send(b"HTTP/1.1 200 Connection established\r\n\r\n"), start_tls(self.tls), routes())

    def resolve(self, host: Any, port: Any, *args: Any, **options: Any) -> list[tuple[Any, ...]]:
        if host == HOST:
            port = {"80": self.http.port, "443": self.https.port}[str(port)]
        elif host == PROXY_HOST:
            port = self.proxy.port
        elif str(host).endswith((".example.com", ".invalid")):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        else:
            return resolve(host, port, *args, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]


def write_certificates(folder: Path) -> ssl.SSLContext:
    """Write the files company-ca.pem, client.pem and client.key of the pages; return the server's TLS context."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "company-ca.pem")
    client = authority.issue_cert("client@example.com")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def set_up(namespace: dict[str, Any]) -> None:
    stack = namespace["_stack"] = contextlib.ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    here = Path.cwd()
    stack.callback(os.chdir, here)
    os.chdir(folder)
    site = namespace["site"] = Site(write_certificates(folder))
    for server in (site.http, site.https, site.proxy):
        stack.enter_context(server)
    stack.callback(site.closing.set)
    # Only the certificate authorities in this file are trusted (contract 13.1).
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_DIR"}
    environment["SSL_CERT_FILE"] = str(folder / "company-ca.pem")
    stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
    stack.enter_context(mock.patch.object(socket, "getaddrinfo", site.resolve))


def tear_down(namespace: dict[str, Any]) -> None:
    namespace["_stack"].close()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["*.md"],
    setup=set_up,
    teardown=tear_down,
).pytest()
