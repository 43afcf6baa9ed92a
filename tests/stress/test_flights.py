"""Thousands of plain requests that nobody has a worker for, and everything that may come in between."""

from __future__ import annotations

import random
import select
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.leaks import DESCRIPTORS, open_descriptors
from support.waiting import wait_until
from urlrequest import Session, UrlRequest, as_completed, cancel_all, wait_all
from urlrequest._client import flight
from urlrequest._client.call import active_calls
from urlrequest._concurrency import watch as watch_module
from urlrequest.hooks import ManualHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest.testing import Server

pytestmark = pytest.mark.stress

PATIENCE = 60.0  # seconds; a guard against hanging
THREADS = 6
ROUNDS = 120  # of each thread
COMMON = ("/", "/json")
UNCOMMON = ("/coded", "/none", "/moved", "/cookie", "/last", "/cut", "/drip")
TERMINAL = {"success", "failure", "redirect", "error", "cancel"}


class Story:
    """What one thread does: requests of its own and of others, in an order that a seed decides."""

    def __init__(self, seed: int, urls: list[str], sessions: list[Session], ca_file: str) -> None:
        self.random = random.Random(seed)
        self.urls, self.sessions, self.ca_file = urls, sessions, ca_file
        self.names: dict[UrlRequest, list[str]] = {}
        self.errors: list[BaseException] = []
        self.hook = ManualHook()

    def note(self, name: str) -> Any:
        def run(request: UrlRequest, *_: object) -> None:
            self.names.setdefault(request, []).append(name)
            if name == "success" and self.random.random() < 0.05:
                request.cancel()  # too late

        return run

    def make(self) -> UrlRequest:
        choice = self.random.choice
        names: Any = choice([(), ("success", "failure", "redirect", "error", "cancel", "finish")])
        options: dict[str, Any] = {f"on_{name}": self.note(name) for name in names}
        options["timeout"] = choice([None, 20, 20])
        options["deadline"] = choice([None, None, None, None, None, 30, 30, 0.001])
        options["hook"] = choice([None, None, self.hook])
        path = choice(COMMON)
        if self.random.random() < 0.1:  # another URL each time: one with uncommon responses is left to workers
            path = f"{choice(UNCOMMON)}?{self.random.random()}"
        url = choice(self.urls) + path
        request = UrlRequest(url, session=choice(self.sessions), ca_file=self.ca_file, **options)
        self.names.setdefault(request, [])
        return request

    def run(self) -> None:
        try:
            for _ in range(ROUNDS):
                requests = [self.make() for _ in range(self.random.choice([1, 1, 1, 3, 8]))]
                self.random.choice(ACTIONS)(self, requests)
        except BaseException as error:
            self.errors.append(error)

    def wait(self, requests: list[UrlRequest]) -> None:
        for request in requests:
            assert request.wait(timeout=PATIENCE), request

    def wait_in_vain(self, requests: list[UrlRequest]) -> None:
        for request in requests:
            request.wait(timeout=self.random.choice([0, 0.0001, 0.002]))

    def wait_all(self, requests: list[UrlRequest]) -> None:
        assert wait_all(requests, timeout=PATIENCE), requests

    def complete(self, requests: list[UrlRequest]) -> None:
        assert set(requests) == set(as_completed(requests, timeout=PATIENCE))

    def cancel(self, requests: list[UrlRequest]) -> None:
        for request in self.random.sample(requests, len(requests)):
            request.cancel()

    def cancel_while_another_waits(self, requests: list[UrlRequest]) -> None:
        threads = [threading.Thread(target=request.wait) for request in requests]
        for thread in threads:
            thread.start()
        self.cancel(requests)
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def wait_twice(self, requests: list[UrlRequest]) -> None:
        thread = threading.Thread(target=wait_all, args=(requests,))
        thread.start()
        self.wait(requests)
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def join(self, requests: list[UrlRequest]) -> None:
        for request in requests:
            request.join(PATIENCE)
            assert not request.is_alive(), request

    def drain(self, requests: list[UrlRequest]) -> None:
        urlrequest.drain()
        self.hook.drain()

    def leave(self, requests: list[UrlRequest]) -> None:
        """Do nothing: others come first."""


ACTIONS: list[Callable[[Story, list[UrlRequest]], None]] = [
    Story.wait,
    Story.wait,
    Story.wait_in_vain,
    Story.wait_all,
    Story.complete,
    Story.cancel,
    Story.cancel_while_another_waits,
    Story.wait_twice,
    Story.join,
    Story.drain,
    Story.leave,
]


@pytest.fixture
def urls(server: Server, tls_server: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of two servers, which send what is common and what is not."""
    for each in (server, tls_server):
        each.respond("/", b"x" * 100)
        each.respond("/json", b"[1]", headers={"Content-Type": "application/json"})
        each.respond("/coded", b"x", headers={"Content-Encoding": "identity"})
        each.respond("/none", status=204)
        each.respond("/moved", status=302, headers={"Location": "/"})
        each.respond("/cookie", b"x", headers={"Set-Cookie": "a=b"})
        each.respond("/last", b"x", headers={"Connection": "close"})
        each.respond("/cut", b"x", headers={"Content-Length": "5"})
        each.respond("/drip", [b"x"] * 8)
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    cancel_all()
    assert wait_all(list(active_calls.values()), timeout=PATIENCE)
    return [server.url, tls_server.url]


@pytest.mark.parametrize(("seed", "poller"), [(1, "_EpollPoller"), (2, "_PollPoller"), (3, "_SelectPoller")])
def test_fault_114_flights_of_many_threads(
    urls: list[str], ca_file: str, monkeypatch: pytest.MonkeyPatch, seed: int, poller: str
) -> None:
    """Fault 114: each request has one terminal event; no slot, descriptor or reader is left."""
    if not hasattr(select, poller[1:-6].lower()):
        pytest.skip("the system has no such call")
    monkeypatch.setattr(watch_module, "new_poller", getattr(watch_module, poller))
    own = watch_module.Watch()
    monkeypatch.setattr(flight, "watch", own)
    before = len(open_descriptors()) if DESCRIPTORS.is_dir() else 0
    with ExitStack() as stack:
        stack.callback(own.end)
        sessions = [
            stack.enter_context(Session(**options))
            for options in ({}, {"max_requests": 1}, {"max_requests": 4, "max_per_host": 2}, {"cookies": {"a": "b"}})
        ]
        closed = Session(max_requests=2)
        stories = [Story(seed * 100 + number, urls, [*sessions, closed], ca_file) for number in range(THREADS)]
        threads = [threading.Thread(target=story.run) for story in stories]
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
        for request, names in story.names.items():
            assert request.is_finished
            if names:
                assert (2, True, "finish") == (len(names), names[0] in TERMINAL, names[1]), (names, request)
    for session in [*sessions, closed]:
        workers = session._urlrequest_shared.workers
        wait_until(lambda: not workers._running)  # noqa: B023 - it is called at once
        assert ({}, {}, {}) == (workers._unmanned, workers._running_at, workers._waiting)
    assert {} == active_calls
    wait_until(lambda: not flight._readers)
    if DESCRIPTORS.is_dir():
        wait_until(lambda: len(open_descriptors()) <= before + 80)
