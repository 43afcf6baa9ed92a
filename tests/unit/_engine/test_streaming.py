"""Streaming: a body that is passed on as it comes, and when its worker leaves it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import Headers, HTTPConnection
from urlrequest._engine.options import PLAIN
from urlrequest._engine.prepare import prepare_request
from urlrequest._engine.streaming import FAST, PATIENCE, Streaming
from urlrequest._http.response_head import ResponseHead
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.errors import ChecksumMismatch, ContentTooLarge

if TYPE_CHECKING:
    from urlrequest._delivery.events import Answer

PIECES = [b"any", b" content"]
BODY = b"".join(PIECES)
NOTHING = b""  # where nothing comes, for as long as anybody waits for it


class Response:
    """A response whose content comes in pieces, with rests in between."""

    expected = None

    def __init__(self, *pieces: bytes) -> None:
        self.head = ResponseHead("1.1", 200, "", Headers({}))
        self.pieces = list(pieces)
        self.waits: list[float] = []

    @property
    def is_complete(self) -> bool:
        return not self.pieces

    def is_silent(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self.pieces[:1] == [NOTHING]

    def come(self) -> None:
        """End the rest."""
        assert NOTHING == self.pieces.pop(0)

    def read_piece(self) -> bytes:
        piece = self.pieces.pop(0)
        assert piece, "a worker that reads now would wait"
        return piece

    def read_into(self, room: memoryview) -> int:
        piece = self.read_piece()
        room[: len(piece)] = piece
        return len(piece)


class Exchange:
    """What is between the response and the connection."""

    is_left = False

    def __init__(self, response: Response) -> None:
        self.response = response


class Observer:
    """Notes what it is notified of."""

    def __init__(self, *, may_leave: bool = True) -> None:
        self.may_leave = lambda: may_leave
        self.wants_progress = lambda: False
        self.heads: list[ResponseHead] = []
        self.head_received = self.heads.append
        self.chunks: list[bytes] = []
        self.chunk_received = self.chunks.append
        self.passed = self.received = 0

    def chunks_passed(self) -> None:
        self.passed = len(self.chunks)


def begin(response: Response, observer: Observer, **options: Any) -> Streaming:
    asked = PLAIN._replace(url="http://a.test/", **options)
    prepared = prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: HTTPConnection)
    exchange: Any = Exchange(response)
    answering: Any = observer
    return Streaming(exchange, prepared, CancelScope(), answering)


def all_of(streaming: Streaming) -> Answer:
    answer = streaming.go_on()
    assert answer is not None
    return answer


def test_17_2_chunks() -> None:
    """Contract 17.2: the pieces as they come, and no content is kept."""
    response, observer = Response(*PIECES), Observer()
    answer = all_of(begin(response, observer))

    assert PIECES == observer.chunks
    assert [response.head] == observer.heads
    assert 2 == observer.passed  # none is left that nobody was woken for
    assert (b"", b"") == (answer.content, answer.result)


@pytest.mark.parametrize("rests", [[0], [1], [0, 1], [0, 0, 1]])
def test_streaming_1_the_worker_leaves(rests: list[int]) -> None:
    """STREAMING-1: it does while nothing comes, also before the first piece, and what has come is passed on before."""
    pieces = PIECES[:]
    for index in reversed(rests):
        pieces.insert(index, NOTHING)
    response, observer = Response(*pieces), Observer()
    streaming = begin(response, observer)
    for _ in rests:
        assert streaming.go_on() is None
        assert streaming.is_left
        assert len(observer.chunks) == observer.passed
        response.come()
    all_of(streaming)

    assert not streaming.is_left
    assert BODY == b"".join(observer.chunks)
    assert 1 == len(observer.heads)


def test_a_worker_that_is_not_needed_stays() -> None:
    """Where no other request needs the worker, nobody looks whether something comes."""
    response = Response(*PIECES)
    all_of(begin(response, Observer(may_leave=False)))

    assert [] == response.waits


def test_a_fast_body_is_waited_for() -> None:
    """A body that brings much is about to bring more, and to change workers costs more than to wait a little."""
    response = Response(b"x", b"x" * (FAST - 1), b"x", NOTHING)
    streaming = begin(response, Observer())
    assert streaming.go_on() is None
    response.come()
    response.pieces[:] = [b"x"]
    all_of(streaming)

    assert [0.0, 0.0, PATIENCE, PATIENCE, 0.0] == response.waits


def test_12_4_checksum() -> None:
    """Contract 12.4: the right one passes, a wrong one is an error, wherever the worker has left the body."""
    for octets in (BODY, b"other"):
        checksum = f"sha256:{hashlib.sha256(octets).hexdigest()}"
        response = Response(PIECES[0], NOTHING, PIECES[1])
        streaming = begin(response, Observer(), checksum=checksum)
        assert streaming.go_on() is None
        response.come()
        if octets == BODY:
            all_of(streaming)
        else:
            with pytest.raises(ChecksumMismatch):
                streaming.go_on()


def test_17_6_too_large() -> None:
    """Contract 17.6: bytes are counted across rests."""
    response, observer = Response(PIECES[0], NOTHING, PIECES[1]), Observer()
    streaming = begin(response, observer, max_size=5)
    assert streaming.go_on() is None
    response.come()
    with pytest.raises(ContentTooLarge):
        streaming.go_on()

    assert PIECES[:1] == observer.chunks
