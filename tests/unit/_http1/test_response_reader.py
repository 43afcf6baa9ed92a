from __future__ import annotations

import http.client
import sys
from itertools import count
from typing import Any

import pytest

from urlrequest._http1.interim import MAX_INTERIM
from urlrequest._http1.response_reader import MAX_CHUNK_LINE, MAX_TRAILER_SIZE, PIECE_SIZE, Response
from urlrequest.errors import IncompleteContent, ProtocolError

HEAD = b"HTTP/1.1 200 OK\r\n"
SIZED = HEAD + b"Content-Length: 5\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Stream:
    """Stands for a NetworkStream: gives pieces one by one, then the end."""

    peer = "peer:80"
    cut, is_tls = None, False

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(filter(None, pieces))

    def receive(self, size: int = 65536) -> bytes:
        return self._take(size)

    def is_silent(self, _: float) -> bool:
        return not self.pieces

    def receive_into(self, room: memoryview) -> int:
        piece = self._take(len(room))
        room[: len(piece)] = piece
        return len(piece)

    def _take(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        piece, rest = self.pieces[0][:size], self.pieces[0][size:]
        self.pieces[:1] = [rest] if rest else []
        return piece


def respond(*pieces: bytes, method: str = "GET") -> Response:
    return Response(Stream(*pieces), method)  # type: ignore[arg-type]  # as much of a stream as is needed


def content(*pieces: bytes, method: str = "GET") -> bytes:
    return respond(*pieces, method=method).read()


# The head


def test_fault_40_no_answer() -> None:
    """Fault 40: the end before any octet is RemoteDisconnected, a ConnectionError."""
    with pytest.raises(
        http.client.RemoteDisconnected, match=r"^Remote end closed connection without response \(peer:80\)"
    ) as caught:
        respond()
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize("size", range(1, len(SIZED)))
def test_fault_41_42_cut_heads(size: int) -> None:
    """Faults 41 and 42, sockets E12 and E13: a head that ends early is a ProtocolError, wherever it ends."""
    with pytest.raises(ProtocolError, match=f"within the head, after {size} bytes"):
        respond(SIZED[:size])


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01", b"SSH-2.0-x\r\n", b"H", b"HTTP/2", b"HTTP/1", b"\r\nHTTP/1.1 200 OK"]
)
def test_fault_12_noise(noise: bytes) -> None:
    """Fault 12: noise is a ProtocolError at once, without waiting for more than is needed to know."""
    with pytest.raises(ProtocolError):
        respond(noise)


def test_fault_12_noise_is_known_at_once() -> None:
    """Fault 12: a server that speaks something else is not listened to until its end."""
    stream = Stream(b"SSH-2.0-x", b"more")
    with pytest.raises(ProtocolError, match="does not speak HTTP/1"):
        Response(stream, "GET")  # type: ignore[arg-type]  # as above
    assert [b"more"] == stream.pieces


@pytest.mark.parametrize("pieces", [1, 1000])
def test_fault_45_endless_heads(pieces: int) -> None:
    """Fault 45: a head of more than 256 KiB is an error while it comes."""
    flood = b"A: " + b"x" * 1000 + b"\r\n"
    with pytest.raises(ProtocolError, match="a head of more than 262144 bytes"):
        respond(HEAD, *([flood * (1000 // pieces)] * pieces), b"\r\n")


def test_fault_45_interim_heads_count() -> None:
    """Fault 45: the limit holds for the interim responses and the final one together."""
    interim = b"HTTP/1.1 100 C\r\n" + (b"A: " + b"x" * 1000 + b"\r\n") * 100 + b"\r\n"
    with pytest.raises(ProtocolError, match="a head of more than 262144 bytes"):
        respond(interim * 3 + SIZED)


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_fault_49_interim_responses_are_skipped(status: int) -> None:
    """Fault 49, contract 3.3: interim responses and their fields are dropped, in one piece or apart."""
    interim = b"HTTP/1.1 %d x\r\nSet-Cookie: a=b\r\nContent-Length: 3\r\n\r\n" % status

    for pieces in ((interim * 2 + SIZED + b"hello",), (interim, interim, SIZED, b"hello")):
        response = respond(*pieces)
        assert (200, {"Content-Length": "5"}) == (response.status, response.headers)
        assert b"hello" == response.read()


def test_fault_50_flood_of_interim_responses() -> None:
    """Fault 50, sockets E15: sixteen interim responses are skipped, one more is an error."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert 200 == respond(interim * MAX_INTERIM + SIZED).status

    with pytest.raises(ProtocolError, match="more than 16 interim responses"):
        respond(interim * (MAX_INTERIM + 1) + SIZED)


def test_3_3_101_is_final() -> None:
    """Contract 3.3: 101 is a final status without content; what follows is another protocol."""
    response = respond(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x00\x01")

    assert (101, b"", False) == (response.status, response.read(), response.is_reusable)


def test_like_http_client() -> None:
    """Contract 18.2: the response has the names of http.client's."""
    response = respond(b"HTTP/1.0 200 Fine\r\nA: 1\r\nA: 2\r\n\r\nxyz")

    assert (200, "Fine", 10) == (response.status, response.reason, response.version)
    assert ("1, 2", None, "d") == (response.getheader("a"), response.getheader("b"), response.getheader("b", "d"))
    assert [("A", "1, 2")] == response.getheaders()
    assert response.headers is response.msg
    assert not response.isclosed()
    assert [b"x", b"yz", b"", b""] == [response.read(1), response.read(), response.read(5), response.read()]
    assert response.isclosed()
    response.close()


# Sized content


@pytest.mark.parametrize("size", range(5))
def test_11_3_short_bodies(size: int) -> None:
    """Contract 11.3, fault 55: a body shorter than its length is IncompleteContent with both figures."""
    with pytest.raises(IncompleteContent, match=f"peer:80 .* after {size} of 5 bytes"):
        content(SIZED, b"hello"[:size])


def test_11_3_read_tells_nothing_of_a_short_body() -> None:
    """Contract 11.3: reading exact amounts, as subclasses do, does not hide that the body is short."""
    response = respond(SIZED, b"hel")
    assert b"hel" == response.read(3)
    with pytest.raises(IncompleteContent):
        response.read(1)


def test_sized() -> None:
    """A body is read to its length, and the connection may then be used again."""
    response = respond(SIZED + b"he", b"llo")

    assert (b"hello", True, True) == (response.read(), response.is_complete, response.is_reusable)
    assert b"" == response.read_piece()
    assert 0 == response.read_into(memoryview(bytearray(9)))


def test_fault_71_extra_octets() -> None:
    """Fault 71: what comes behind the body is not of it, and the connection is not used again."""
    response = respond(SIZED + b"hello, world")

    assert (b"hello", False) == (response.read(), response.is_reusable)


@pytest.mark.parametrize("status", [b"200 OK", b"204 No", b"304 Not"])
@pytest.mark.parametrize("fields", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_4_7_content_where_none_can_be(status: bytes, fields: bytes) -> None:
    """Contract 4.7, fault 69: HEAD, 204 and 304 have no content; what is sent all the same spoils the connection."""
    method = "HEAD" if status == b"200 OK" else "GET"
    response = respond(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\nhello", method=method)
    assert (b"", True, False) == (response.read(), response.is_complete, response.is_reusable)

    silent = respond(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n", method=method)
    assert (b"", True) == (silent.read(), silent.is_reusable)


def test_fault_67_until_the_end() -> None:
    """Fault 67: without a length the end of the stream is the end of the body, and of the connection."""
    response = respond(HEAD + b"\r\nhe", b"llo")

    assert (b"hello", False) == (response.read(), response.is_reusable)


# Chunks


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"a\r\n0123456789\r\n000\r\n\r\n", b"0123456789"),
        (b"005\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5;name=value\r\nhello\r\n0;x\r\n\r\n", b"hello"),
        (b"5 \t\r\nhello\r\n0 \r\n\r\n", b"hello"),
        (b'5 ; x="\xe9"\r\nhello\r\n0\r\n\r\n', b"hello"),
        (b"5\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", b"hello"),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_chunks(octets: bytes, expected: bytes, is_split: bool) -> None:
    """Chunks, their extensions and trailers are read, whole or octet by octet; the connection may be used again."""
    pieces = [bytes([octet]) for octet in octets] if is_split else [octets]
    response = respond(CHUNKED, *pieces)

    assert (expected, True) == (response.read(), response.is_reusable)


@pytest.mark.parametrize(
    "line",
    [b"", b"-5", b"+5", b"0x5", b"5_0", b"g", b" 5", b"5,", b"\xb2", b"5 5", b"1" * 16, b"5\r", b"5\0", b"\t", b";x"],
)
def test_fault_62_chunk_sizes(line: bytes) -> None:
    """Fault 62: a chunk size that is none is a ProtocolError, no guess."""
    with pytest.raises(ProtocolError):
        content(CHUNKED + line + b"\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize("after", [b"0\r\n\r\n", b"xx\r\n", b" \r\n", b"\r\r\n", b"!\r\n0\r\n\r\n"])
def test_fault_65_end_of_a_chunk(after: bytes) -> None:
    """Fault 65: a chunk that does not end where it said is a ProtocolError."""
    with pytest.raises(ProtocolError):
        content(CHUNKED + b"5\r\nhello" + after)


@pytest.mark.parametrize(
    "body",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r\n0\n\r\n",
        b"5\r\nhello\r\n0\r\n\n",
        b"5\r\nhello\r\n0\r\nA: b\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    ],
    ids=count(),
)
def test_11_4_a_bare_lf_in_chunked_coding(body: bytes) -> None:
    """Contract 11.4: an LF alone ends no line within chunks, as an intermediary may see another end of the body."""
    for pieces in ((body,), tuple(body[start : start + 1] for start in range(len(body)))):
        with pytest.raises(ProtocolError):
            content(CHUNKED, *pieces)


@pytest.mark.parametrize("size", [1, 3, 200])
def test_fault_66_many_small_chunks(size: int) -> None:
    """Fault 66: chunks that are here already are read in one go, so that many tiny ones cost what few large ones do."""
    octets = bytes(range(256)) * 20
    chunks = [octets[start : start + size] for start in range(0, len(octets), size)]
    framed = b"".join(b"%x;e=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    reads = 0

    def count_reads(frame: Any, event: str, _: Any) -> None:
        nonlocal reads
        reads += event == "call" and frame.f_code.co_name == "_begin_chunk"

    sys.setprofile(count_reads)
    try:
        assert octets == content(CHUNKED, framed)
    finally:
        sys.setprofile(None)
    assert reads <= 2 + 4 * len(framed) / PIECE_SIZE
    for step in (1, 7, 1000):
        assert octets == content(CHUNKED, *(framed[start : start + step] for start in range(0, len(framed), step)))


@pytest.mark.parametrize("size", range(len(b"5;e\r\nhello\r\n0\r\nT: x\r\n\r\n")))
def test_fault_64_cut_chunks(size: int) -> None:
    """Contract 11.3, fault 64: a chunked body that ends anywhere before its very end is IncompleteContent."""
    with pytest.raises(IncompleteContent, match="within the body"):
        content(CHUNKED, b"5;e\r\nhello\r\n0\r\nT: x\r\n\r\n"[:size])


def test_fault_64_cut_within_a_long_chunk() -> None:
    """Contract 11.3: a cut is noticed as well where a long chunk goes straight to its place."""
    with pytest.raises(IncompleteContent, match=r"after \d+ bytes of a body in chunks"):
        content(CHUNKED, b"100000\r\n", b"x" * 0x80000, b"y" * 7)


def test_long_chunks() -> None:
    """Long chunks arrive whole, wherever they are split."""
    octets = bytes(range(256)) * 4096
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(octets), octets)

    for step in (7_001, 65_536, 300_000):
        pieces = [framed[start : start + step] for start in range(0, len(framed), step)]
        assert octets == content(CHUNKED, *pieces)


@pytest.mark.parametrize(
    ("octets", "limit"),
    [
        (b"5;" + b"x" * 20_000 + b"\r\n", MAX_CHUNK_LINE),
        (b"5;" + b"x" * 20_000, MAX_CHUNK_LINE),
        (b"0" * 20_000, MAX_CHUNK_LINE),
        (b"0\r\n" + b"A: " + b"x" * 20_000, MAX_TRAILER_SIZE),
        (b"0\r\n" + b"A: b\r\n" * 5_000, MAX_TRAILER_SIZE - len(b"A: b\r\n") * (MAX_TRAILER_SIZE // len(b"A: b\r\n"))),
    ],
    ids=count(),
)
def test_fault_66_floods_between_chunks(octets: bytes, limit: int) -> None:
    """Fault 66: extensions and trailers have their limits, in one piece or in many."""
    for pieces in ((octets,), tuple(octets[start : start + 100] for start in range(0, len(octets), 100))):
        with pytest.raises(ProtocolError, match=f"more than {limit} bytes between chunks"):
            content(CHUNKED, *pieces, b"\r\n\r\n")


# Whether anything of the content is here


@pytest.mark.parametrize(
    ("pieces", "is_silent"),
    [
        ([SIZED], True),
        ([SIZED + b"1"], False),
        ([SIZED, b"1"], False),
        ([HEAD + b"Content-Length: 0\r\n\r\n"], False),
        ([CHUNKED], True),
        ([CHUNKED + b"5"], False),
        ([CHUNKED + b"\r\n"], False),
        ([CHUNKED + b"5\r\nab"], False),
        ([CHUNKED, b"1\r\na\r\n"], False),
        ([HEAD + b"\r\n"], True),
    ],
)
def test_streaming_1_before_the_content(pieces: list[bytes], is_silent: bool) -> None:
    """STREAMING-1: nothing is here, and nothing comes."""
    assert is_silent == respond(*pieces).is_silent(0.0)


@pytest.mark.parametrize(
    ("pieces", "is_silent"),
    [
        ([SIZED + b"1"], True),
        ([SIZED + b"1", b"2"], False),
        ([SIZED + b"12345"], False),
        ([CHUNKED + b"1\r\na\r\n"], True),
        ([CHUNKED + b"1\r\na"], True),
        ([CHUNKED + b"1\r\na\r"], False),
        ([CHUNKED + b"1\r\na\r\n2"], False),
        ([CHUNKED + b"1\r\na\r\n0\r\n\r\n"], False),
        ([CHUNKED + b"2\r\na"], True),
        ([CHUNKED + b"4\r\na\r\n"], True),
        ([CHUNKED + b"1\r\na\r\n", b"2"], False),
    ],
)
def test_streaming_1_after_a_piece(pieces: list[bytes], is_silent: bool) -> None:
    """STREAMING-1: the mark behind a chunk is no content; whatever else is held may be the beginning of some."""
    response = respond(*pieces)
    assert response.read_piece()

    assert is_silent == response.is_silent(0.0)
