"""All unfinished requests."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.messages import head
from urlrequest import Session, UrlRequest, cancel_all, g_requests, wait_all
from urlrequest._client.call import active_calls
from urlrequest.testing import hold, signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import Server

HEAD = head(100_000)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No loop is detected, and no request is left."""
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    cancel_all()  # what another file's tests have left, in the same process
    assert wait_all(list(g_requests), timeout=20)
    assert [] == list(g_requests)
    yield
    cancel_all()
    urlrequest.drain()


def test_1_4_g_requests(server: Server) -> None:
    """Contract 1.4: `g_requests` shows the requests that are not finished, in order, and cannot be changed."""
    server.play(hold())
    server.play(hold())
    requests = [UrlRequest(server.url, on_finish=print) for _ in range(2)]
    for request in requests:
        request.on_finish = lambda _: None

    assert requests == list(g_requests) == g_requests[:]
    assert (2, requests[0], requests[1], requests[1:]) == (
        len(g_requests),
        g_requests[0],
        g_requests[-1],
        g_requests[1:],
    )
    assert requests[0] in g_requests
    assert repr(requests[0]) in repr(g_requests)
    assert not hasattr(g_requests, "append")
    requests[0].cancel()
    assert requests == list(g_requests)
    requests[0].wait()
    assert requests[1:] == list(g_requests)


def test_1_4_g_requests_without_callbacks(server: Server) -> None:
    """Contract 3.4: a request without callbacks leaves the list when it settles."""
    server.respond("/", "x")
    UrlRequest(server.url).join()

    assert [] == list(g_requests)


def test_6_4_wait_all(server: Server) -> None:
    """Contract 6.4: a thousand requests are delivered on the waiting thread, each once."""
    server.respond("/", "x")
    log: list[Any] = []
    requests = [UrlRequest(server.url, on_success=lambda request, result: log.append(request)) for _ in range(1000)]

    assert wait_all(iter(requests), timeout=50)
    assert set(requests) == set(log)
    assert 1000 == len(log)
    assert [] == list(g_requests)
    assert wait_all(requests)
    assert wait_all([])


def test_6_4_wait_all_gives_up(server: Server) -> None:
    """Contract 6.4: wait_all() returns False when its time ran out; the finished ones are delivered."""
    server.play(signal("received"), hold())
    held = UrlRequest(server.url, on_finish=lambda _: None)
    server.wait("received")
    server.respond("/", "x")
    done = UrlRequest(server.url, on_finish=lambda _: None)
    done.join()

    assert not wait_all([held, done], timeout=0.05)
    assert (False, True) == (held.is_finished, done.is_finished)


def test_cancel_all(server: Server) -> None:
    """All that is not finished is cancelled, and the number is returned."""
    for _ in range(3):
        server.play(hold())
    log: list[Any] = []
    requests = [UrlRequest(server.url, on_cancel=log.append) for _ in range(3)]
    requests[0].cancel()

    assert 2 == cancel_all()
    assert 0 == cancel_all()
    assert wait_all(requests, timeout=10)
    assert requests == log
    assert {} == active_calls


def test_7_1_a_cancel_that_raises_stops_no_other() -> None:
    """Contract 7.1, 17.9: what one request's cancel() raises leaves no other uncancelled, and no session open."""

    class Refusing(UrlRequest):
        def cancel(self) -> bool:
            raise ZeroDivisionError

    session = Session(max_requests=1)
    session._urlrequest_shared.workers.change_limits(0, None)  # no request gets a worker
    other = session.request("http://127.0.0.1:9/")
    refusing = Refusing("http://127.0.0.1:9/", session=session)
    with pytest.raises(ZeroDivisionError):
        session.close()

    assert other.is_cancelled
    assert session._urlrequest_shared.pool._is_closed
    assert UrlRequest.cancel(refusing)


def test_7_5_requests_begin_and_end_while_all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 7.5: where the garbage collector runs meanwhile, other threads do, and change what is looked at."""

    class Other:
        """Stands for the call of a request in another session."""

        shared = None

    table: Any = {Other(): None for _ in range(5_000)}  # more than the tuples that Python keeps at hand
    monkeypatch.setattr("urlrequest._client.active.active_calls", table)
    changes: list[str] = []

    def change(phase: str, _: object) -> None:
        if phase == "start" and len(changes) < 20:
            changes.append(phase)
            table[Other()] = None

    session, threshold = Session(), gc.get_threshold()
    gc.callbacks.append(change)
    gc.set_threshold(1)
    try:
        cancelled = session.cancel_all()
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(change)
        table.clear()

    assert 0 == cancelled
    assert changes or sys.version_info >= (3, 12), "the collector has run"
