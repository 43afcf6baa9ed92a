from __future__ import annotations

import http.client
from typing import Any

import pytest

from support.messages import CONTINUE
from urlrequest._http.response_head import MAX_HEAD_SIZE
from urlrequest._http1 import interim as interim_module
from urlrequest._http1.interim import MAX_INTERIM, InterimResponses
from urlrequest._http1.response_reader import Response
from urlrequest.errors import ProtocolError

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
FINAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"


class Stream:
    """Stands for a NetworkStream: gives pieces one by one, then the end; None: nothing comes in time."""

    peer, is_tls = "peer:80", False

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces = [piece for piece in pieces if piece != b""]

    def receive(self, size: int = 65536) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        assert piece is not None, "it would wait for the whole timeout"
        return piece

    def receive_until(self, until: float) -> bytes | None:
        return self.pieces.pop(0) if self.pieces else b""


# What may precede a final response, and what is none of that: name, bytes, number of interim responses.
INTERIM = [
    ("nothing", b"", 0),
    ("100", CONTINUE, 1),
    ("103", HINTS, 1),
    ("both", CONTINUE + HINTS, 2),
    ("last number", b"HTTP/1.1 199 x\r\n\r\n", 1),
    ("no reason", b"HTTP/1.1 102\r\n\r\n", 1),
    ("bare LF", b"HTTP/1.0 100 x\nA: b\n\n", 1),
    ("folded field", b"HTTP/1.1 103 x\r\nLink: a,\r\n b\r\n\r\n", 1),
    ("many fields", b"HTTP/1.1 103 x\r\n" + b"Link: " + b"x" * 5000 + b"\r\n" + b"A: b\r\n" * 99 + b"\r\n", 1),
    ("two spaces", b"HTTP/1.1  100 x\r\n\r\n", 1),
    ("a line that is no field", b"HTTP/1.1 103 x\r\nno field\r\n\r\n", 1),
    ("as many as allowed", CONTINUE * MAX_INTERIM, MAX_INTERIM),
]
OTHERS = [
    ("one too many", CONTINUE * (MAX_INTERIM + 1)),
    ("too large", b"HTTP/1.1 100 x\r\n" + (b"A: " + b"x" * 1000 + b"\r\n") * 300 + b"\r\n"),
    ("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    ("a number of four digits", b"HTTP/1.1 1000 x\r\n\r\n"),
    ("a number of two digits", b"HTTP/1.1 10 x\r\n\r\n"),
    ("letters", b"HTTP/1.1 1xx x\r\n\r\n"),
    ("another version", b"HTTP/2 100\r\n\r\n"),
    ("a letter after two spaces", b"HTTP/1.1  OK\r\n\r\n"),
    ("a bare CR", b"HTTP/1.1 103 x\r\nA: b\rc\r\n\r\n"),
    ("an empty line first", b"\r\n" + CONTINUE),
    ("noise", b"SSH-2.0-x\r\n"),
]
ALL = [(name, octets) for name, octets, _ in INTERIM] + OTHERS


def outcome(*pieces: bytes, interim: InterimResponses | None = None) -> Any:
    """What the reader makes of it."""
    try:
        response = Response(Stream(*pieces), "POST", interim)  # type: ignore[arg-type]  # as much as is needed
    except (http.client.RemoteDisconnected, ProtocolError) as error:
        return type(error), str(error)
    return response.status, response.reason, response.headers


def cuts(octets: bytes) -> list[int]:
    """Where to cut: everywhere, but in long ones at some places only."""
    return list(range(0, len(octets) + 1, max(1, len(octets) // 200)))


@pytest.mark.parametrize(("name", "octets"), ALL, ids=[name for name, _ in ALL])
def test_fault_49_sender_and_reader_agree(name: str, octets: bytes) -> None:
    """INTERIM-1, fault 49: whatever part of it came while the request was being sent, the outcome is the same."""
    octets += FINAL
    kind = outcome(octets)[0]
    different = []
    for cut in cuts(octets):
        interim = InterimResponses("peer:80")
        interim.receive(octets[:cut])
        expected = outcome(octets[:cut], octets[cut:])  # what a message quotes depends on what has come by then
        if outcome(octets[cut:], interim=interim) != expected or expected[0] != kind:
            different.append(cut)

    assert [] == different


@pytest.mark.parametrize(("name", "octets", "count"), INTERIM, ids=[name for name, _, _ in INTERIM])
def test_fault_49_interim_responses_do_not_stop_the_sending(name: str, octets: bytes, count: int) -> None:
    """Contract 10.5, fault 49: interim responses are passed over, whole or byte by byte; a final one ends it."""
    whole, bytewise = InterimResponses("peer:80"), InterimResponses("peer:80")

    assert not whole.receive(octets)
    assert [] == [place for place in range(len(octets)) if bytewise.receive(octets[place : place + 1])]
    for interim in (whole, bytewise):
        assert (b"", count) == (interim.unread, interim._count)
        assert interim.receive(FINAL[:10])
        assert FINAL[:10] == interim.unread


@pytest.mark.parametrize(("name", "octets"), OTHERS, ids=[name for name, _ in OTHERS])
def test_10_5_anything_else_stops_the_sending(name: str, octets: bytes) -> None:
    """Contract 10.5: what the reader takes for no interim response ends the sending, and lies there for the reader."""
    interim = InterimResponses("peer:80")

    assert interim.receive(octets)
    assert octets.endswith(interim.unread)
    assert interim.unread


@pytest.mark.parametrize("status", [200, 201, 206, 299])
def test_10_5_success_does_not_stop_the_sending(status: int) -> None:
    """Contract 10.5: a final response below 300 lies there for the reader, and the sending goes on until the end."""
    octets = CONTINUE + b"HTTP/1.1 %d x\r\nContent-Length: 3\r\n\r\nabc" % status
    for size in (1, 7, 25, len(octets)):
        interim = InterimResponses("peer:80")
        assert not any(interim.receive(octets[place : place + size]) for place in range(0, len(octets), size))
        assert (octets[len(CONTINUE) :], True) == (interim.unread, interim.has_final)
        assert status == outcome(interim=interim)[0]
        assert interim.receive(b"")


@pytest.mark.parametrize("status", [101, 300, 304, 307, 400, 503, 999])
def test_10_5_a_refusal_stops_the_sending(status: int) -> None:
    """Contract 10.5: 300 and above is a refusal; 101 is another protocol."""
    interim = InterimResponses("peer:80")

    assert interim.receive(b"HTTP/1.1 %d x\r\n\r\n" % status)
    assert not interim.has_final


def test_a_four_digit_number_is_no_status() -> None:
    """Contract 11: "HTTP/1.1 1000 x" ends the sending and is a ProtocolError, as it is when nothing is being sent."""
    interim = InterimResponses("peer:80")

    assert interim.receive(b"HTTP/1.1 1000 x\r\n\r\n" + FINAL)
    assert outcome(interim=interim)[0] is ProtocolError
    assert outcome(interim=interim) == outcome(b"HTTP/1.1 1000 x\r\n\r\n" + FINAL)


@pytest.mark.parametrize("while_sending", range(MAX_INTERIM + 1))
def test_fault_50_the_limit_is_counted_once(while_sending: int) -> None:
    """INTERIM-2, fault 50: sixteen in all are passed over, however many came while the request was being sent."""
    for later, expected in ((MAX_INTERIM - while_sending, 413), (MAX_INTERIM - while_sending + 1, ProtocolError)):
        interim = InterimResponses("peer:80")
        assert not interim.receive(HINTS * while_sending)
        assert expected == outcome(HINTS * later + FINAL, interim=interim)[0]


def test_fault_45_the_size_is_counted_once() -> None:
    """INTERIM-2, fault 45: the limit for heads holds for those that came before and after together."""
    large = b"HTTP/1.1 103 x\r\n" + (b"A: " + b"x" * 995 + b"\r\n") * 100 + b"\r\n"
    interim = InterimResponses("peer:80")
    assert not interim.receive(large * 2)
    assert MAX_HEAD_SIZE - 2 * len(large) == interim.head_limit

    assert (ProtocolError, "peer:80 sent a head of more than 262144 bytes") == outcome(large, FINAL, interim=interim)


@pytest.mark.parametrize(("begun", "stops"), [(b"", False), (b"HTTP/1.1 1", True), (CONTINUE, False)])
def test_fault_34_the_end_while_sending(begun: bytes, stops: bool) -> None:
    """Fault 34: a server that has said all may still read; only half a response is worth no more sending."""
    interim = InterimResponses("peer:80")
    assert not interim.receive(begun)

    assert stops is interim.receive(b"")


# 100 Continue


def await_continue(*pieces: bytes | None, interim: InterimResponses | None = None) -> tuple[bool, bytes]:
    """Whether the body is to be sent, and what lies there then for the reader."""
    interim = interim or InterimResponses("peer:80")
    stream: Any = Stream(*pieces)
    may_send = interim.await_continue(stream)
    assert [] == stream.pieces
    return may_send, interim.unread


@pytest.mark.parametrize(
    "pieces",
    [
        (CONTINUE,),
        (HINTS, CONTINUE),
        (HINTS + CONTINUE,),
        (CONTINUE + HINTS,),
        (CONTINUE[:9], CONTINUE[9:]),
        (HINTS[:5], HINTS[5:] + CONTINUE[:5], CONTINUE[5:] + HINTS[:5], HINTS[5:]),
        (None,),
        (HINTS, None),
    ],
)
def test_fault_36_the_body_is_asked_for(pieces: tuple[bytes | None, ...]) -> None:
    """Fault 36: 100 asks for the body, however it arrives, and so does a second without an answer; 103 does not."""
    assert (True, b"") == await_continue(*pieces)


@pytest.mark.parametrize(
    ("pieces", "unread"),
    [
        ((FINAL,), FINAL),
        ((FINAL[:12],), FINAL[:12]),
        ((HINTS, FINAL), FINAL),
        ((CONTINUE + FINAL,), FINAL),
        ((CONTINUE + FINAL[:5], FINAL[5:]), FINAL),
        ((CONTINUE + FINAL[:9],), FINAL[:9]),
        ((b"",), b""),
        ((HINTS,), b""),
        ((HINTS[:5],), HINTS[:5]),
        ((b"noise",), b"noise"),
    ],
)
def test_fault_36_the_body_is_not_asked_for(pieces: tuple[bytes, ...], unread: bytes) -> None:
    """Fault 36, contract 10.5: a final response instead of 100, or the end, and nothing of the body is sent."""
    assert (False, unread) == await_continue(*pieces)


def test_fault_36_an_early_leave_counts() -> None:
    """Fault 36: a 100 that came while the head was being sent is not waited for a second time."""
    interim = InterimResponses("peer:80")
    assert not interim.receive(CONTINUE)

    assert (True, b"") == await_continue(interim=interim)


def test_fault_36_half_an_early_leave_counts() -> None:
    """Fault 36: nothing is lost of a 100 that began while the head was being sent."""
    interim = InterimResponses("peer:80")
    assert not interim.receive(CONTINUE[:7])

    assert (True, b"") == await_continue(CONTINUE[7:], interim=interim)


def test_fault_50_a_flood_instead_of_100() -> None:
    """Fault 50: interim responses without an end do not keep the request waiting for leave."""
    interim = InterimResponses("peer:80")

    assert (False, HINTS) == await_continue(*[HINTS] * (MAX_INTERIM + 1), interim=interim)
    assert (ProtocolError, "peer:80 sent more than 16 interim responses") == outcome(interim=interim)


def test_fault_36_waits_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 36: the time for a 100 is a second for all that comes together."""
    monkeypatch.setattr(interim_module, "monotonic", lambda: 50.0)
    ends: list[float] = []

    class Silent(Stream):
        def receive_until(self, until: float) -> bytes | None:
            ends.append(until)
            return super().receive_until(until)

    stream: Any = Silent(HINTS, None)
    assert InterimResponses("peer:80").await_continue(stream)
    assert [51.0, 51.0] == ends


def test_10_5_no_second_for_a_route_without_100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: where no 100 is to be expected the time is none; and that none came in time is noted."""
    monkeypatch.setattr(interim_module, "monotonic", lambda: 50.0)
    ends: list[float] = []

    class Silent(Stream):
        def receive_until(self, until: float) -> bytes | None:
            ends.append(until)
            return super().receive_until(until)

    interim, stream = InterimResponses("peer:80", expects_continue=False), Silent(None)
    assert not interim.is_overdue
    assert interim.await_continue(stream)  # type: ignore[arg-type]  # as much of a stream as is needed
    assert [50.0] == ends
    assert interim.is_overdue
