"""What servers send, the pieces that change it, and a client for what came of it."""

from __future__ import annotations

import gzip
import socket
import zlib
from http.client import HTTPException
from typing import Any

from urlrequest import HTTPConnection, UrlRequest
from urlrequest.errors import UrlRequestError

from .messages import chunked, frame_chunks, head, reply

__all__ = ["REPLIES", "TOKENS", "Peer", "run"]

PATIENCE = 30  # seconds; a hang is a failure
MAX_SIZE = 100_000
DOCUMENTED = (UrlRequestError, ConnectionError, TimeoutError, HTTPException, socket.gaierror)

TEXT = b"hello, \xc3\xa4 world " * 20
REPLIES = [
    reply(TEXT, "Content-Type: text/plain; charset=utf-8"),
    reply(b'{"a": [1, 2.5, null]}', "Content-Type: application/json"),
    reply(gzip.compress(TEXT), "Content-Encoding: gzip", "Content-Type: text/plain"),
    reply(zlib.compress(gzip.compress(TEXT)), "Content-Encoding: gzip, deflate"),
    chunked(frame_chunks(TEXT[:5], TEXT[5:]), "Set-Cookie: a=b; Max-Age=9; Path=/"),
    chunked(b"5;x=y\r\nhello\r\n0\r\nTrailer: z\r\n\r\n", "Trailer: Trailer"),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(TEXT),
    reply(b"", "Location: /next?a=b#c", status="302 Found"),
    reply(b"", "Location: http://other.test/x", "Set-Cookie: c=d; Domain=.a.test", status="307 Temporary Redirect"),
    reply(
        b"no", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256, Basic realm="b"',
        status="401 Unauthorized",
    ),
    reply(TEXT[:10], "Content-Range: bytes 0-9/400", 'ETag: "one"', status="206 Partial Content"),
    reply(b"later", "Retry-After: 0", "Date: Thu, 01 Jan 2026 00:00:00 GMT", status="503 Busy"),
    b"HTTP/1.0 200 OK\r\nServer: t\r\n\r\n" + TEXT,
    reply(b"", status="204 No Content"),
    head(len(TEXT), "Keep-Alive: timeout=5, max=9", 'ETag: "two"',
    "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT") + TEXT,
]  # fmt: skip
TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"%", b"\xff", b"\xe2\x82",
    b"0", b"-1",
    b"9" * 30, b"1e9", b"0x1", b"ffffffffffffffff", b"Content-Length: 5\r\n", b"Content-Length: 7\r\n", b"chunked",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/2 200\r\n", b"0\r\n\r\n", b"gzip", b"br", b"zstd", b"Content-Encoding: gzip\r\n", b"Location: //x\r\n",
    b"Location: \\\\x\r\n", b"Set-Cookie: =;;\r\n", b"\x1f\x8b", b"charset=utf-7",
    b"Content-Range: bytes */0\r\n", b"bytes",
]  # fmt: skip


class Peer:
    """Sockets that hold what a server has sent already, one after the other."""

    def __init__(self, streams: list[bytes]) -> None:
        self.streams = streams
        self.far: list[socket.socket] = []
        peer = self

        class Connection(HTTPConnection):
            def open_socket(self) -> socket.socket:
                return peer.open()

        class Request(UrlRequest):
            def get_connection_for_scheme(self, scheme: str) -> type:
                return Connection

        self.request = Request

    def open(self) -> socket.socket:
        near, far = socket.socketpair()
        self.far.append(far)
        far.sendall(self.streams.pop(0) if self.streams else b"")
        far.shutdown(socket.SHUT_WR)
        return near

    def close(self) -> None:
        for far in self.far:
            far.close()


def run(make: Any, url: str, given_options: dict[str, Any]) -> UrlRequest:
    """Run a request to its end; what it must be, whatever came."""
    ends: list[str] = []
    kinds = ("success", "redirect", "failure", "error")
    request: UrlRequest = make(
        url, timeout=PATIENCE, max_size=MAX_SIZE, max_retry_after=0.001, on_finish=lambda _: ends.append("finish"),
        **{f"on_{kind}": lambda *_, kind=kind: ends.append(kind) for kind in kinds}, **given_options,
    )  # fmt: skip
    assert request.wait(timeout=PATIENCE), "it hangs"
    assert [ends[0], "finish"] == ends
    error = request.error
    assert (ends[0] == "error") == (error is not None)
    is_meant = isinstance(error, ValueError | RuntimeError) and request.resp_status is None  # of these options together
    assert error is None or is_meant or isinstance(error, DOCUMENTED), error
    assert len(request.content or b"") <= MAX_SIZE
    return request
