from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._http.challenges import Dialogue, Responder, Subject
from urlrequest._http1.tunnel import open_http_tunnel
from urlrequest.errors import ProxyError

if TYPE_CHECKING:
    from urlrequest._http.headers import Headers

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


class Stream:
    """Stands for a NetworkStream to a proxy."""

    peer = "proxy:8080"
    cut = peer_certificate = None
    is_tls = False

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent = b""

    def send_all(self, octets: bytes) -> None:
        self.sent += octets

    def receive(self, size: int = 65536) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def open_tunnel(*pieces: bytes, fields: tuple[tuple[str, str], ...] = ()) -> Stream:
    stream: Any = Stream(*pieces)
    open_http_tunnel(stream, "a.test:443", fields)
    assert isinstance(stream, Stream)
    return stream


def test_14_1_connect() -> None:
    """Contract 14.1: the proxy is asked for the origin, with the fields that are for the proxy."""
    stream = open_tunnel(OPEN, fields=(("Proxy-Authorization", "Basic eDp5"),))

    assert b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n" == stream.sent


@pytest.mark.parametrize(
    "reply",
    [
        OPEN,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OPEN,
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_14_1_every_2xx_opens_it(reply: bytes) -> None:
    """RFC 9110, section 9.3.6: any 2xx opens the tunnel, and fields about a body mean nothing."""
    assert [] == open_tunnel(reply[:7], reply[7:]).pieces


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ((b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",), "refused CONNECT a.test:443: 407 Proxy Auth"),
        ((b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",), "refused CONNECT a.test:443: 302 Found"),
        ((b"SSH-2.0-x\r\n",), "proxy:8080 did not respond to CONNECT a.test:443: .* does not speak HTTP/1"),
        ((OPEN[:20],), "did not respond to CONNECT a.test:443: .* within the head"),
        ((OPEN + b"SSH-2.0-x\r\n",), "sent bytes behind its response to CONNECT a.test:443$"),
        ((PAGE + b"<html>",), "sent bytes behind its response to CONNECT a.test:443; it seems to be a web server"),
    ],
)
def test_14_2_failures(pieces: tuple[bytes, ...], message: str) -> None:
    """Contract 14.2: a proxy that refuses, or does anything but open the tunnel, is a ProxyError that says so."""
    with pytest.raises(ProxyError, match=message):
        open_tunnel(*pieces)


@pytest.mark.parametrize(
    ("status", "is_named"),
    [(400, True), (404, True), (405, True), (501, True), (403, False), (407, False), (500, False), (502, False)],
)
def test_14_2_a_web_server_is_named(status: int, is_named: bool) -> None:
    """Contract 14.2: the error says that the other side seems to be no proxy where its response does."""
    with pytest.raises(ProxyError) as caught:
        open_tunnel(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)

    assert is_named == str(caught.value).endswith(f": {status} No; it seems to be a web server, not a proxy")


class Answering:
    """Credentials for a proxy that asks for them."""

    def answer_challenge(self, headers: Headers, challenge: object) -> bool:
        headers["Proxy-Authorization"] = "x"
        return True


def test_14_2_a_proxy_that_has_asked_for_credentials_is_one() -> None:
    """Contract 14.2: 407 is a status of proxies, so that what such a one refuses afterwards is its own decision."""
    subject = Subject(("http", "proxy", 8080), "CONNECT", "a.test:443", "a.test:443", "Proxy-Authorization", iter)
    stream: Any = Stream(
        b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"
    )
    with pytest.raises(ProxyError, match=r" refused CONNECT a\.test:443: 405 No$"):
        open_http_tunnel(stream, "a.test:443", (), Dialogue(Responder(Answering()), subject, []))


def test_14_2_a_refusal_has_its_head() -> None:
    """Contract 14.2: the error of a refusal has the status and the headers."""
    with pytest.raises(ProxyError) as caught:
        open_tunnel(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n")

    assert 407 == caught.value.status
    assert caught.value.headers is not None
    assert "Basic" == caught.value.headers["proxy-authenticate"]


def test_fault_40_the_end_is_a_connection_error() -> None:
    """Fault 40: a proxy that closes without a response is a connection that broke."""
    with pytest.raises(ConnectionError, match=r"^Remote end closed connection without response \(proxy:8080\)"):
        open_tunnel()


@pytest.mark.parametrize("authority", ["a\r\nX: y:443", "a\n:443", "a b:443", "a\0:443", "\xe4.test:443"])
def test_security_c19_the_host_of_a_tunnel_is_checked(authority: str) -> None:
    """Security C19: nothing is sent for a host that is none."""
    stream: Any = Stream(OPEN)
    with pytest.raises(ValueError, match="target"):
        open_http_tunnel(stream, authority, [])

    assert b"" == stream.sent


def test_security_g41_connect_has_one_host() -> None:
    """Security G41: a Host among the fields for the proxy is no second one."""
    stream = open_tunnel(OPEN, fields=(("hOST", "b.test"), ("A", "b")))

    assert b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nA: b\r\n\r\n" == stream.sent
