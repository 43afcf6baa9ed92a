"""Ctrl-C, and memory that runs out, at each moment of what a program calls.

Whatever the moment: no slot is lost, no lock stays taken, each request that there is comes to an end, and the next one
works.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.deliveries import ReadingHook
from support.moments import Moments
from support.waiting import becomes
from urlrequest import Session, UrlRequest, cancel_all, wait_all
from urlrequest._client.call import active_calls
from urlrequest._engine import places
from urlrequest._engine.options import _plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest.testing import Server


MAX_MOMENTS = 3000  # in one call
PATIENCE = 15.0  # seconds; a guard against hanging


class World:
    """A session with one slot, on a server that responds at once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = Session(max_requests=1, timeout=10)
        self.log: list[Any] = []
        self.request: Any = None

    def make(self, path: str = "/", url: str | None = None, **options: Any) -> UrlRequest:
        return self.session.request(
            (url or self.url) + path, on_success=lambda *_: self.log.append("success"),
            on_failure=lambda *_: self.log.append("failure"), on_cancel=self.log.append,
            on_error=lambda *_: self.log.append("error"),
            on_finish=lambda _: self.log.append("finish"), **options,
        )  # fmt: skip


def constructor(world: World) -> Callable[[], object]:
    return world.make


def queued_constructor(world: World) -> Callable[[], object]:
    world.request = world.make()
    return world.make


def wait(world: World) -> Callable[[], object]:
    world.request = world.make()
    world.request.join(PATIENCE)
    return world.request.wait


def wait_for_all(world: World) -> Callable[[], object]:
    world.request = world.make()
    other = world.make()
    other.join(PATIENCE)
    return lambda: wait_all([world.request, other])


def first_completed(world: World) -> Callable[[], object]:
    world.request = world.make()
    world.request.join(PATIENCE)
    return lambda: list(urlrequest.as_completed([world.request]))


def drain(world: World) -> Callable[[], object]:
    world.request = world.make()
    world.request.join(PATIENCE)
    return urlrequest.drain


def drain_failure(world: World) -> Callable[[], object]:
    world.request = world.make("/missing")
    world.request.join(PATIENCE)
    return urlrequest.drain


def cancel_running(world: World) -> Callable[[], object]:
    world.request = world.make("/slow")
    return world.request.cancel


def cancel_queued(world: World) -> Callable[[], object]:
    world.make("/slow")
    world.request = world.make()
    return world.request.cancel


def cancel_settled(world: World) -> Callable[[], object]:
    world.request = world.make()
    world.request.join(PATIENCE)
    return world.request.cancel


def close(world: World) -> Callable[[], object]:
    world.request = world.make()
    world.request.join(PATIENCE)
    world.make("/slow")
    return world.session.close


def join(world: World) -> Callable[[], object]:
    world.request = world.make()
    return world.request.join


def connected(world: World) -> World:
    """The same with an idle connection, over which the next request is launched."""
    first = UrlRequest(world.url, session=world.session)
    assert first.wait(timeout=PATIENCE)
    first.join(PATIENCE)
    return world


def launched_constructor(world: World) -> Callable[[], object]:
    return connected(world).make


def constructor_for_another_host(world: World) -> Callable[[], object]:
    """It has a slot before it finds that there is no connection to that host, and then needs a worker."""
    url = connected(world).url.replace("127.0.0.1", "localhost")
    with Session() as other:  # what is kept of such requests is there each time, so the moments are the same
        for each in (world.url, url):
            assert other.request(each).wait(timeout=PATIENCE)
    return lambda: world.make(url=url)


def launched_wait(world: World) -> Callable[[], object]:
    world.request = connected(world).make()
    return world.request.wait


def launched_wait_over_a_new_connection(world: World) -> Callable[[], object]:
    assert UrlRequest(world.url).wait(timeout=PATIENCE)  # so that the server is known
    world.request = world.make()
    return world.request.wait


def launched_wait_without_callbacks(world: World) -> Callable[[], object]:
    world.request = UrlRequest(world.url, session=connected(world).session)
    return world.request.wait


def launched_wait_with_a_queue(world: World) -> Callable[[], object]:
    world.request = connected(world).make()
    world.make()
    return world.request.wait


def launched_wait_for_all(world: World) -> Callable[[], object]:
    world.request = connected(world).make()
    others = [world.request, world.make(), UrlRequest(world.url, session=world.session)]
    return lambda: wait_all(others)


def launched_join(world: World) -> Callable[[], object]:
    world.request = connected(world).make()
    return world.request.join


def drain_of_a_loop_that_reads(world: World) -> Callable[[], object]:
    hook = ReadingHook()
    world.request = connected(world).make(hook=hook)
    flight = world.request._urlrequest_call.mailbox.flight
    if flight is not None:  # on a busy machine a worker may have the request instead
        select.select([flight], [], [], 0.01)
    return hook.drain


def wait_for_uncommon(world: World) -> Callable[[], object]:
    connected(world)
    _plain.cache_clear()  # or it would be left to a worker from the second time on
    world.request = world.make("/odd")
    return world.request.wait


def cancel_launched(world: World) -> Callable[[], object]:
    world.request = connected(world).make("/slow")
    return world.request.cancel


def close_launched(world: World) -> Callable[[], object]:
    world.request = connected(world).make("/slow")
    return world.session.close


PLACES = [
    launched_constructor,
    constructor_for_another_host,
    launched_wait,
    launched_wait_over_a_new_connection,
    launched_wait_without_callbacks,
    launched_wait_with_a_queue,
    launched_wait_for_all,
    launched_join,
    *([drain_of_a_loop_that_reads] if hasattr(select, "epoll") else []),
    wait_for_uncommon,
    cancel_launched,
    close_launched,
    constructor,
    queued_constructor,
    wait,
    wait_for_all,
    first_completed,
    drain,
    drain_failure,
    cancel_running,
    cancel_queued,
    cancel_settled,
    close,
    join,
]


@pytest.fixture
def world(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], World]]:
    server.respond("/", "x")
    server.respond("/slow", "slow")
    server.respond("/missing", "no", status=404)
    server.respond("/odd", "odd", headers={"Content-Encoding": "identity"})
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    worlds: list[World] = []

    def make() -> World:
        worlds[:] = [World(server.url)]  # the one before is closed; and a request looks at all pools that there are
        return worlds[0]

    yield make
    for each in worlds:
        each.session.close()
    cancel_all()


def check(world: World, place: str | None) -> None:
    """The world goes on after whatever came in between."""
    left = list(active_calls.values())
    if not wait_all(left, timeout=PATIENCE):
        active_calls.clear()  # or all the following ones would fail, too
        pytest.fail(f"wait() does not end: {place}")
    if world.request is not None:
        assert world.request.wait(timeout=PATIENCE), f"wait() does not end: {place}"
    urlrequest.drain()
    assert {} == active_calls, place
    if __file__ not in (place or ""):  # else a callback of ours was interrupted, or a moment before that
        finished = world.log.count("finish")
        assert 2 * finished == len(world.log), f"a callback is lost: {place}"
    session = world.session
    if not session._urlrequest_shared.is_closed:
        following = session.request(world.url)
        assert following.wait(timeout=PATIENCE), f"a slot is lost: {place}"
        assert "x" == following.result, (place, following.error)
    session.close()
    assert becomes(lambda: not places.waits), f"it waits for a place for ever: {place}"


# What is raised in the callback of a weak reference is lost, as Ctrl-C is there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
# What a log line was not made for is reported in this way.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("prepare", PLACES)
def test_fault_119_an_exception_at_each_moment(
    world: Callable[[], World], prepare: Callable[[World], Callable[[], object]], error: type[BaseException]
) -> None:
    """Fault 119: an exception at any moment of a call of the program leaves nothing behind, and no request hangs."""
    failures = []
    for number in range(1, MAX_MOMENTS):
        this = world()
        call = prepare(this)
        moments = Moments(number, error)
        try:
            with moments:
                call()
        except error:
            pass
        else:
            if error is KeyboardInterrupt and moments.place is not None:
                failures.append(f"Ctrl-C is lost: {moments.place}")
        try:
            check(this, moments.place)
        except (AssertionError, pytest.fail.Exception) as failure:
            failures.append(str(failure).splitlines()[0])
        if moments.place is None:
            break
    else:
        pytest.fail("there is no end to the moments")

    assert [] == failures
