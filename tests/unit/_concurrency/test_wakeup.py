"""Wakers: what workers, waiting threads and Tk are woken by."""

from __future__ import annotations

import errno
import itertools
import os
import select
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from support.moments import Moments
from urlrequest import Session, UrlRequest, as_completed, wait_all
from urlrequest._concurrency import wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._concurrency.wakeup import DescriptorWaker, ThreadWaker
    from urlrequest.testing import Server

PATIENCE = 30.0  # seconds; only a failing test waits that long
SLEEPERS: list[type[ThreadWaker]] = [
    wakeup.LockWaker,
    *([wakeup.EventFdWaker] if hasattr(os, "eventfd") else []),
]
WAKERS = [wakeup.SocketPairWaker, *SLEEPERS]


@pytest.fixture(params=SLEEPERS)
def waker(request: pytest.FixtureRequest) -> ThreadWaker:
    """Each kind of waker that a thread sleeps on."""
    made: ThreadWaker = request.param()
    return made


@pytest.mark.no_leaks
@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="eventfd is Linux's, from Python 3.10")
def test_fault_119_ctrl_c_while_a_waker_is_made() -> None:
    """Fault 119: at whatever moment Ctrl-C comes, no descriptor stays open."""
    made = []  # none is to be freed meanwhile: what is raised in a finaliser is lost
    for number in itertools.count(1):
        moments = Moments(number, KeyboardInterrupt)
        with suppress(KeyboardInterrupt), moments:
            made.append(wakeup.EventFdWaker())
        if moments.place is None:
            break


def test_a_wake_up_ends_the_sleep(waker: ThreadWaker) -> None:
    """A wake-up that comes before the sleep ends it at once, and one during the sleep ends it too."""
    waker.wake()
    waker.sleep(None)
    thread = threading.Thread(target=waker.sleep, args=(None,))
    thread.start()
    waker.wake()
    thread.join(PATIENCE)

    assert not thread.is_alive()


@pytest.mark.parametrize("seconds", [0, -1.0, 0.01])
def test_the_sleep_ends_by_itself(waker: ThreadWaker, seconds: float) -> None:
    """Without a wake-up the sleep takes as long as its argument says, and no less."""
    began = time.monotonic()
    waker.sleep(seconds)

    assert max(0.0, seconds) <= time.monotonic() - began


@pytest.mark.parametrize("seconds", [3e6, 1e300, float("inf")])
def test_6_2_no_time_is_too_long(waker: ThreadWaker, seconds: float) -> None:
    """Contract 6.2: the longest sleep between two looks may be as long as one likes."""
    waker.wake()
    waker.sleep(seconds)
    request = UrlRequest("http://127.0.0.1:9/", on_error=lambda *_: None)

    assert request.wait(delay=seconds, timeout=seconds)


def test_wake_ups_are_one(waker: ThreadWaker) -> None:
    """Many wake-ups wake once: the second sleep is not ended by those of the first."""
    for _ in range(3):
        waker.wake()
    waker.sleep(None)
    began = time.monotonic()
    waker.sleep(0.01)

    assert time.monotonic() - began >= 0.01


@pytest.mark.parametrize("kind", WAKERS)
def test_drain_says_whether_there_was_a_wake_up(kind: Callable[[], wakeup.DescriptorWaker | wakeup.LockWaker]) -> None:
    """An event loop that was woken for something else finds that there is no wake-up."""
    waker = kind()
    assert not waker.drain()
    waker.wake()
    waker.wake()

    assert [True, False] == [waker.drain(), waker.drain()]


@pytest.mark.parametrize("kind", [kind for kind in WAKERS if kind is not wakeup.LockWaker])
def test_a_descriptor_is_readable_while_there_is_a_wake_up(kind: Callable[[], DescriptorWaker]) -> None:
    """An event loop can watch the descriptor, and the system can close it only when nobody has the waker."""
    waker = kind()
    descriptor = waker.descriptor
    assert [] == select.select([descriptor], [], [], 0)[0]
    waker.wake()
    assert [descriptor] == select.select([descriptor], [], [], 0)[0]
    waker.drain()
    assert [] == select.select([descriptor], [], [], 0)[0]
    del waker

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_ctrl_c_while_a_waker_is_lent() -> None:
    """A waker is given back however the block ends."""
    wakeup.drop_spare_wakers()
    with pytest.raises(KeyboardInterrupt), wakeup.borrowed_waker() as waker:
        raise KeyboardInterrupt

    assert [waker] * isinstance(waker, wakeup.EventFdWaker) == list(wakeup._spare)


def test_6_1_waiting_needs_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 6.1: where no descriptor is left, `wait()` ends all the same, and the error is reported."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    wakeup.drop_spare_wakers()
    monkeypatch.setattr("os.eventfd", refuse, raising=False)
    monkeypatch.setattr("socket.socketpair", refuse)
    errors: list[BaseException] = []
    request = UrlRequest("http://127.0.0.1:9/", on_error=lambda _, error: errors.append(error))

    assert request.wait(timeout=PATIENCE)
    assert [request.error] == errors
    assert isinstance(request.error, OSError)


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="waiting threads sleep on locks here")
def test_waits_share_a_waker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait one after the other sleep on one descriptor: the waker is given back, and taken again."""
    wakeup.drop_spare_wakers()
    wakers: list[ThreadWaker] = []
    sleep = wakeup.EventFdWaker.sleep

    def see(waker: wakeup.EventFdWaker, seconds: float | None) -> None:
        wakers.append(waker)
        sleep(waker, seconds)

    monkeypatch.setattr(wakeup.EventFdWaker, "sleep", see)
    with Session(max_requests=1) as session:
        session._urlrequest_shared.workers.change_limits(0, None)  # no request gets a worker
        request = session.request("http://127.0.0.1:9/", on_finish=lambda _: None)
        for wait in (request.wait, partial(wait_all, [request])):
            assert not wait(timeout=0.01)
        with pytest.raises(TimeoutError):
            list(as_completed([request], timeout=0.01))
    assert request.wait(timeout=20)

    assert 3 <= len(wakers)
    assert 1 == len(set(wakers))


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="Linux only")
def test_fault_116_a_child_has_wakers_of_its_own() -> None:
    """Fault 116: a waker that is there while the process forks is another one in the child, and wakes it alone."""
    waker = wakeup.EventFdWaker()
    child = os.fork()
    if not child:
        waker.wake()
        os._exit(0)
    assert (child, 0) == os.waitpid(child, 0)
    began = time.monotonic()
    waker.sleep(0.05)

    assert time.monotonic() - began >= 0.05


def test_7_1_a_request_is_cancelled_while_its_thread_sleeps(server: Server) -> None:
    """Contract 7.1: the thread in `wait()` is woken by a cancel of another thread."""
    from urlrequest.testing import hold, signal

    server.play(signal("received"), hold())
    ended: list[str] = []
    request = UrlRequest(server.url, on_cancel=lambda _: ended.append("cancel"))
    thread = threading.Thread(target=request.wait, kwargs={"delay": None})
    thread.start()
    server.wait("received", PATIENCE)
    request.cancel()
    thread.join(PATIENCE)

    assert ["cancel"] == ended


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="Linux only")
def test_fault_116_a_wake_up_is_not_lost_by_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 116: the thread that has forked may have been woken before, so that its next sleep ends at once."""
    waker = wakeup.EventFdWaker()
    monkeypatch.setattr(wakeup, "_event_wakers", [waker])
    waker.wake()
    wakeup.reset_after_fork()

    assert waker.drain()
    assert not waker.drain()


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="Linux only")
def test_fault_116_a_child_without_a_spare_descriptor_has_wakers_of_its_own() -> None:
    """Fault 116: they are the child's own even where no more descriptors may be opened, and lie where they lay."""
    import resource

    waker = wakeup.EventFdWaker()
    where, shared = waker.descriptor, os.dup(waker.descriptor)  # as the parent has it
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (shared + 10, hard))
        with suppress(OSError):
            while True:
                others.append(os.dup(shared))
        waker.reopen_after_fork()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for other in others:
            os.close(other)
    waker.wake()

    with pytest.raises(BlockingIOError):
        os.eventfd_read(shared)
    assert where == waker.descriptor
    assert 1 == os.eventfd_read(where)
    os.close(shared)
