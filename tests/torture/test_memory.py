"""Memory runs out at each call that the library makes on threads of its own.

Whatever the call: each request has one outcome, no slot is lost, nothing stays open, and the next request works.
"""

from __future__ import annotations

import gc
import itertools
import sys
import threading
from contextlib import contextmanager
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.leaks import DESCRIPTORS, open_descriptors
from support.moments import LackOfMemory
from support.waiting import becomes
from support.watches import replace_watch
from urlrequest import Session, UrlRequest
from urlrequest._client import call as call_module
from urlrequest._client import flight as flight_module
from urlrequest._client.call import active_calls
from urlrequest._concurrency import sync, timer, wakeup, watch
from urlrequest._engine import places
from urlrequest._engine import pool as pool_module
from urlrequest._net import resolver, tls_contexts
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 20.0  # seconds; a guard against hanging
ENDS = [[end, "finish"] for end in ("success", "failure", "error", "cancel")]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


class World:
    """A session, and requests whose events are noted."""

    def __init__(self, url: str, tls_url: str, ca_file: str) -> None:
        self.url, self.tls_url = url, tls_url
        self.session = Session(timeout=10, ca_file=ca_file)
        self.ends: list[list[str]] = []
        self.requests: list[UrlRequest] = []
        self.may_answer = threading.Event()
        self.held: list[UrlRequest] = []  # those that end after that

    def make(self, path: str = "/", **options: Any) -> UrlRequest:
        ends: list[str] = []
        self.ends.append(ends)
        request = self.session.request(
            (options.pop("url", None) or self.url) + path,
            on_success=lambda *_: ends.append("success"), on_failure=lambda *_: ends.append("failure"),
            on_error=lambda *_: ends.append("error"), on_cancel=lambda _: ends.append("cancel"),
            on_finish=lambda _: ends.append("finish"), **options,
        )  # fmt: skip
        self.requests.append(request)
        return request

    def make_silent(self, path: str = "/", **options: Any) -> UrlRequest:
        """Make a request that has no callback, so that it is finished without a thread that waits for it."""
        request = self.session.request(self.url + path, **options)
        self.requests.append(request)
        return request


def held(world: World) -> Reply:
    world.may_answer.wait(PATIENCE)
    return Reply(200, "ok")


def pieces() -> Iterator[bytes]:
    """A body that comes in three, with a rest in between."""
    for _ in range(3):
        yield b"piece"
        sleep(0.002)


def connect(world: World, count: int = 1) -> None:
    """Make requests whose connections are idle then."""
    requests = [world.session.request(world.url + "/") for _ in range(count)]
    assert urlrequest.wait_all(requests, timeout=PATIENCE)
    for request in requests:
        request.join(PATIENCE)


def on_the_watch(world: World) -> Iterator[None]:
    """Requests that the watch reads, closes, hands over, or ends at their time, one of which waits for another."""
    world.session.max_requests = 4
    connect(world, 4)
    yield
    world.make()
    world.make_silent()
    world.make("/missing")
    cancelled = world.make("/held")
    world.make()
    cancelled.cancel()
    world.make("/held", deadline=0.02)


def on_workers(world: World) -> Iterator[None]:
    """Requests that workers perform, two at a time, for one host each."""
    world.session.max_requests, world.session.max_requests_per_host = 2, 1
    yield
    world.make()
    world.make("/missing", max_size=10_000)
    world.make_silent()
    cancelled = world.make("/held")
    world.make(req_body="x")
    cancelled.cancel()


def on_workers_that_leave(world: World) -> Iterator[None]:
    """Requests whose workers leave them to the watch, one of them between two pieces of its body."""
    yield
    world.make()
    world.make("/pieces", on_chunk=lambda *_: None)
    world.make("/missing")
    world.make("/held", deadline=0.02)


def on_the_timer(world: World) -> Iterator[None]:
    """Requests that wait for a slot until their deadline."""
    world.session.max_requests = 1
    yield
    first = world.make("/held")
    world.make(deadline=0.005)
    world.make_silent(deadline=0.005)
    world.held = [first, world.make(deadline=10.0)]


def on_resolvers(world: World) -> Iterator[None]:
    """Requests that share a look-up."""
    yield
    url = world.url.replace("127.0.0.1", "localhost")
    for _ in range(3):
        world.make(url=url)


def on_tls_loaders(world: World) -> Iterator[None]:
    """Requests that need a TLS context that is read ahead."""
    yield
    tls_contexts._contexts.clear()
    tls_contexts._prefetched.clear()
    for _ in range(2):
        world.make(url=world.tls_url)


KINDS = {
    "watch": on_the_watch,
    "worker": on_workers,
    "worker that leaves": on_workers_that_leave,
    "timer": on_the_timer,
    "resolver": on_resolvers,
    "tls": on_tls_loaders,
}
# Which calls fail where not all of them do: each of so many.
STEPS = {"watch": 13, "worker": 83, "worker that leaves": 43, "timer": 7, "resolver": 1, "tls": 1}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    for module in (sync, timer, watch):
        monkeypatch.setattr(module, "MEMORY_PAUSE", 0.0005)
    monkeypatch.setattr(timer, "REST_TIME", 0.01)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)


@contextmanager
def new_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with a watch and a timer that have no thread yet."""
    new_watch, new_timer = watch.Watch(), timer.TimerThread()
    with monkeypatch.context() as patch:
        replace_watch(patch, new_watch)
        for module in (call_module, pool_module, places):
            patch.setattr(module, "timer", new_timer)
        yield
        new_watch.end()
        new_timer.end()


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="the system does not tell descriptors")
@pytest.mark.parametrize("step", [None, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("kind", KINDS)
def test_2_10_no_memory_at_any_call(
    server: Server, tls_server: Server, ca_file: str, monkeypatch: pytest.MonkeyPatch,
    kind: str, times: int, step: int | None,
) -> None:  # fmt: skip
    """Contract 2.10: whichever call fails, requests end, nothing is lost, and the next one works."""
    if kind == "worker that leaves":
        monkeypatch.setattr("urlrequest._concurrency.worker_pool.CROWD", -1)
    failures: list[str] = []
    before = settled_descriptors()
    world: World | None = None
    server.route("/held", lambda _: held(world) if world is not None else Reply(200))
    server.route("/pieces", lambda _: Reply(200, pieces()))
    for each in (server, tls_server):
        each.respond("/", "ok")
    for name in ("_contexts", "_prefetched"):
        monkeypatch.setattr(tls_contexts, name, type(getattr(tls_contexts, name))())
    for number in itertools.count(1, step or STEPS[kind]):
        world = World(server.url, tls_server.url, ca_file)
        memory = LackOfMemory(number, f"urlrequest-{kind.partition(' ')[0]}", times)
        failures += [f"{memory.place}: {failure}" for failure in torture(world, KINDS[kind], memory, monkeypatch)]
        if memory.place is None or len(failures) > 5:
            break
    world = None
    if not becomes(lambda: settled_descriptors() <= before):
        failures.append(f"{settled_descriptors() - before} descriptors stay open")

    assert [] == failures
    assert number > 1


def torture(
    world: World, kind: Callable[[World], Iterator[None]], memory: LackOfMemory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    with world.session:
        steps = kind(world)
        next(steps)
        with new_threads(monkeypatch), memory:
            next(steps, None)
            yield from look(world)
        following = world.session.request(world.url + "/")
        if not following.wait(timeout=PATIENCE) or following.content != b"ok":
            yield f"the next one fails with {following!r} {following.error!r}"
    workers = world.session._urlrequest_shared.workers
    if not becomes(lambda: (workers._running, workers._unmanned, workers._waiting) == (0, {}, {})):
        yield f"slots are lost: {workers._running} {workers._unmanned} {workers._waiting}"
    if memory.is_burst:  # what lacks memory to tidy up as well leaves the note that it waited
        places.waits.clear()
    if not becomes(lambda: not (flight_module._readers or places.waits or resolver._lookups or active_calls)):
        yield f"something is left: {flight_module._readers} {places.waits} {resolver._lookups} {active_calls}"
        places.waits.clear()  # so that the next one is not to blame for it


def look(world: World) -> Iterator[str]:
    """What is wrong with the ends of the requests."""
    yield from await_ends([request for request in world.requests if request not in world.held])
    world.may_answer.set()
    yield from await_ends(world.held)
    for ends in world.ends:
        if ends not in ENDS:
            yield f"events: {ends}"


def await_ends(requests: list[UrlRequest]) -> Iterator[str]:
    for number, request in enumerate(requests):
        request.join(PATIENCE)  # first, so that this thread reads no response
        if request.is_alive():
            yield f"request {number} is never joined"
        if not request.wait(timeout=PATIENCE):
            yield f"request {number} hangs"


def settled_descriptors() -> int:
    """How many descriptors are open that are not kept for the next request."""
    wakeup.drop_spare_wakers()
    gc.collect()
    return len(open_descriptors())
