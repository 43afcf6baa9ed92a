"""Streams (contract 17.2, 17.16): bodies that are handed over as they arrive, and server-sent events made of them."""

from __future__ import annotations

import hashlib
import ssl
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.waiting import wait_until
from urlrequest import UrlRequest, errors, streams
from urlrequest._client.call import Call
from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.deadline import Deadline
from urlrequest._concurrency.timer import timer
from urlrequest._content.chunk_sink import MAX_CHUNK
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.hooks import _frames
from urlrequest.streams import Event, EventSource
from urlrequest.testing import Reply, Server, hold, reset, send, signal, trickle, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.usefixtures("without_keep_alive")

LIMIT = 1024 * 1024  # octets that may wait
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TYPED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PATIENCE = 20  # seconds; only a failing test waits that long


@pytest.fixture(params=["few", "many"], autouse=True)
def _crowd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many requests at once the worker leaves a body from which nothing comes."""
    if request.param == "many":
        monkeypatch.setattr(worker_pool, "CROWD", -1)


def drain_until(is_true: Callable[[], object]) -> None:
    """Run callbacks on this thread until something has happened."""

    def look() -> object:
        urlrequest.drain()
        return is_true()

    wait_until(look)


class Receiver:
    """Takes the pieces of a body."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.threads: set[int] = set()

    def __call__(self, request: UrlRequest, octets: bytes) -> None:
        assert type(octets) is bytes
        assert octets
        self.threads.add(threading.get_ident())
        self.pieces.append(octets)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


@pytest.mark.parametrize("size", [0, 1, 1000, 3_000_000])
@pytest.mark.parametrize("has_length", [True, False])
def test_17_2_whole_body_in_order(server: Server, recorder: Any, size: int, has_length: bool) -> None:
    """Contract 17.2: every octet arrives, in order, on the dispatch thread, and nothing is kept."""
    body = hashlib.shake_128(b"body").digest(size)
    server.route("/", lambda request: Reply(200, body if has_length else iter([body])))
    taken = Receiver()
    request = recorder.run(server.url, on_chunk=taken)

    assert ("success", b"", b"") == (recorder.terminal, request.result, request.content)
    assert body == taken.body
    assert taken.threads <= {threading.get_ident()}


def test_17_2_pieces_come_as_they_arrive(server: Server) -> None:
    """Contract 17.2: a piece is handed over before the next one is on its way."""
    server.play(
        send(CHUNKED + b"3\r\none\r\n"), wait_for("first"), send(b"3\r\ntwo\r\n"), wait_for("second"),
        send(b"0\r\n\r\n"),
    )  # fmt: skip
    taken = Receiver()
    request = UrlRequest(server.url, on_chunk=taken)
    drain_until(lambda: taken.pieces == [b"one"])
    assert (200, False) == (request.resp_status, request.is_finished)
    server.signal("first")
    drain_until(lambda: taken.pieces == [b"one", b"two"])
    server.signal("second")
    assert request.wait(timeout=PATIENCE)

    assert [b"one", b"two"] == taken.pieces


@pytest.mark.parametrize("status", [302, 404, 500])
def test_17_2_other_status_is_kept(server: Server, recorder: Any, status: int) -> None:
    """Contract 17.2: the body of what is no success is the result, as ever."""
    server.respond("/", b"why", status=status)
    taken = Receiver()
    request = recorder.run(server.url, on_chunk=taken)

    assert ([], "why") == (taken.pieces, request.result)


def test_17_2_progress_and_chunks(server: Server, recorder: Any) -> None:
    """Contract 5.2, 17.2: on_progress reports the same with on_chunk as without."""
    server.respond("/", b"123456789")
    recorder.run(server.url, on_chunk=lambda *_: None, on_progress=lambda *_: None, chunk_size=8)

    assert [(0, 9), (8, 9), (9, 9), (9, 9)] == recorder.progress


def test_4_6_no_coding_is_asked_for(server: Server, recorder: Any) -> None:
    """Contract 4.6: a body that does not go to memory is asked for as it is."""
    server.respond("/", b"x")
    recorder.run(server.url, on_chunk=lambda *_: None)

    assert "identity" == server.requests[0].header("Accept-Encoding")


def test_4_6_coding_is_undone_all_the_same(server: Server, recorder: Any) -> None:
    """Contract 4.6: a coding that was not asked for is undone piece by piece."""
    import gzip

    server.respond("/", gzip.compress(b"x" * 100_000), headers={"Content-Encoding": "gzip"})
    taken = Receiver()
    recorder.run(server.url, on_chunk=taken)

    assert b"x" * 100_000 == taken.body


@pytest.mark.parametrize("is_right", [True, False])
def test_12_4_checksum_of_chunks(server: Server, recorder: Any, is_right: bool) -> None:
    """Contract 12.4: with on_chunk a wrong checksum is an error, after the pieces."""
    server.respond("/", b"content")
    digest = hashlib.sha256(b"content" if is_right else b"other").hexdigest()
    taken = Receiver()
    request = recorder.run(server.url, on_chunk=taken, checksum=f"sha256:{digest}")

    assert b"content" == taken.body
    assert is_right is (request.error is None)
    assert is_right or isinstance(request.error, errors.ChecksumMismatch)


def test_17_6_max_size_of_chunks(server: Server, recorder: Any) -> None:
    """Contract 17.6: a stream without a length ends at the limit, and nothing beyond it is handed over."""
    server.play(trickle(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000, piece=100))
    taken = Receiver()
    request = recorder.run(server.url, on_chunk=taken, max_size=500)

    assert isinstance(request.error, errors.ContentTooLarge)
    assert len(taken.body) <= 500


# Back-pressure


def flood(server: Server, sent: list[int]) -> None:
    """Answer without an end, and note how much the client has taken."""

    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536
            sent.append(65536)

    server.route("/", lambda request: Reply(200, pieces(), {"Connection": "close"}))


def stalled(request: UrlRequest) -> bool:
    """Whether the worker waits for the receiver, with a piece in its hands."""
    return _frames._reader.read(is_stalled, request.ident or 0)


def is_stalled(thread: int) -> bool:
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code is not CancelScope.wait.__code__:
        frame = frame.f_back
    return frame is not None and frame.f_back is not None and frame.f_back.f_code is Call.chunk_received.__code__


@pytest.mark.no_leaks
def test_17_2_stalled_receiver_stops_the_worker(server: Server) -> None:
    """Contract 17.2: at most 1 MiB waits; then the worker reads no further, and goes on when it is taken."""
    flood(server, [])
    taken = Receiver()
    request = UrlRequest(server.url, on_chunk=taken)
    mailbox = request._urlrequest_call.mailbox
    tick = threading.Event()
    for _ in range(PATIENCE * 200):
        if stalled(request):
            break
        tick.wait(0.005)
    posted = mailbox._bytes_posted
    assert LIMIT - MAX_CHUNK < posted <= LIMIT
    tick.wait(0.05)  # a worker that would go on had the time
    assert posted == mailbox._bytes_posted
    drain_until(lambda: len(taken.body) > 3 * LIMIT)
    assert mailbox._bytes_posted - mailbox._bytes_delivered <= LIMIT
    request.cancel()
    assert request.wait(timeout=PATIENCE)
    request.join(20)

    assert not request.is_alive()


def test_17_2_only_a_stalled_worker_is_woken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.2: while there is room, taking a piece does not disturb the worker."""
    woken: list[CancelScope] = []
    monkeypatch.setattr(CancelScope, "wake", woken.append)
    server.route("/", lambda request: Reply(200, b"x" * 1000))
    taken = Receiver()
    request = UrlRequest(server.url, on_chunk=taken)

    assert request.wait(timeout=PATIENCE)
    assert taken.body == b"x" * 1000
    assert [] == woken


@pytest.mark.parametrize("end", ["cancel", "deadline"])
@pytest.mark.no_leaks
def test_17_2_stalled_worker_can_be_ended(server: Server, recorder: Any, end: str) -> None:
    """Contract 7.2, 15.2: a worker that waits for the receiver hears of a cancel and of the deadline."""
    flood(server, [])
    request = recorder.get(server.url, on_chunk=lambda *_: None, deadline=0.3 if end == "deadline" else None)
    tick = threading.Event()
    for _ in range(PATIENCE * 200):
        if stalled(request) or not request.is_alive():
            break
        tick.wait(0.005)
    if end == "cancel":
        assert request.cancel()
    request.join(20)  # the worker is done, though nobody has taken a piece
    assert not request.is_alive()
    assert request.wait(timeout=PATIENCE)

    assert {"cancel": "cancel", "deadline": "error"}[end] == recorder.terminal


def test_17_2_small_pieces_are_limited_too(server: Server) -> None:
    """Contract 17.2: of tiny pieces no endless number waits."""
    server.play(trickle(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"y" * 5000))
    taken = Receiver()
    request = UrlRequest(server.url, on_chunk=taken)
    request.join(0.5)
    assert request._urlrequest_call.mailbox._chunks_posted <= 1024
    assert request.wait(timeout=PATIENCE)

    assert b"y" * 5000 == taken.body


def test_17_2_cancel_within_on_chunk(server: Server, recorder: Any) -> None:
    """Contract 7.3, 17.2: after a cancel on the dispatch thread no further piece is handed over."""
    flood(server, [])
    taken = Receiver()

    def take(request: UrlRequest, octets: bytes) -> None:
        taken(request, octets)
        request.cancel()

    recorder.run(server.url, on_chunk=take)

    assert "cancel" == recorder.terminal
    assert 1 == len(taken.pieces)


def test_3_6_exceptions_of_on_chunk(server: Server, recorder: Any) -> None:
    """Contract 3.6, 17.2: drain() raises an exception; the stream goes on, and no piece is lost or repeated."""
    server.play(
        send(CHUNKED + b"3\r\none\r\n"), wait_for("raised"), send(b"3\r\ntwo\r\n0\r\n\r\n"),
    )  # fmt: skip
    taken = Receiver()

    def take(request: UrlRequest, octets: bytes) -> None:
        taken(request, octets)
        if octets == b"one":
            raise ZeroDivisionError

    request = recorder.get(server.url, on_chunk=take)
    with pytest.raises(ZeroDivisionError):
        request.wait(timeout=PATIENCE)
    server.signal("raised")
    assert request.wait(timeout=PATIENCE)

    assert [b"one", b"two"] == taken.pieces
    assert "success" == recorder.terminal


def test_11_3_cut_stream_is_an_error(server: Server, recorder: Any) -> None:
    """Contract 11.3, 17.2: what was received is handed over, and then the error."""
    server.play(send(CHUNKED + b"3\r\none\r\n5\r\ntw"))
    taken = Receiver()
    request = recorder.run(server.url, on_chunk=taken)

    assert b"onetw" == taken.body
    assert isinstance(request.error, errors.IncompleteContent)


# Server-sent events


class Source:
    """An EventSource under test, whose callbacks this thread runs."""

    def __init__(self, url: str, **options: Any) -> None:
        self.events: list[Event] = []
        self.stopped: list[UrlRequest] = []
        options = {"timeout": PATIENCE, "on_event": self.events.append, "on_stop": self.stopped.append, **options}
        self.source = EventSource(url, **options)

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]

    def close(self) -> None:
        self.source.close()
        drain_until(lambda: self.source.request.is_finished)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MIN_PAUSE", 0.001)
    monkeypatch.setattr(streams, "FIRST_PAUSE", 0.001)


def test_17_16_events_arrive(server: Server) -> None:
    """Contract 17.16: type, data of several lines, the last id, a comment in between; after close() nothing follows."""
    server.play(
        send(TYPED + b": hello\n\ndata: one\n\nevent: add\nid: 7\ndata: two\ndata: lines\n\n"), signal("sent"), hold()
    )
    source = Source(server.url)
    drain_until(lambda: len(source.events) == 2)
    source.close()

    assert [("message", "one", ""), ("add", "two\nlines", "7")] == source.events
    assert [] == source.stopped
    assert source.source.request.is_cancelled


@pytest.mark.parametrize("how", ["end", "reset", "no answer", "silence"])
def test_17_16_events_go_on_after_a_break(server: Server, how: str) -> None:
    """Contract 17.16: after an end, a reset, no answer at all, or silence, from the last complete event on."""
    breaks = {"end": (), "reset": (reset(),), "no answer": (), "silence": (hold(),)}
    server.play(send(TYPED + b"retry: 1\nid: \xc3\xbc1\ndata: a\n\nid: 2\ndata: lost"), signal("first"), *breaks[how])
    if how == "no answer":
        server.play()
    server.play(send(TYPED + b"data: b\n\n"), hold())
    source = Source(server.url)
    if how == "silence":
        drain_until(lambda: len(source.events) == 1)
        call = source.source.request._urlrequest_call
        wait_until(lambda: call.parked is not None or worker_pool.CROWD > 0)
        call.scope.deadline = Deadline(0.0)
        call.scope.wake()
        if call.parked is not None:
            call.parked.ask_for_a_look()
    drain_until(lambda: len(source.events) == 2)
    source.close()

    assert ["a", "b"] == source.data
    assert [None, *["ü1"] * (len(server.requests) - 1)] == [
        None if last is None else last.encode("latin-1").decode()
        for last in (request.header("Last-Event-ID") for request in server.requests)
    ]
    assert {"text/event-stream"} == {request.header("Accept") for request in server.requests}


@pytest.mark.parametrize(
    ("status", "content_type"), [(204, None), (404, "text/plain"), (500, "text/event-stream"), (200, "text/plain")]
)
def test_17_16_events_stop_when_refused(server: Server, status: int, content_type: str | None) -> None:
    """Contract 17.16: any other status or type is final, and reported."""
    fields = {} if content_type is None else {"Content-Type": content_type}
    server.respond("/", b"" if status == 204 else b"data: x\n\n", status=status, headers=fields)
    source = Source(server.url)
    drain_until(lambda: source.stopped)

    assert ([], 1, status) == (source.events, len(server.requests), source.stopped[0].resp_status)
    source.close()


@pytest.mark.parametrize(
    ("url", "options", "error"),
    [
        ("http://", {}, errors.InvalidURL),
        ("http://127.0.0.1:1", {"req_headers": 7}, TypeError),
        ("http://127.0.0.1:1", {"timeout": -1}, ValueError),
    ],
)
def test_17_16_events_stop_at_what_cannot_be_requested(
    url: str, options: dict[str, Any], error: type[Exception]
) -> None:
    """Contract 17.16: what can never work is not tried again."""
    source = Source(url, **options)
    drain_until(lambda: source.stopped)

    assert isinstance(source.stopped[0].error, error)
    source.close()


def test_17_16_events_stop_at_a_certificate(tls_server: Server) -> None:
    """Contract 17.16: a certificate that is not trusted will not be trusted in three seconds either."""
    source = Source(tls_server.url)
    drain_until(lambda: source.stopped)

    assert isinstance(source.stopped[0].error, ssl.SSLCertVerificationError)
    source.close()


def test_17_16_events_stop_at_a_cancel(server: Server) -> None:
    """Contract 17.16: a program that cancels all its requests does not get another one."""
    server.play(send(TYPED + b"data: a\n\n"), hold())
    source = Source(server.url)
    drain_until(lambda: source.events)
    urlrequest.cancel_all()
    drain_until(lambda: source.stopped)

    assert [source.source.request] == source.stopped
    assert 1 == server.connection_count


def test_17_16_closed_during_the_pause(server: Server) -> None:
    """Contract 17.16: a pause before the next connection ends without one."""
    server.play(send(TYPED + b"retry: 100000\n\n"))
    source = Source(server.url)
    drain_until(lambda: source.source in timer._calls)
    source.close()

    assert source.source not in timer._calls
    assert ([], 1) == (source.stopped, server.connection_count)


def test_17_16_closed_within_a_callback(server: Server) -> None:
    """Contract 17.16: close() within on_event ends the events of the same chunk, too."""
    server.play(send(TYPED + b"data: a\n\ndata: b\n\n"), hold())
    source = Source(server.url)
    source.source._on_event = lambda event: (source.events.append(event), source.source.close())
    drain_until(lambda: source.events)
    drain_until(lambda: source.source.request.is_finished)

    assert ["a"] == source.data


def test_17_16_a_callback_that_raises(server: Server) -> None:
    """Contract 3.6, 17.16: the exception goes to the code that drains, and no other event is lost."""
    server.play(send(TYPED + b"data: a\n\ndata: b\n\n"), hold())
    source = Source(server.url)
    take = source.events.append

    def fail(event: Event) -> None:
        take(event)
        if event.data == "a":
            raise ZeroDivisionError

    source.source._on_event = fail
    with pytest.raises(ZeroDivisionError):
        drain_until(lambda: source.events)
    source.close()

    assert ["a", "b"] == source.data


def test_17_16_an_event_that_is_too_large(server: Server) -> None:
    """Contract 17.16: it ends the stream, and is not asked for again."""
    server.play(send(TYPED + b"data: a\n\ndata: " + b"x" * 2000), hold())
    source = Source(server.url, max_size=1000)
    with pytest.raises(errors.ContentTooLarge):
        drain_until(lambda: source.stopped)
    drain_until(lambda: source.stopped)

    assert ["a"] == source.data
    assert 1 == server.connection_count


def test_17_16_headers_of_the_programs_own(server: Server) -> None:
    """Contract 17.16: the program's headers are sent beside those of an event source, and win over them."""
    server.play(send(TYPED + b"data: a\n\n"), hold())
    source = Source(server.url, req_headers={"accept": "text/event-stream, */*", "X-Key": "k"}, last_id="5")
    drain_until(lambda: source.events)
    source.close()
    request = server.requests[0]

    assert ("text/event-stream, */*", "k", "5", "no-store") == tuple(
        request.header(name) for name in ("Accept", "X-Key", "Last-Event-ID", "Cache-Control")
    )


def test_17_16_redirects_are_followed(server: Server) -> None:
    """Contract 17.16: as in a browser."""
    server.respond("/", b"", status=307, headers={"Location": "/events"})
    server.play(send(b"HTTP/1.1 307 Go\r\nLocation: /events\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    server.play(send(TYPED + b"data: a\n\n"), hold())
    source = Source(server.url)
    drain_until(lambda: source.events)
    source.close()

    assert ["/", "/events"] == [request.path for request in server.requests]


def test_17_16_pauses_grow(monkeypatch: pytest.MonkeyPatch, refusing: str) -> None:
    """Contract 17.16: while no connection succeeds, each pause is twice as long, up to a minute."""
    pauses: list[float] = []
    monkeypatch.setattr(streams, "monotonic", lambda: 0.0)
    monkeypatch.setattr(streams, "FIRST_PAUSE", 3.0)
    monkeypatch.setattr(
        streams,
        "timer",
        SimpleNamespace(
            call_at=lambda when, key, call: (pauses.append(when), len(pauses) < 7 and call()), cancel=lambda key: None
        ),
    )
    source = Source(refusing)
    drain_until(lambda: len(pauses) == 7)
    source.close()

    assert [3.0, 6.0, 12.0, 24.0, 48.0, 60.0, 60.0] == pauses


@pytest.mark.parametrize("name", ["req_body", "json", "method", "on_chunk", "on_finish", "file_path"])
def test_17_16_what_is_no_option(name: str) -> None:
    """Contract 17.16: what an event source cannot honour is an error at once, on the line that asks for it."""
    with pytest.raises(TypeError, match=name):
        EventSource("http://127.0.0.1:1", print, **{name: None})


@pytest.mark.parametrize("callbacks", [{"on_event": None}, {"on_event": 7}, {"on_event": print, "on_stop": 7}])
def test_17_16_callbacks_that_cannot_be_called(callbacks: dict[str, Any]) -> None:
    """Contract 2.3, 17.16: as with a request, this is an error of the constructor."""
    with pytest.raises(TypeError, match="on_"):
        EventSource("http://127.0.0.1:1", **callbacks)
