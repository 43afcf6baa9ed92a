"""A body that streams, from which nothing comes: who has its connection, step by step. The watch is held."""

from __future__ import annotations

import threading
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import pytest

from support.leaks import living_threads
from support.messages import frame_chunks
from support.waiting import wait_until
from support.watches import HeldWatch, hold_watch, slots
from urlrequest import Session, UrlRequest
from urlrequest._client.call import Call
from urlrequest._client.flight import Flight
from urlrequest._client.parked import Parked
from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.sync import NoThreadError
from urlrequest._concurrency.worker_pool import WorkerPool
from urlrequest._engine import places
from urlrequest._engine.streaming import Streaming
from urlrequest.errors import DeadlineExceeded, IncompleteContent
from urlrequest.testing import Server, close, hold, receive, send, signal, wait_closed, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.fixture(autouse=True)
def _crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request is enough for its worker to leave it."""
    monkeypatch.setattr(worker_pool, "CROWD", 0)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> HeldWatch:
    return hold_watch(monkeypatch)


@pytest.fixture
def session() -> Iterator[Session]:
    """A session that has no connection."""
    with Session() as session:
        yield session


class Stream:
    """A request whose body streams.

    Attributes:
        pieces: What on_chunk got.
        threads: Where.
    """

    def __init__(self, server: Server, session: Session, **options: Any) -> None:
        self.pieces: list[bytes] = []
        self.threads: set[int] = set()
        self.request = UrlRequest(server.url, on_chunk=self.take, session=session, **options)

    def take(self, _: UrlRequest, chunk: bytes) -> None:
        self.pieces.append(chunk)
        self.threads.add(threading.get_ident())

    @property
    def parked(self) -> Any:
        return self.request._urlrequest_call.parked

    def await_rest(self, watch: HeldWatch, received: int) -> None:
        """Look until so many bytes have been received, and the worker has left the body."""

        def rests() -> bool:
            if self.request._urlrequest_call.received < received:
                watch.look()
            return self.parked is not None and self.request._urlrequest_call.received == received

        wait_until(rests, "the worker leaves the body")

    def finish(self, watch: HeldWatch) -> None:
        """Look, and run callbacks, until the request is over."""

        def is_over() -> bool:
            watch.look()
            return self.request.wait(timeout=0.001)

        wait_until(is_over)
        self.request.join(20)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CHUNKED + frame_chunks(b"one", is_whole=False), frame_chunks(b"two")),
        (SIZED + b"one", b"two"),
        (ENDLESS + b"one", b"two"),
    ],
    ids=["chunks", "length", "end"],
)
def test_17_9_a_worker_leaves(server: Server, session: Session, watch: HeldWatch, first: bytes, second: bytes) -> None:
    """Contract 17.9: the request has its slot and no worker while nothing comes, and nothing of its body is lost."""
    server.play(send(first), wait_for("go"), send(second), *([close()] if first.startswith(ENDLESS) else []))
    stream = Stream(server, session)
    stream.await_rest(watch, 3)
    assert (0, 1) == slots(session)
    server.signal("go")
    stream.finish(watch)

    assert b"onetwo" == b"".join(stream.pieces)
    assert (200, None, 6) == (
        stream.request.resp_status,
        stream.request.error,
        stream.request._urlrequest_call.received,
    )
    assert (0, 0) == slots(session)


def test_17_10_the_connection_is_kept(server: Server, session: Session) -> None:
    """Contract 17.10: after the end of the body the next request goes over the same connection. The watch is real."""
    two = frame_chunks(b"two")
    server.play(
        send(CHUNKED + frame_chunks(b"one", is_whole=False)),
        wait_for("go"),
        send(two),
        receive(),
        send(SIZED + b"sequel"),
    )
    stream = Stream(server, session)
    wait_until(lambda: stream.parked is not None)
    server.signal("go")
    assert stream.request.wait(timeout=20)
    stream.request.join(20)
    following = UrlRequest(server.url, session=session)
    assert following.wait(timeout=20)

    assert b"onetwo" == b"".join(stream.pieces)
    assert "sequel" == following.result
    assert 1 == server.connection_count
    assert {threading.get_ident()} == stream.threads


def test_17_9_a_response_that_has_not_begun(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 17.9: nor does the wait for the head need a worker."""
    server.play(wait_for("go"), send(SIZED + b"onetwo"))
    stream = Stream(server, session)
    flight = stream.request._urlrequest_call.mailbox
    wait_until(lambda: flight.flight is not None)
    assert (0, 1) == slots(session)
    server.signal("go")
    stream.finish(watch)

    assert b"onetwo" == b"".join(stream.pieces)


@pytest.mark.parametrize("crowd", [0, 16])
def test_4_6_no_coding_is_asked_for(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch, crowd: int
) -> None:
    """Contract 4.6: who follows the body while it comes asks for it as it is, in a crowd as well."""
    monkeypatch.setattr(worker_pool, "CROWD", crowd)
    server.respond("/", "some text")
    for options in ({}, {"req_headers": {"X-Own": "1"}}):
        request = UrlRequest(server.url, on_chunk=lambda *_: None, session=session, **options)
        assert request.wait(timeout=20)

    assert [["identity"]] * 2 == [each.header_values("Accept-Encoding") for each in server.requests]


def test_17_9_over_tls(tls_server: Server, ca_file: str, watch: HeldWatch) -> None:
    """Contract 17.9: what TLS holds back is not forgotten."""
    one, two = CHUNKED + frame_chunks(b"one", is_whole=False), frame_chunks(b"two")
    tls_server.play(send(one), wait_for("go"), send(two))
    with Session(ca_file=ca_file) as session:
        stream = Stream(tls_server, session)
        stream.await_rest(watch, 3)
        tls_server.signal("go")
        stream.finish(watch)

    assert (b"onetwo", None) == (b"".join(stream.pieces), stream.request.error)


def test_7_4_cancel(server: Server, session: Session, watch: HeldWatch, recorder: Any) -> None:
    """Contract 7.4: the watch closes the connection, and the slot is free."""
    server.play(send(SIZED + b"one"), wait_closed(), signal("closed"))
    stream = Stream(server, session, on_cancel=recorder.noting("cancel"), on_finish=recorder.noting("finish"))
    stream.await_rest(watch, 3)
    assert stream.request.cancel()
    watch.look()
    server.wait("closed", 20)
    assert stream.request.wait(timeout=20)
    stream.request.join(20)

    assert ["cancel", "finish"] == recorder.names
    assert (0, 0) == slots(session)


def test_7_3_cancel_while_the_worker_leaves(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 7.3: a canceller that comes before the body is known to be left finds none; the worker sees to it."""
    next_task, cancelled, made = WorkerPool.next_task, [], threading.Event()

    def cancel_before(pool: WorkerPool, *arguments: Any, has_left: bool) -> Any:
        assert made.wait(20)
        call = stream.request._urlrequest_call
        if has_left and call.begun is not None:
            cancelled.append(call.cancel())
        return next_task(pool, *arguments, has_left=has_left)

    server.play(wait_for("go"), send(SIZED + b"one"), wait_closed(), signal("closed"))
    monkeypatch.setattr(WorkerPool, "next_task", cancel_before)
    stream = Stream(server, session)
    made.set()
    server.signal("go")
    wait_until(lambda: watch.look() or cancelled)
    stream.finish(watch)
    server.wait("closed", 20)

    assert [True] == cancelled
    assert (0, 0) == slots(session)


def test_15_1_the_timeout_counts_from_the_last_piece(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 15.1: each piece may take as long; the error is that of every other request."""
    server.play(send(SIZED + b"on"), wait_for("go"), send(b"e"), hold())
    stream = Stream(server, session, timeout=5.0)
    stream.await_rest(watch, 2)
    first = stream.parked.until
    server.signal("go")
    stream.await_rest(watch, 3)
    assert stream.parked.until > first
    scope = stream.request._urlrequest_call.scope
    scope.timeout = 0.001  # as if it had passed
    stream.finish(watch)

    assert isinstance(stream.request.error, TimeoutError)
    assert str(stream.request.error).startswith("receiving from 127.0.0.1:")
    assert (0, 0) == slots(session)


def test_15_2_the_deadline_passes(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 15.2: the watch looks at the deadline, and a worker makes the error."""
    server.play(send(SIZED + b"one"), hold())
    stream = Stream(server, session, deadline=0.2)
    stream.finish(watch)

    assert isinstance(stream.request.error, DeadlineExceeded)
    assert (0, 0) == slots(session)


def test_17_9_a_look_for_nothing(server: Server, session: Session, watch: HeldWatch) -> None:
    """A worker that finds nothing leaves again, and the time goes on from where it was."""
    server.play(send(SIZED + b"one"), wait_for("go"), send(b"two"))
    stream = Stream(server, session, timeout=20.0)
    stream.await_rest(watch, 3)
    former = stream.parked
    watch.look()
    wait_until(lambda: stream.parked not in {None, former})

    assert former.until == stream.parked.until
    server.signal("go")
    stream.finish(watch)
    assert b"onetwo" == b"".join(stream.pieces)


def test_11_3_a_body_that_is_cut(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 11.3: the end of the connection is an error, as on a worker that stays."""
    server.play(send(SIZED + b"one"), wait_for("go"), close())
    stream = Stream(server, session)
    stream.await_rest(watch, 3)
    server.signal("go")
    stream.finish(watch)

    assert isinstance(stream.request.error, IncompleteContent)
    assert "3 of 6 bytes" in str(stream.request.error)


def test_3_7_an_error_keeps_no_stream(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 3.7: what received the body has half a MiB, and the traceback of the error does not refer to it."""
    server.play(send(SIZED + b"one"), wait_for("go"), close())
    stream = Stream(server, session)
    stream.await_rest(watch, 3)
    server.signal("go")
    stream.finish(watch)
    assert stream.request.error is not None
    frames = [frame for frame, _ in walk_tb(stream.request.error.__traceback__)]

    assert frames
    assert [] == [value for frame in frames for value in frame.f_locals.values() if isinstance(value, Streaming)]


def test_fault_116_fork(server: Server, session: Session, watch: HeldWatch) -> None:
    """Fault 116: the child closes its copy of the connection, and the request is an error there."""
    server.play(send(SIZED + b"one"), hold())
    stream = Stream(server, session)
    stream.await_rest(watch, 3)
    parked, call = stream.parked, stream.request._urlrequest_call
    call.fail_forked(threading.get_ident())

    assert -1 == parked.fileno()
    assert call.begun is None
    parked.look()  # of a watch that has it still
    assert isinstance(stream.request.error, OSError)


def test_a_worker_stays_without_a_watch(server: Server, session: Session, watch: HeldWatch) -> None:
    """Where the system gives no thread to watch, the worker waits itself."""
    watch.has_room = False
    server.play(send(SIZED + b"one"), wait_for("go"), send(b"two"))
    stream = Stream(server, session)
    wait_until(lambda: stream.request._urlrequest_call.received == 3)
    server.signal("go")
    assert stream.request.wait(timeout=20)

    assert b"onetwo" == b"".join(stream.pieces)
    assert [] == watch.items


@pytest.mark.parametrize("reason", [NoThreadError("no thread"), MemoryError()], ids=["thread", "memory"])
def test_2_10_no_worker_to_go_on(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    """Contract 2.10: the request ends, with its connection and its slot."""

    def run(pool: WorkerPool, job: Any) -> bool:
        raise reason

    server.play(send(SIZED + b"one"), wait_closed(), signal("closed"))
    stream = Stream(server, session)
    stream.await_rest(watch, 3)
    monkeypatch.setattr(WorkerPool, "run", run)
    watch.look()
    server.wait("closed", 20)
    assert stream.request.wait(timeout=20)

    assert isinstance(stream.request.error, (RuntimeError, MemoryError))
    assert (0, 0) == slots(session)


@pytest.mark.parametrize("kind", [Flight, Parked])
def test_2_10_no_memory_to_make_it_known(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    """Contract 2.10: what a worker could not leave is closed, and no longer waits for a place at the server."""

    def be_known(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(kind, "be_known", be_known)
    server.play(*([] if kind is Flight else [send(SIZED + b"one")]), wait_closed(), signal("closed"))
    stream = Stream(server, session)
    stream.finish(watch)
    server.wait("closed", 20)

    assert isinstance(stream.request.error, MemoryError)
    assert ((0, 0), {}) == (slots(session), places.waits)


def test_2_10_no_memory_to_park(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 2.10: a body that no worker goes on with is closed, although its request is still there."""

    def park(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Call, "_park", park)
    server.play(send(SIZED + b"one"), wait_closed(), signal("closed"))
    stream = Stream(server, session)
    stream.finish(watch)
    server.wait("closed", 5)

    assert isinstance(stream.request.error, MemoryError)
    assert (0, 0) == slots(session)


def test_a_subclass_keeps_its_worker(server: Server, session: Session, watch: HeldWatch) -> None:
    """What a subclass overrides may count on the thread that runs the request."""

    class Own(UrlRequest):
        pass

    server.play(send(SIZED + b"one"), wait_for("go"), send(b"two"))
    pieces: list[bytes] = []
    request = Own(server.url, on_chunk=lambda _, piece: pieces.append(piece), session=session)
    wait_until(lambda: request._urlrequest_call.received == 3)
    assert (1, 0) == slots(session)
    server.signal("go")
    assert request.wait(timeout=20)

    assert b"onetwo" == b"".join(pieces)
    assert [] == watch.items


def test_17_9_many_streams_need_few_threads(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.9: those that say nothing have none. The watch is real."""
    count = 40
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 0.05)
    for _ in range(count):
        server.play(send(CHUNKED + frame_chunks(b"one", is_whole=False)), wait_for("go"), send(frame_chunks(b"two")))
    with Session(max_requests=count) as session:
        streams = [Stream(server, session) for _ in range(count)]
        wait_until(lambda: all(stream.parked is not None for stream in streams))
        wait_until(lambda: not living_threads("urlrequest-worker"))
        assert (0, count) == slots(session)
        server.signal("go")
        for stream in streams:
            assert stream.request.wait(timeout=20)
            stream.request.join(20)

    assert {b"onetwo"} == {b"".join(stream.pieces) for stream in streams}
