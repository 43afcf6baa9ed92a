"""send_with_body(): what is sent, and the calls of `Body.on_sent`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._content.body import make_body
from urlrequest._http1.interim import InterimResponses
from urlrequest._http1.request_writer import REPORTED_SIZE, SMALL_BODY, send_with_body
from urlrequest.errors import IncompleteContent

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = b"POST / HTTP/1.1\r\n\r\n"
LARGE = bytes(SMALL_BODY + 1)


class Stream:
    """Takes octets, up to the send that an early answer stops."""

    peer = "peer:80"

    def __init__(self, sends: int = 1000) -> None:
        self.sends = sends
        self.sent: list[bytes] = []

    def send_all(self, octets: bytes, on_received: Any = None) -> bool:
        if len(self.sent) == self.sends:
            return False
        self.sent.append(bytes(octets))
        return True

    def send_pieces(self, pieces: Sequence[bytes], on_received: Any = None) -> bool:
        return self.send_all(b"".join(pieces), on_received)


def send(source: Any, stream: Stream, length: int | None) -> list[tuple[int, bool]]:
    """Send a body, and return the calls of its `on_sent`."""
    told: list[tuple[int, bool]] = []
    body = make_body(source, None)
    body.on_sent = lambda sent, is_end: told.append((sent, is_end))
    fields = [("Transfer-Encoding", "chunked")] if length is None else [("Content-Length", str(length))]
    some_stream: Any = stream
    send_with_body(some_stream, HEAD, body, fields, InterimResponses(stream.peer))
    return told


def test_17_2_small_body_is_sent_at_once() -> None:
    """Contract 17.2: a small body goes with the head, whether its progress is asked for or not."""
    stream = Stream()

    assert [(0, False), (3, True)] == send(b"abc", stream, 3)
    assert [HEAD + b"abc"] == stream.sent


def test_17_2_large_body_is_reported_in_parts() -> None:
    """Contract 17.2: each part is reported when it was sent, and the end once more."""
    stream = Stream()

    assert [(0, False), (REPORTED_SIZE, False), (len(LARGE), False), (len(LARGE), True)] == send(
        LARGE, stream, len(LARGE)
    )
    assert [HEAD, LARGE[:REPORTED_SIZE], LARGE[REPORTED_SIZE:]] == stream.sent


def test_17_2_chunks_are_reported() -> None:
    """Contract 17.2: of a body of unknown length its own octets count, not those of the chunks."""
    stream = Stream()

    assert [(0, False), (3, False), (5, False), (5, True)] == send([b"abc", b"", b"de"], stream, None)
    assert [HEAD, b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"] == stream.sent


@pytest.mark.parametrize(
    ("source", "length", "sends", "expected"),
    [
        (b"abc", 3, 0, [(0, False)]),
        (LARGE, len(LARGE), 0, []),
        (LARGE, len(LARGE), 1, [(0, False)]),
        (LARGE, len(LARGE), 2, [(0, False), (REPORTED_SIZE, False)]),
        ([b"abc"], None, 2, [(0, False), (3, False)]),
    ],
)
def test_10_5_early_answer_ends_the_reports(
    source: Any, length: int | None, sends: int, expected: list[tuple[int, bool]]
) -> None:
    """Contract 10.5: what was not sent is not reported, and no end is."""
    assert expected == send(source, Stream(sends), length)


@pytest.mark.parametrize(("length", "message"), [(4, "ended after 3 of the 4"), (2, "more than the 2 bytes")])
def test_10_3_body_of_another_length(length: int, message: str) -> None:
    """Contract 10.3: a body that is not as long as its Content-Length says is an error."""
    with pytest.raises(IncompleteContent, match=message):
        send(iter([b"abc"]), Stream(), length)
