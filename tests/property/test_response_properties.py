"""A reply over a real socket pair: however it is split it is the same, and no beginning of it passes for the whole."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urlrequest._content.sinks import MemorySink
from urlrequest._http1.response_reader import Response, find_chunks
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.stream import NetworkStream
from urlrequest.errors import IncompleteContent, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

fewer = settings(max_examples=settings().max_examples * 3 // 5)

BODY = b"hello, \r\n\r\nworld 0\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
FIELDS = b"Server: t\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\n"
REPLIES = {
    "sized": b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Content-Length: 20\r\n\r\n" + BODY,
    "empty": b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Content-Length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"
    b"7;x=y\r\nhello, \r\nD\r\n\r\n\r\nworld 0\r\n\r\n0\r\nTrailer: z\r\n\r\n",
    "interim": INTERIM * 2 + b"HTTP/1.1 404 No\r\nContent-Length: 20\r\n\r\n" + BODY,
    "until close": b"HTTP/1.1 200 OK\r\n" + FIELDS + b"\r\n" + BODY,
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 20\n\n" + BODY,
    "204": b"HTTP/1.1 204 No Content\r\n" + FIELDS + b"\r\n",
}
assert len(BODY) == 20
ENDED_BY_ITSELF = [name for name in REPLIES if name != "until close"]


class Reply:
    """What came of one reply."""

    def __init__(self, pieces: Sequence[bytes], *, way: str) -> None:
        self.head: Any = None
        self.content: bytes | None = None
        self.is_reusable = False
        near, far = socket.socketpair()
        scope = CancelScope(timeout=20)
        sender = threading.Thread(target=self._send, args=(far, pieces))
        with near:
            near.setblocking(False)
            sender.start()
            try:
                self._read(NetworkStream(near, scope, "peer:80"), way)
            finally:
                near.close()
                sender.join(20)
                scope.release()

    @staticmethod
    def _send(sock: socket.socket, pieces: Sequence[bytes]) -> None:
        with sock:
            for piece in pieces:
                try:
                    sock.sendall(piece)
                except OSError:
                    return  # the reader has seen enough

    def _read(self, stream: NetworkStream, way: str) -> None:
        response = Response(stream, "GET")
        self.head = response.head
        with MemorySink() as sink:
            sink.expect(response.expected)
            while not response.is_complete:
                if way == "pieces":
                    sink.write(response.read_piece())
                else:
                    with sink.room() as room, room[: 3 if way == "small rooms" else len(room)] as part:
                        count = response.read_into(part)
                    sink.filled(count)
            self.content = sink.content()
        self.is_reusable = response.is_reusable


def failure(pieces: Sequence[bytes]) -> Exception | None:
    try:
        Reply(pieces, way="rooms")
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", ENDED_BY_ITSELF)
def test_11_3_no_beginning_is_a_success(name: str) -> None:
    """Contract 11.3: a reply that ends by itself and is cut anywhere before is an error, at every single octet."""
    octets = REPLIES[name]

    assert [] == [size for size in range(len(octets)) if failure([octets[:size]]) is None]
    assert failure([octets]) is None


def test_11_3_no_beginning_of_a_head_is_a_success() -> None:
    """Contract 11.3: where the end of the connection is the end of the body, the head at least must be whole."""
    octets = REPLIES["until close"]
    head = octets.index(b"\r\n\r\n") + 4

    assert list(range(head)) == [size for size in range(len(octets)) if failure([octets[:size]]) is not None]


@pytest.mark.parametrize("way", ["pieces", "rooms", "small rooms"])
@pytest.mark.parametrize("name", REPLIES)
@fewer
@given(st.data())
def test_11_4_any_split_is_the_same(name: str, way: str, data: st.DataObject) -> None:
    """However a reply is split on its way, and however it is read, the same comes of it."""
    octets = REPLIES[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(octets) - 1), max_size=8)))
    pieces = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    reply = Reply(pieces, way=way)

    assert (b"" if name in {"empty", "204"} else BODY) == reply.content
    assert (name != "until close") == reply.is_reusable
    if b"Set-Cookie" in octets:
        assert ["a=b", "c=d"] == reply.head.headers.get_all("Set-Cookie")


@pytest.mark.parametrize("name", ["sized", "chunked"])
def test_11_4_octet_by_octet(name: str) -> None:
    """A reply that trickles in octet by octet is as any other."""
    assert Reply([bytes([octet]) for octet in REPLIES[name]], way="rooms").content == BODY


@fewer
@given(st.binary(max_size=300))
def test_noise_is_an_error_or_an_answer(octets: bytes) -> None:
    """Whatever a server sends behind a good beginning, it is an answer or one of the known errors, and it ends."""
    for beginning in (b"", b"HTTP/1.1 200 OK\r\n", REPLIES["chunked"][:90]):
        error = failure([beginning + octets])
        assert error is None or type(error).__name__ in {"ProtocolError", "IncompleteContent", "RemoteDisconnected"}


class Received:
    """Gives a Response what a stream has received, and then its end."""

    peer, cut = "peer:80", None

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def receive(self, _: int = 0) -> bytes:
        octets, self._octets = self._octets, b""
        return octets

    def receive_into(self, room: memoryview) -> int:
        octets = self.receive()
        room[: len(octets)] = octets
        return len(octets)


CHUNK = st.builds(
    lambda data, line, end: line.format(len(data)).encode() + data + end,
    st.binary(max_size=20),
    st.sampled_from(["{:x}\r\n"] * 5 + ["{:X}\r\n", "00{:x}\r\n", "{:x} \r\n", "{:x};a=b\r\n", "{:x}\n", "+{:x}\r\n"]),
    st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"", b"x\r\n"]),
)
LAST = st.sampled_from(
    [b"0\r\n\r\n"] * 4 + [b"", b"000\r\n\r\n", b"0;a\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"0\r\n\r\nHTTP/1.1 200"]
)


@settings(max_examples=settings().max_examples * 4)
@given(st.lists(CHUNK, max_size=5).map(b"".join), LAST, st.integers(0, 8))
def test_11_4_chunks_that_are_all_here(chunks: bytes, last: bytes, cut: int) -> None:
    """Contract 11.4, invariant LAUNCH-1: what is found is what is read, and no more is awaited than by reading."""
    octets = chunks + last
    octets = octets[: max(0, len(octets) - cut)]
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader: Any = Response(Received(start + octets), "GET")  # type: ignore[arg-type]
    content: bytes | None = None
    failure: type[Exception] | None = None
    try:
        content = reader.read()
    except (ProtocolError, IncompleteContent) as error:
        failure = type(error)
    found = find_chunks(start + octets, len(start))

    if found is not None:
        parts, end = found
        if end == -1:
            assert IncompleteContent is failure
        else:
            assert content == b"".join(parts)
            assert reader.has_leftover == (end < len(start + octets))
            assert reader.is_reusable == (end == len(start + octets))
