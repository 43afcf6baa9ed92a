"""Thousands of plain requests that nobody has a worker for, and everything that may come in between."""

from __future__ import annotations

import select
import sys
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import urlrequest
from stress.stories import PATIENCE, Story, add_routes
from support.leaks import DESCRIPTORS, open_descriptors
from support.waiting import wait_until
from support.watches import replace_watch
from urlrequest import Session, cancel_all, wait_all
from urlrequest._client import flight
from urlrequest._client.call import active_calls
from urlrequest._concurrency import watch as watch_module
from urlrequest._concurrency import worker_pool
from urlrequest._net.stream import NetworkStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._net.cancel_scope import CancelScope
    from urlrequest.testing import Server

pytestmark = pytest.mark.stress

THREADS = 6
ROUNDS = 120  # of each thread
USES = {"close", "getpeercert", "pending", "recv", "recv_into", "send", "shutdown", "unwrap"}


@pytest.fixture
def urls(server: Server, tls_server: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of two servers, which send what is common and what is not."""
    for each in (server, tls_server):
        add_routes(each)
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    cancel_all()
    assert wait_all(list(active_calls.values()), timeout=PATIENCE)
    return [server.url, tls_server.url]


class OneThread:
    """A TLS socket that notes where a thread uses it while another one does, for which OpenSSL is not made."""

    overlaps: ClassVar[list[str]] = []

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._is_used = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._sock, name)
        return partial(self._call, name, value) if name in USES else value

    def _call(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        if not self._is_used.acquire(blocking=False):
            self.overlaps.append(f"{name} on {threading.current_thread().name}")
            return call(*arguments)
        try:
            return call(*arguments)
        finally:
            self._is_used.release()


def test_flight_1_one_thread_on_a_tls_connection(
    urls: list[str], ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FLIGHT-1: whatever threads wait, cancel and look, one at a time reads, writes, peeks at or closes its socket."""
    make, sockets = NetworkStream.__init__, list[OneThread]()

    def watched(stream: NetworkStream, sock: Any, scope: CancelScope, peer: str) -> None:
        sockets.append(OneThread(sock))
        make(stream, sockets[-1], scope, peer)

    monkeypatch.setattr(NetworkStream, "__init__", watched)
    monkeypatch.setattr(OneThread, "overlaps", [])
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with Session() as many, Session(max_requests=1) as one:
            stories = [Story(number, urls[1:], [many, one], ca_file) for number in range(THREADS)]
            threads = [threading.Thread(target=story.run, args=(ROUNDS // 3,)) for story in stories]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(2 * PATIENCE)
                assert not thread.is_alive()
            assert wait_all([request for story in stories for request in story.names], timeout=PATIENCE)
    finally:
        sys.setswitchinterval(before)

    assert [] == [error for story in stories for error in story.errors]
    assert sockets
    assert [] == OneThread.overlaps


@pytest.mark.parametrize(("seed", "poller"), [(1, "_EpollPoller"), (2, "_PollPoller"), (3, "_SelectPoller")])
def test_fault_114_flights_of_many_threads(
    urls: list[str], ca_file: str, monkeypatch: pytest.MonkeyPatch, seed: int, poller: str
) -> None:
    """Fault 114: each request has one terminal event; no slot, descriptor or reader is left."""
    if not hasattr(select, poller[1:-6].lower()):
        pytest.skip("the system has no such call")
    monkeypatch.setattr(watch_module, "new_poller", getattr(watch_module, poller))
    own = watch_module.Watch()
    replace_watch(monkeypatch, own)
    monkeypatch.setattr(worker_pool, "CROWD", seed)  # so that workers leave their requests, too
    before = len(open_descriptors()) if DESCRIPTORS.is_dir() else 0
    with ExitStack() as stack:
        stack.callback(own.end)
        sessions = [
            stack.enter_context(Session(**options))
            for options in ({}, {"max_requests": 1}, {"max_requests": 4, "max_per_host": 2}, {"cookies": {"a": "b"}})
        ]
        closed = Session(max_requests=2)
        stories = [Story(seed * 100 + number, urls, [*sessions, closed], ca_file) for number in range(THREADS)]
        threads = [threading.Thread(target=story.run, args=(ROUNDS,)) for story in stories]
        for thread in threads:
            thread.start()
        closed.close()
        for thread in threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive()
        assert [] == [error for story in stories for error in story.errors]
        requests = [request for story in stories for request in story.names]
        assert wait_all(requests, timeout=PATIENCE)
        for request in requests:
            request.join(PATIENCE)
            assert not request.is_alive()

    for story in stories:
        assert [] == story.wrong(list(story.names))
    for session in [*sessions, closed]:
        workers = session._urlrequest_shared.workers
        wait_until(lambda: not (workers._running or workers._unmanned))  # noqa: B023 - it is called at once
        assert ({}, {}, {}) == (workers._unmanned, workers._running_at, workers._waiting)
        assert {} == workers._unmanned_at
    assert {} == active_calls
    wait_until(lambda: not flight._readers)
    if DESCRIPTORS.is_dir():
        wait_until(lambda: len(open_descriptors()) <= before + 80)
