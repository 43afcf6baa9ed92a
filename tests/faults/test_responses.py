"""Faults 12 and 40 to 84: what a server may do wrong once it is connected."""

from __future__ import annotations

import errno
import gzip
import itertools
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from faults.rows import Fault, Target, assert_ended, begin_timeout
from support.messages import CONTINUE, chunked, raw_deflate, reply
from urlrequest.errors import (
    ContentDecodingError,
    ContentTooLarge,
    IncompleteContent,
    ProtocolError,
)
from urlrequest.testing import Server, close, hold, reset, send, trickle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest.testing import Step

pytestmark = pytest.mark.no_leaks

OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"Connection: close\r\n"
IDLE = 0.15  # seconds that a server is silent
PATIENCE = 15.0  # seconds; only a failing test waits that long


def fails(row: str, octets: Any, error: Any = ProtocolError, says: str = "", **more: Any) -> Fault:
    """The server sends octets and closes; the request ends with an error."""
    return Fault(row, (send(octets),), "error", error, says=says, **more)


def breaks(row: str, octets: bytes, **more: Any) -> Fault:
    """The server sends octets and resets the connection."""
    return Fault(row, (send(octets), reset()), "error", ConnectionError, **more)


def stalls(row: str, octets: bytes, says: str) -> Fault:
    """The server sends octets and nothing more."""
    return Fault(row, (send(octets), hold()), "error", TimeoutError, says=says, options={"timeout": PATIENCE})


def passes(row: str, octets: Any, result: Any = "hello", event: str = "success", **more: Any) -> Fault:
    """The server sends octets and closes; the request ends well."""
    return Fault(row, (send(octets),), event, result=result, **more)


def field(line: str, body: bytes = b"hello") -> bytes:
    return OK + CLOSE + line.encode("latin-1") + b"\r\n\r\n" + body


def coded(body: bytes, coding: str, content_type: str = "text/plain") -> bytes:
    return reply(body, f"Content-Encoding: {coding}", f"Content-Type: {content_type}")


class Endless:
    """Octets and then others for ever; from the beginning each time it is sent."""

    def __init__(self, first: bytes, again: bytes) -> None:
        self._parts = first, again

    def __iter__(self) -> Iterator[bytes]:
        first, again = self._parts
        return itertools.chain([first], itertools.repeat(again))


def typed(body: bytes, content_type: str) -> bytes:
    return reply(body, f"Content-Type: {content_type}")


def corrupted(octets: bytes, at: int) -> bytes:
    return octets[:at] + bytes([octets[at] ^ 0xFF]) + octets[at + 1 :]


PACKED = gzip.compress(b"hello", mtime=0)
BOMB = gzip.compress(bytes(12 * 1024 * 1024), mtime=0)
DOUBLE_BOMB = gzip.compress(gzip.compress(bytes(100_000_000), mtime=0), mtime=0)
MANY_DIGITS = b"1" * 5000
DEEP = b"[" * 100_000

FAULTS = [
    # After the connection stands
    Fault("12-close", (close(),), "error", ConnectionError, reads_request=False),
    Fault("12-reset", (reset(),), "error", ConnectionError, reads_request=False),
    Fault("12-silence", (hold(),), "error", TimeoutError, says="waiting for a response", options={"timeout": PATIENCE}),
    fails("12-noise", b"\x16\x03\x01\x00\x02\x02\x28", says="HTTP/1"),
    fails("12-smtp", b"220 mail.example ESMTP\r\n", says="HTTP/1"),
    # Status line and headers
    Fault("40-nothing", (), "error", ConnectionError, says="without response"),
    fails("41-part", b"HTTP/1.1 2", says="within the head"),
    fails("41-part-of-the-version", b"HTT", says="within the head"),
    fails("41-whole", b"HTTP/1.1 200 OK", says="within the head"),
    fails("41-line", OK, says="within the head"),
    fails("42-in-a-field", OK + b"Content-Length: 1", says="within the head"),
    fails("42-before-the-blank-line", OK + b"Content-Length: 5\r\n", says="within the head"),
    fails("42-half-the-blank-line", OK + b"Content-Length: 5\r\n\r", says="within the head"),
    passes("44-no-reason", b"HTTP/1.1 200\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
    passes("44-empty-reason", reply(status="200 ")),
    passes("44-latin-1-reason", reply(status="200 Tr\xe8s bien")),
    fails("45-line", OK + b"X: " + b"a" * 66_000 + b"\r\n\r\n", says="65536"),
    fails("45-head", OK + b"".join(b"X%d: %b\r\n" % (n, b"a" * 6000) for n in range(50)) + b"\r\n", says="262144"),
    fails("45-lines", OK + b"".join(b"X%d: a\r\n" % n for n in range(1001)) + b"\r\n", says="1001"),
    fails("45-endless", Endless(OK, b"X: " + b"a" * 1000 + b"\r\n"), says="262144"),
    fails("45-endless-line", Endless(OK + b"X: ", b"a" * 4096), says="262144"),
    passes("45-a-thousand", OK + CLOSE + b"".join(b"X%d: a\r\n" % n for n in range(999)) + b"\r\nhello"),
    passes("46-no-colon", field("nonsense\r\nContent-Length: 5")),
    passes("46-bad-name", field("Content-Length: 5\r\nNa me: a")),
    passes("46-no-name", field("Content-Length: 5\r\n: a")),
    passes("46-two-blanks", reply().replace(b"HTTP/1.1 200 OK", b"HTTP/1.1  200  OK")),
    passes("47-blank-in-a-name", field("Content-Length: 5\r\nX : a")),
    fails("46-length-without-a-colon", field("Content-Length 5"), says="Content-Length 5"),
    fails("46-coding-in-a-name", field("X Transfer-Encoding: chunked"), says="X Transfer-Encoding"),
    fails("46-first-line-folded", OK + b" X: a\r\n\r\n"),
    fails("47-bare-cr", field("X: a\rContent-Length: 2")),
    fails("47-nul", field("X: a\0b")),
    fails("47-space-before-colon", field("Content-Length : 5")),
    passes("47-folded", field("Content-Length: 5\r\nX: a\r\n b")),
    passes("49-interim", CONTINUE + b"HTTP/1.1 102 P\r\nX: a\r\n\r\nHTTP/1.1 103 E\r\nLink: b\r\n\r\n" + reply()),
    passes("50-sixteen", CONTINUE * 16 + reply()),
    fails("50-seventeen", CONTINUE * 17 + reply(), says="16"),
    fails("50-flood", Endless(b"", CONTINUE), says="16"),
    passes("51-switching", b"HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n", "", is_for_file=False),
    fails("48-http-2", b"HTTP/2 200\r\n\r\n", says="HTTP/2"),
    fails("48-http-0.9", b"HTTP/0.9 200 OK\r\n\r\n"),
    fails("48-status-of-two", b"HTTP/1.1 20 OK\r\n\r\n"),
    fails("48-status-of-four", b"HTTP/1.1 2000 OK\r\n\r\n"),
    fails("48-status-signed", b"HTTP/1.1 +200 OK\r\n\r\n"),
    fails("48-status-underscore", b"HTTP/1.1 2_00 OK\r\n\r\n"),
    fails("48-body-only", b"<html></html>", says="<html>"),
    breaks("52-before-the-head", b""),
    breaks("52-in-the-head", OK + b"Content-Le"),
    # Framing
    fails("55-short", reply(length=20), IncompleteContent, says="5 of 20"),
    fails("55-none", reply(b"", length=20), IncompleteContent, says="0 of 20"),
    fails("55-one-short", reply(b"a" * 99_999, length=100_000), IncompleteContent, says="99999 of 100000"),
    fails("55-failure", reply(status="500 E", length=20), IncompleteContent, says="5 of 20"),
    fails("55-redirect", reply(status="302 F", length=20), IncompleteContent, says="5 of 20"),
    breaks("56-sized", reply(length=20)),
    breaks("56-unsized", OK + b"\r\nhello"),
    breaks("56-chunked", chunked(b"5\r\nhel")),
    *(
        fails(f"57-{value or 'empty'}", field(f"Content-Length: {value}"), says="Content-Length")
        for value in ("-1", "+5", "5.0", "5, 6", "0x5", "5 5", "", "five", "\xb2", "1" * 19, "5,", "5_0", "5;q=1")
    ),
    fails("57-two-fields", field("Content-Length: 5\r\nContent-Length: 6"), says="Content-Length"),
    passes("57-twice-the-same", field("Content-Length: 5, 5")),
    passes("57-two-fields-the-same", field("Content-Length: 5\r\ncontent-length: 5")),
    passes("57-zeros", field("Content-Length: 0005")),
    fails("59-huge", reply(length=10**15), IncompleteContent, says="5 of 1000000000000000", is_for_file=False),
    passes("60-length-and-chunked", chunked(b"5\r\nhello\r\n0\r\n\r\n", "Content-Length: 3")),
    *(
        fails(f"61-{value}", field(f"Transfer-Encoding: {value}"), says="transfer coding")
        for value in (
            "gzip",
            "gzip, chunked",
            "chunked, identity",
            "chunked, chunked",
            "xchunked",
            "chunked;a=b",
            "\x0b",
        )
    ),
    fails("61-two-fields", field("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), says="transfer coding"),
    passes("61-space", field("Transfer-Encoding: chunked ", b"5\r\nhello\r\n0\r\n\r\n")),
    passes("61-capitals", field("Transfer-Encoding: CHUNKED", b"5\r\nhello\r\n0\r\n\r\n")),
    *(
        fails(f"62-{size.decode('latin-1') or 'empty'}", chunked(size + b"\r\nhello\r\n0\r\n\r\n"), says="chunk")
        for size in (b"", b"xyz", b"-5", b"+5", b"0x5", b"0_5", b" 5", b"f" * 16, b"5.0", b"5 5", b"\x005")
    ),
    passes("62-leading-zeros", chunked(b"005\r\nhello\r\n00\r\n\r\n")),
    passes("62-many-zeros", chunked(b"0000000000000005\r\nhello\r\n00000000000000000\r\n\r\n")),
    passes("62-extension", chunked(b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n')),
    fails("62-endless-extension", Endless(chunked(b"5;"), b"a" * 999), says="16384"),
    fails("64-in-the-data", chunked(b"5\r\nhel"), IncompleteContent),
    fails("64-at-an-edge", chunked(b"5\r\nhello\r\n"), IncompleteContent),
    fails("64-before-the-edge", chunked(b"5\r\nhello"), IncompleteContent),
    fails("64-half-the-edge", chunked(b"5\r\nhello\r"), IncompleteContent),
    fails("64-in-the-size", chunked(b"5\r\nhello\r\n1"), IncompleteContent),
    fails("64-after-the-size", chunked(b"5\r\n"), IncompleteContent),
    fails("64-before-any", chunked(b""), IncompleteContent),
    fails("64-in-the-last", chunked(b"5\r\nhello\r\n0"), IncompleteContent),
    fails("64-before-the-final", chunked(b"5\r\nhello\r\n0\r\n"), IncompleteContent),
    fails("64-in-the-trailers", chunked(b"5\r\nhello\r\n0\r\nX: a\r\n"), IncompleteContent),
    fails("65-no-edge", chunked(b"5\r\nhelloX\r\n0\r\n\r\n"), says="chunk"),
    fails("65-next-size-at-once", chunked(b"5\r\nhello0\r\n\r\n"), says="chunk"),
    fails("66-trailers", chunked(b"5\r\nhello\r\n0\r\n" + b"X: a\r\n" * 5000 + b"\r\n")),
    fails("66-endless", Endless(chunked(b"5\r\nhello\r\n0\r\n"), b"X: a\r\n")),
    passes("66-few-trailers", chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")),
    passes("67-no-length", OK + b"\r\nhello"),
    passes("67-no-length-http-1.0", b"HTTP/1.0 200 OK\r\n\r\nhello"),
    passes("67-nothing-at-all", OK + b"\r\n", ""),
    passes("69-204", reply(status="204 No Content"), "", is_for_file=False),
    passes("69-304", reply(status="304 Not Modified"), "", "redirect"),
    passes("69-204-chunked", chunked(b"5\r\nhello\r\n0\r\n\r\n").replace(b"200 OK", b"204 N"), "", is_for_file=False),
    passes("69-head", reply(), "", options={"method": "HEAD"}, is_for_file=False),
    passes("69-head-chunked", chunked(b"5\r\nhello\r\n0"), "", options={"method": "HEAD"}, is_for_file=False),
    stalls("70-head", OK + b"Content-", "receiving"),
    stalls("70-body", reply(length=20), "receiving"),
    stalls("70-no-length", OK + b"\r\nhello", "receiving"),
    stalls("70-chunk", chunked(b"9\r\nhello"), "receiving"),
    stalls("70-chunk-size", chunked(b"5\r\nhello\r\n"), "receiving"),
    stalls("70-trailers", chunked(b"5\r\nhello\r\n0\r\n"), "receiving"),
    Fault("70-slow-but-steady", (trickle(reply(), 8, 0.01),), "success", result="hello", options={"timeout": PATIENCE}),
    passes("71-more", reply() + b"EVIL"),
    passes("71-another", reply() + reply(b"EVIL")),
    passes("71-more-after-chunks", chunked(b"5\r\nhello\r\n0\r\n\r\nEVIL")),
    # Content
    passes("76-gzip", coded(PACKED, "gzip"), is_for_file=False),
    passes("76-x-gzip", coded(PACKED, "X-GZip"), is_for_file=False),
    passes("76-deflate", coded(zlib.compress(b"hello"), "deflate"), is_for_file=False),
    passes("76-raw-deflate", coded(raw_deflate(b"hello"), "deflate"), is_for_file=False),
    passes("76-members", coded(gzip.compress(b"hel") + gzip.compress(b"lo"), "gzip"), is_for_file=False),
    passes("76-identity", coded(b"hello", "identity")),
    passes("76-empty", coded(b"", "gzip"), "", is_for_file=False),
    fails("77-cut", coded(PACKED[:-9], "gzip"), ContentDecodingError, is_for_file=False),
    fails("77-cut-in-the-sum", coded(PACKED[:-1], "gzip"), ContentDecodingError, is_for_file=False),
    fails("77-sum", coded(corrupted(PACKED, -8), "gzip"), ContentDecodingError, is_for_file=False),
    fails("77-length", coded(corrupted(PACKED, -4), "gzip"), ContentDecodingError, is_for_file=False),
    fails("77-header", coded(corrupted(PACKED, 0), "gzip"), ContentDecodingError, is_for_file=False),
    fails("77-none-of-it", coded(b"hello", "gzip"), ContentDecodingError, is_for_file=False),
    fails("77-deflate-cut", coded(zlib.compress(b"hello")[:-2], "deflate"), ContentDecodingError, is_for_file=False),
    fails("77-failure", coded(b"x", "gzip").replace(b"200 OK", b"500 E"), ContentDecodingError, is_for_file=False),
    fails("78-bomb", coded(BOMB, "gzip"), ContentTooLarge, is_for_file=False),
    fails("78-double-bomb", coded(DOUBLE_BOMB, "gzip, gzip"), ContentTooLarge, is_for_file=False),
    fails(
        "78-bomb-on-a-redirect", coded(BOMB, "gzip").replace(b"200 OK", b"302 F"), ContentTooLarge, is_for_file=False
    ),
    fails("79-fifty", coded(b"x", ", ".join(["gzip"] * 50)), ContentDecodingError, is_for_file=False),
    passes("79-twice", coded(gzip.compress(PACKED), "gzip, gzip"), is_for_file=False),
    passes("79-unknown", coded(b"hello", "x-unknown")),
    passes("80-invalid", typed(b"\xff hello", "text/plain; charset=utf-8"), b"\xff hello", is_for_file=False),
    passes("80-unknown-charset", typed(b"hello", "text/plain; charset=x-none")),
    passes("81-mark", typed(b"\xef\xbb\xbf[1]", "application/json"), [1], is_for_file=False),
    passes("81-utf-16", typed("[1]".encode("utf-16"), "application/json"), [1], is_for_file=False),
    passes("81-infinity", typed(b"[Infinity]", "application/json"), [float("inf")], is_for_file=False),
    passes("82-bad", typed(b"{bad", "application/json"), "{bad"),
    passes("82-empty", typed(b"", "application/json"), ""),
    passes("82-not-utf-8", typed(b'"\xff"', "application/json"), b'"\xff"', is_for_file=False),
    passes("82-digits", typed(MANY_DIGITS, "application/json"), MANY_DIGITS.decode()),
    passes("82-deep", typed(DEEP, "application/json"), DEEP.decode()),
    passes("84-no-location", reply(status="302 Found"), "hello", "redirect"),
    passes("84-empty-location", reply(b"hello", "Location: ", status="301 M"), "hello", "redirect"),
    passes("85-file", reply(b"hello", "Location: file:///etc/passwd", status="302 F"), "hello", "redirect"),
    passes("85-javascript", reply(b"hello", "Location: javascript:alert(1)", status="302 F"), "hello", "redirect"),
]


def new_content(fault: Fault) -> bytes:
    """What a success leaves in the file: the result, as octets; JSON and codings are other rows'."""
    return fault.result if isinstance(fault.result, bytes) else str(fault.result).encode()


def play(server: Server, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault.error is TimeoutError:
        begin_timeout(monkeypatch, fault.says, IDLE)
    server.play(*fault.steps, read_request=fault.reads_request)


def assert_outcome(fault: Fault, recorder: Any, request: Any) -> None:
    assert (fault.event, repr(fault.error)) == (
        recorder.terminal,
        repr(fault.error if fault.error and isinstance(request.error, fault.error) else request.error),
    )
    assert fault.says in str(request.error or "")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.row)
def test_fault_in_memory(server: Server, recorder: Any, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """A fault of a server ends a request as the table says, with one event and on_finish, and leaves nothing behind."""
    play(server, fault, monkeypatch)
    request = recorder.run(server.url, **fault.options)

    assert_outcome(fault, recorder, request)
    assert fault.result == request.result
    assert_ended(request)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.is_for_file], ids=lambda fault: fault.row)
def test_fault_in_a_file(
    server: Server, recorder: Any, target: Target, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """The same with file_path: only a success replaces the file, and nothing temporary stays."""
    play(server, fault, monkeypatch)
    request = recorder.run(server.url, file_path=target.path, **fault.options)

    assert_outcome(fault, recorder, request)
    assert_ended(request)
    if fault.event == "success":
        assert b"" == request.result
        target.assert_replaced(new_content(fault))
    else:
        target.assert_untouched()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.row)
def test_fault_with_progress(server: Server, recorder: Any, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """The same with on_progress: whatever arrived was counted, and nothing comes after the end."""
    play(server, fault, monkeypatch)
    request = recorder.run(server.url, on_progress=lambda *_: None, **fault.options)

    assert_outcome(fault, recorder, request)
    assert_ended(request)
    if fault.event != "error":
        assert 0 == recorder.progress[0][0]
        assert recorder.progress[-1] == recorder.progress[-2]
    assert sorted(recorder.progress) == recorder.progress


def test_fault_54_two_cookies(server: Server, recorder: Any) -> None:
    """Fault 54, contract 11.1: both Set-Cookie lines are kept, and read as one joined with a semicolon."""
    server.play(send(reply(b"", "Set-Cookie: a=1", "SET-COOKIE: b=2")))
    request = recorder.run(server.url)

    assert "a=1;b=2" == request.resp_headers["set-cookie"]
    assert ["a=1", "b=2"] == request.resp_headers.get_all("Set-Cookie")


def test_fault_49_interim_fields_are_dropped(server: Server, recorder: Any) -> None:
    """Fault 49: fields of interim responses are not those of the final one."""
    server.play(send(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + reply(b"hello", "X: final")))
    request = recorder.run(server.url)

    assert 200 == request.resp_status
    assert ("final", False) == (request.resp_headers["X"], "Link" in request.resp_headers)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    ],
    ids=["sized", "chunked"],
)
@pytest.mark.parametrize("deliver", [send, trickle], ids=["at-once", "octet-by-octet"])
def test_11_3_no_prefix_of_a_response_is_a_success(
    server: Server, recorder: Any, octets: bytes, deliver: Callable[[bytes], Step]
) -> None:
    """Contract 11.3: whatever a connection is cut down to, only the whole response is a success."""
    for length in range(len(octets)):
        server.play(deliver(octets[:length]))
    requests = [recorder.get(server.url, timeout=PATIENCE) for _ in range(len(octets))]
    for request in requests:
        assert request.wait(timeout=20)

    assert [None] * len(requests) == [request.result for request in requests]
    assert ["error", "finish"] * len(requests) == recorder.names
    assert all(isinstance(request.error, (ProtocolError, ConnectionError)) for request in requests)


def test_fault_59_a_claimed_length_costs_no_memory(server: Server, recorder: Any) -> None:
    """Fault 59: a length that the server only claims is not allocated."""
    server.play(send(reply(length=10**15)))
    tracemalloc.start()
    try:
        recorder.run(server.url)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "error" == recorder.terminal
    assert peak < 4 * 1024 * 1024


def test_12_2_a_claimed_length_beyond_the_disk(server: Server, recorder: Any, target: Target) -> None:
    """Contract 12.2: a Content-Length for which the disk has no place is an error before the first octet of it."""
    server.play(send(reply(length=10**18 - 1)))
    request = recorder.run(server.url, file_path=target.path)

    assert ("error", errno.ENOSPC) == (recorder.terminal, request.error.errno)
    target.assert_untouched()
