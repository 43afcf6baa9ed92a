"""What a thread may do with requests, at random: make, wait, cancel, drain, join, close, fork."""

from __future__ import annotations

import os
import random
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import urlrequest
from urlrequest import Session, UrlRequest, as_completed, wait_all
from urlrequest._concurrency.interest_list import new_interest_list
from urlrequest.hooks import ManualHook
from urlrequest.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from urlrequest.testing import Server

__all__ = ["ACTIONS", "PATIENCE", "TERMINAL", "Story", "add_routes"]

PATIENCE = 60.0  # seconds; a guard against hanging
COMMON = ("/", "/json")
UNCOMMON = ("/coded", "/none", "/moved", "/cookie", "/last", "/cut", "/drip", "/rests")
FORKS = 0.1  # of those that could be: each takes as long as a hundred requests
TERMINAL = {"success", "failure", "redirect", "error", "cancel"}


def add_routes(server: Server) -> None:
    """Let a server send what is common and what is not."""
    server.respond("/", b"x" * 100)
    server.respond("/json", b"[1]", headers={"Content-Type": "application/json"})
    server.respond("/coded", b"x", headers={"Content-Encoding": "identity"})
    server.respond("/none", status=204)
    server.respond("/moved", status=302, headers={"Location": "/"})
    server.respond("/cookie", b"x", headers={"Set-Cookie": "a=b"})
    server.respond("/last", b"x", headers={"Connection": "close"})
    server.respond("/cut", b"x", headers={"Content-Length": "5"})
    server.respond("/drip", [b"x"] * 8)
    server.route("/rests", lambda _: Reply(200, rests()))


def rests() -> Iterator[bytes]:
    """A body that comes in pieces, with rests in between."""
    for _ in range(4):
        yield b"x"
        time.sleep(0.002)


class Story:
    """What one thread does: requests of its own and of others, in an order that a seed decides."""

    def __init__(self, seed: int, urls: list[str], sessions: list[Session], ca_file: str) -> None:
        self.random = random.Random(seed)
        self.urls, self.sessions, self.ca_file = urls, sessions, ca_file
        self.names: dict[UrlRequest, list[str]] = {}
        self.errors: list[BaseException] = []
        self.hook = ManualHook()
        self.hook.queue.interest_list = self.interest_list = new_interest_list(lambda: None)  # who drains it reads, too

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
        options["on_chunk"] = choice([None, None, None, None, lambda *_: None])
        path = choice(COMMON)
        if self.random.random() < 0.1:  # another URL each time: one with uncommon responses is left to workers
            path = f"{choice(UNCOMMON)}?{self.random.random()}"
        url = choice(self.urls) + path
        request = UrlRequest(url, session=choice(self.sessions), ca_file=self.ca_file, **options)
        self.names.setdefault(request, [])
        return request

    def run(self, rounds: int, actions: Sequence[Callable[[Story, list[UrlRequest]], None]] | None = None) -> None:
        """Make some requests and do something with them, so many times."""
        try:
            for _ in range(rounds):
                requests = [self.make() for _ in range(self.random.choice([1, 1, 1, 3, 8]))]
                self.random.choice(actions or ACTIONS)(self, requests)
        except BaseException as error:
            self.errors.append(error)

    def wrong(self, requests: list[UrlRequest]) -> list[str]:
        """Which of these are not finished, or had other than one terminal event and on_finish, if any was wanted."""
        return [f"{each!r} has {self.names[each]}" for each in requests if not self.is_right(each)]

    def is_right(self, request: UrlRequest) -> bool:
        names = self.names[request]
        is_told = not names or (len(names) == 2 and names[0] in TERMINAL and names[1] == "finish")
        return request.is_finished and is_told

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

    def close(self, requests: list[UrlRequest]) -> None:
        """Close a session while its requests run, wait or are settled."""
        shared, others = self.sessions, []
        with Session(max_requests=self.random.choice([1, 4])) as session:
            self.sessions = [session]
            others = [self.make() for _ in range(4)]
            others[0].wait(timeout=self.random.choice([0, 0.001, PATIENCE]))
        self.sessions = shared
        self.wait_all([*others, *requests])

    def fork(self, requests: list[UrlRequest]) -> None:
        """Fork, now and then: in the child, the requests have ended, and a new one works."""
        if self.random.random() > FORKS:
            return
        process = os.fork()
        if process:
            _, status = os.waitpid(process, 0)
            assert 0 == status, f"the child ends with {status}"
            return
        try:
            self.wait_all(requests)
            assert [] == self.wrong(requests)
            request = UrlRequest(self.urls[0], timeout=PATIENCE)
            assert request.wait(timeout=PATIENCE)
            assert request.error is None, repr(request.error)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

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
    Story.close,
    Story.leave,
]
