"""What errors of connections that break say (contract 11.3 and 16.3): what was done, with whom, and how far it came."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import DigestAuth, UrlRequest, errors
from urlrequest._http1 import connection, interim
from urlrequest.testing import (
    Server,
    close,
    close_without_notify,
    receive,
    receive_head,
    receive_some,
    reset,
    send,
    start_tls,
)
from urlrequest.testing._script import Step

if TYPE_CHECKING:
    from urlrequest.testing._script import ScriptPlayer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PATIENCE = 20  # seconds

# What is sent before the break, and what the message says of it.
BODIES = [
    pytest.param(OK + b"Content-Length: 20\r\n\r\nhello", "within the body, after 5 of 20 bytes", id="length"),
    pytest.param(CHUNKED + b"5\r\nhello\r\n8\r\nhel", "after 8 bytes of a body in chunks", id="within-a-chunk"),
    pytest.param(CHUNKED + b"5\r\nhello\r\n", "after 5 bytes of a body in chunks", id="between-chunks"),
    pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\n", "after 5 bytes of a body in chunks", id="before-the-last-end"),
]
ENDLESS = pytest.param(
    OK + b"Connection: close\r\n\r\nhello", "after 5 bytes of a body without a length", id="no-length"
)


def run(server: Server, *steps: Step, read_request: bool = True, **options: Any) -> UrlRequest:
    server.play(*steps, read_request=read_request)
    request = UrlRequest(server.url, timeout=PATIENCE, **options)
    assert request.wait(timeout=PATIENCE)
    return request


def peer(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, what a server does first it does in time for a hint at TLS."""
    monkeypatch.setattr(connection, "TLS_REFUSAL_TIME", 1000.0)


@pytest.mark.parametrize(("octets", "progress"), BODIES)
def test_11_3_a_body_that_ends(server: Server, octets: bytes, progress: str) -> None:
    """Contract 11.3, 16.3: the host, and how much has come."""
    error = run(server, send(octets)).error

    assert isinstance(error, errors.IncompleteContent)
    assert f"{peer(server)} closed the connection within the body" in str(error)
    assert progress in str(error)


@pytest.mark.parametrize(("octets", "progress"), [*BODIES, ENDLESS])
def test_16_3_a_body_that_is_reset(server: Server, octets: bytes, progress: str) -> None:
    """Contract 16.1, 16.3: a reset stays the system's error, with its number, and says what it broke."""
    error = run(server, send(octets), reset()).error

    assert isinstance(error, ConnectionResetError)
    assert f"receiving from {peer(server)}: " in str(error)
    assert progress in str(error)
    assert ConnectionResetError is type(OSError(error.errno, ""))


@pytest.mark.parametrize("end", [close_without_notify(), reset()])
@pytest.mark.parametrize(("octets", "progress"), [*BODIES, ENDLESS])
def test_11_3_a_body_that_is_cut_over_tls(
    tls_server: Server, ca_file: str, octets: bytes, progress: str, end: Step
) -> None:
    """Contract 11.3, 16.3: the same over TLS, whether by a reset or an end without notice."""
    error = run(tls_server, send(octets), end, ca_file=ca_file).error

    assert isinstance(error, errors.IncompleteContent)
    assert f"{peer(tls_server)} closed the connection within the body" in str(error)
    assert progress in str(error)


def test_16_3_a_head_that_breaks(server: Server, tls_server: Server, ca_file: str) -> None:
    """Contract 16.3: how much of the head has come."""
    broken = run(server, send(OK), reset()).error
    cut = run(tls_server, send(OK), reset(), ca_file=ca_file).error

    assert isinstance(broken, ConnectionResetError)
    assert isinstance(cut, ssl.SSLEOFError)
    assert f"receiving from {peer(server)}: " in str(broken)
    assert peer(tls_server) in str(cut)
    for error in (broken, cut):
        assert str(error).endswith("within the head, after 17 bytes")


@pytest.mark.parametrize("end", [reset(), close()])
def test_16_3_an_upload_that_breaks(server: Server, end: Step) -> None:
    """Contract 16.3: how much of the request was sent, whatever the system calls the break."""
    body = b"x" * 20_000_000
    error = run(server, receive_some(10), end, read_request=False, req_body=body, req_headers={"Expect": None}).error

    assert isinstance(error, ConnectionError)
    assert f"sending to {peer(server)}, after " in str(error)
    assert " bytes of the request: " in str(error)


TLS_HINT = "; if {} speaks TLS, its URL must begin with https://"


@pytest.mark.parametrize("end", [reset(), close()])
@pytest.mark.parametrize("body", [None, b"x" * 30_000])
def test_16_3_a_hint_at_tls(server: Server, end: Step, body: bytes | None) -> None:
    """Contract 16.3: a connection that ends at the first bytes may be one to a server that speaks TLS."""
    error = run(server, receive_some(5), end, read_request=False, req_body=body).error

    assert str(error).endswith(TLS_HINT.format(peer(server)))


@pytest.mark.parametrize("size", [2_000_000, 3_000_000], ids=["sending", "sent"])
@pytest.mark.parametrize("end", [reset(), close()])
def test_16_3_no_hint_at_tls_after_an_upload(server: Server, end: Step, size: int) -> None:
    """Contract 16.3: a server that has taken megabytes of plain text does not speak TLS."""
    options: dict[str, Any] = {"req_body": b"x" * 3_000_000, "req_headers": {"Expect": None}}
    error = run(server, receive_head(), receive_some(size), end, read_request=False, **options).error

    assert isinstance(error, ConnectionError)
    assert "TLS" not in str(error)


def test_16_3_no_hint_at_tls_after_a_pause(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 16.3: nor does one that thinks about a request before it closes, or waits for the body."""
    with monkeypatch.context() as patched:
        patched.setattr(connection, "TLS_REFUSAL_TIME", -1.0)  # the time is always over
        late = run(server, close()).error
    monkeypatch.setattr(interim, "CONTINUE_TIME", 0.0)
    announced: dict[str, Any] = {"req_body": b"x" * 100_000, "req_headers": {"Expect": "100-continue"}}
    waited = run(server, receive_head(), receive_some(1), reset(), read_request=False, **announced).error

    for error in (late, waited):
        assert isinstance(error, ConnectionError)
        assert "TLS" not in str(error)


def test_16_3_no_hint_at_tls_after_a_response(server: Server) -> None:
    """Contract 16.3: nor does one that has asked for credentials, over another connection."""
    challenge = 'HTTP/1.1 401 X\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\nConnection: close\r\n\r\n'
    server.play(send(challenge.encode()))
    error = run(server, close(), auth=DigestAuth("u", "p")).error

    assert isinstance(error, ConnectionError)
    assert 2 == len(server.requests)
    assert "TLS" not in str(error)


def test_16_3_no_hint_at_tls_within_tls(tls_server: Server, ca_file: str) -> None:
    """Contract 16.3: where TLS is spoken, bytes that look like TLS are no reason for https."""
    error = run(tls_server, send(b"\x15\x03\x01\x00\x02\x02\x46"), ca_file=ca_file).error

    assert isinstance(error, errors.ProtocolError)
    assert str(error).endswith("does not speak HTTP/1: it sent b'\\x15\\x03\\x01\\x00\\x02\\x02F'")


def begin_tls(context: ssl.SSLContext) -> Step:
    """Answer the first message of a TLS handshake with the server's first one, and no more."""

    def answer(player: ScriptPlayer) -> None:
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(received, sent, server_side=True)
        while not sent.pending:
            received.write(player.connection.take(1))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
        octets = sent.read()
        player.connection.send(octets[: 5 + int.from_bytes(octets[3:5], "big")])  # one record

    return Step("begin_tls(...)", answer)


@pytest.mark.parametrize("end", [close(), reset(), send(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
@pytest.mark.parametrize("in_memory", [False, True])
def test_16_3_no_hint_at_http_within_a_handshake(
    server: Server, server_context: ssl.SSLContext, end: Step, in_memory: bool
) -> None:
    """Contract 16.3: a server that breaks off in the middle of a handshake does speak TLS."""
    server.play(begin_tls(server_context), end, read_request=False)
    context = ssl.create_default_context()
    if in_memory:
        context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
    request = UrlRequest(server.url.replace("http:", "https:"), timeout=PATIENCE, ssl_context=context)
    assert request.wait(timeout=PATIENCE)

    assert isinstance(request.error, OSError)
    assert "the TLS handshake with 127.0.0.1 failed: " in str(request.error)
    assert "http://" not in str(request.error)


def test_16_3_an_upload_that_breaks_over_tls(tls_server: Server, ca_file: str) -> None:
    """Contract 16.3: the same over TLS."""
    options = {"ca_file": ca_file, "req_body": b"x" * 20_000_000, "req_headers": {"Expect": None}}
    error = run(tls_server, receive_some(10), reset(), read_request=False, **options).error

    assert isinstance(error, OSError)
    assert f"sending to {peer(tls_server)}, after " in str(error)


# Proxies


def through(proxy: str, url: str, **options: Any) -> str:
    """What the error of a request through a proxy says."""
    request = UrlRequest(url, proxy_host=proxy, timeout=PATIENCE, **options)
    assert request.wait(timeout=PATIENCE)
    return str(request.error)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("url", ["http://a.test/", "https://a.test/"])
def test_16_3_a_proxy_that_cannot_be_reached(scheme: str, url: str) -> None:
    """Contract 16.3: the host that is named is not the one of the URL, so the message says whose it is."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # a port that is in use, but does not listen
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        told = through(f"{scheme}://{place}", url)

    assert told.endswith(f"connecting to {place}: Connection refused; {place} is the proxy")


@pytest.mark.parametrize(
    ("url", "hint"),
    [("http://a.test/", "; if the proxy {} speaks TLS, its URL must begin with https://"), ("https://a.test/", "")],
)
def test_16_3_a_proxy_that_breaks_off(server: Server, url: str, hint: str) -> None:
    """Contract 16.3: the same where it has taken the connection; a hint at TLS is about the proxy."""
    server.play(close())
    proxy = peer(server)

    assert f"Remote end closed connection without response (the proxy {proxy}){hint.format(proxy)}" == through(
        server.url, url
    )


def test_16_3_a_proxy_that_speaks_no_tls(server: Server) -> None:
    """Contract 16.3: a handshake with a proxy that fails is not taken for one with the server."""
    server.play(send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), read_request=False)
    told = through(server.url.replace("http:", "https:"), "https://a.test/")

    assert told.endswith(f"does not speak TLS: perhaps its URL must begin with http://; {peer(server)} is the proxy")


def test_16_3_a_server_behind_a_proxy(server: Server, server_context: ssl.SSLContext, ca_file: str) -> None:
    """Contract 16.3: within a tunnel it is the server that breaks off."""
    server.play(send(b"HTTP/1.1 200 OK\r\n\r\n"), start_tls(server_context), receive(), close())
    told = through(server.url, "https://localhost/", ca_file=ca_file)

    assert f"Remote end closed connection without response (localhost:443 through the proxy {peer(server)})" in told


class Foreign(UrlRequest):
    def get_connection_for_scheme(self, scheme: str) -> type:
        return http.client.HTTPConnection


@pytest.mark.parametrize(("octets", "progress"), BODIES[:2])
def test_11_3_a_body_of_a_foreign_connection(server: Server, octets: bytes, progress: str) -> None:
    """Contract 11.3, 18.1: a connection class that is not ours breaks off with host and count, too."""
    server.play(send(octets))
    request = Foreign(server.url, timeout=PATIENCE)
    assert request.wait(timeout=PATIENCE)

    assert isinstance(request.error, errors.IncompleteContent)
    assert f"{peer(server)} closed the connection within the body, after " in str(request.error)
