"""Replies that were changed at random, through the whole client: documented errors only, and never a hang.

The client talks to a pair of sockets that holds the reply already, so that no name is looked up, whatever a reply says.
"""

from __future__ import annotations

import gzip
import socket
import zlib
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.messages import chunked, frame_chunks, head, reply
from urlrequest import DigestAuth, HTTPConnection, Session, UrlRequest
from urlrequest._client.call import active_calls
from urlrequest.errors import UrlRequestError
from urlrequest.testing import Server, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

fewer = settings(max_examples=settings().max_examples // 2)

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
TOKENS = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"%", b"\xff", b"\xe2\x82",
        b"0", b"-1",
        b"9" * 30, b"1e9", b"0x1", b"ffffffffffffffff", b"Content-Length: 5\r\n", b"Content-Length: 7\r\n", b"chunked",
        b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200\r\n", b"0\r\n\r\n", b"gzip", b"br", b"zstd", b"Content-Encoding: gzip\r\n", b"Location: //x\r\n",
        b"Location: \\\\x\r\n", b"Set-Cookie: =;;\r\n", b"\x1f\x8b", b"charset=utf-7",
        b"Content-Range: bytes */0\r\n", b"bytes",
    ]
)  # fmt: skip
places = st.integers(0, 1000)
mutations = st.tuples(
    st.sampled_from(["insert", "replace", "delete", "repeat", "cut", "swap"]),
    places,
    places,
    TOKENS | st.binary(max_size=8),
)
replies = st.tuples(st.sampled_from(REPLIES), st.lists(mutations, max_size=4))
options = st.fixed_dictionaries(
    {},
    optional={
        "follow_redirects": st.just(True),
        "method": st.sampled_from(["GET", "HEAD", "POST", "OPTIONS"]),
        "retries": st.just(1),
        "resume": st.just(True),
        "auth": st.just(DigestAuth("user", "password")),
        "on_progress": st.just(lambda *_: None),
        "on_chunk": st.just(lambda *_: None),
        "decode": st.just(False),
        "req_headers": st.just({"Range": "bytes=0-9"}),
        "checksum": st.just("sha256:" + "0" * 64),
        "expect_type": st.just("text/*"),
    },
)


def mutated(octets: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, first, second, new in changes:
        begin, end = sorted(place * len(octets) // 1000 for place in (first, second))
        part = octets[begin:end]
        if kind == "insert":
            octets = octets[:begin] + new + octets[begin:]
        elif kind == "replace":
            octets = octets[:begin] + new + octets[begin + len(new) :]
        elif kind == "delete":
            octets = octets[:begin] + octets[min(end, begin + 20) :]
        elif kind == "repeat":
            octets = octets[:end] + part[:200] + octets[end:]
        elif kind == "cut":
            octets = octets[:end]
        else:
            octets = octets[:begin] + part[::-1] + octets[end:]
    return octets


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
    request = make(
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


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("CRITICAL")
    before = set(active_calls)  # what tests of other files have left
    yield
    assert set(active_calls) <= before


@pytest.mark.filterwarnings("ignore::urlrequest.errors.InsecureRequestWarning")
@given(st.lists(replies, min_size=1, max_size=3), options, st.booleans())
def test_fault_130_mutated_replies(
    tmp_path_factory: pytest.TempPathFactory, sent: list[Any], given_options: dict[str, Any], to_file: bool
) -> None:
    """Fault 130: whatever comes, to memory or a file, there is one documented outcome, and nothing stays over."""
    peer = Peer([mutated(*each) for each in sent])
    folder: Path = tmp_path_factory.mktemp("f")
    if to_file:
        given_options = {**given_options, "file_path": folder / "f"}
        given_options.pop("on_chunk", None)
    else:
        given_options.pop("resume", None)
    try:
        with Session(max_requests=1) as session:
            request = run(
                lambda url, **more: peer.request(url, session=session, **more), "http://a.test/", given_options
            )
    finally:
        peer.close()
    has_file = to_file and request.error is None and 200 <= (request.resp_status or 0) < 300
    has_body = given_options.get("method") != "HEAD" and request.resp_status not in {204, 205}
    names = {path.name for path in folder.iterdir()}
    assert "f" not in names or has_file
    assert not (has_file and has_body) or "f" in names
    assert given_options.get("resume") or names <= {"f"}


@fewer
@given(replies, st.booleans())
def test_fault_130_mutated_replies_on_a_kept_connection(sent: tuple[bytes, Any], has_worker: bool) -> None:
    """Fault 130: likewise on a connection that is kept, where a request may have no worker; the next one works."""
    octets = mutated(*sent)
    sound = head(2) + b"ok"
    with Server() as server, Session(max_requests=1) as session:
        server.play(send(sound), receive(), send(octets))
        server.play(send(sound))
        assert "ok" == run(session.request, server.url, {}).result
        run(session.request, server.url, {"on_progress": lambda *_: None} if has_worker else {})
        following = run(session.request, server.url, {})
        assert following.error is None or octets.startswith(b"HTTP/1")
