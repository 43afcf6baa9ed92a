"""Bells: what a thread in wait() sleeps on."""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from urlrequest import Session, UrlRequest, as_completed, wait_all
from urlrequest._concurrency import wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._concurrency.wakeup import Bell
    from urlrequest.testing import Server

PATIENCE = 30.0  # seconds; only a failing test waits that long
BELLS: list[Callable[[], Bell]] = [wakeup.LockWaker, *([wakeup.EventFdWaker] if hasattr(os, "eventfd") else [])]


@pytest.fixture(params=BELLS)
def bell(request: pytest.FixtureRequest) -> Bell:
    """Each kind of bell."""
    made: Bell = request.param()
    return made


def test_a_ring_ends_the_sleep(bell: Bell) -> None:
    """A ring that comes before the sleep ends it at once, and one during the sleep ends it too."""
    bell.ring()
    bell.sleep(None)
    thread = threading.Thread(target=bell.sleep, args=(None,))
    thread.start()
    bell.ring()
    thread.join(PATIENCE)

    assert not thread.is_alive()


@pytest.mark.parametrize("seconds", [0, -1.0, 0.01])
def test_the_sleep_ends_by_itself(bell: Bell, seconds: float) -> None:
    """Without a ring the sleep takes as long as it was told to, and no less."""
    began = time.monotonic()
    bell.sleep(seconds)

    assert max(0.0, seconds) <= time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("seconds", [3e6, 1e300, float("inf")])
def test_6_2_no_time_is_too_long(bell: Bell, seconds: float) -> None:
    """Contract 6.2: the longest sleep between two looks may be as long as one likes."""
    bell.ring()
    bell.sleep(seconds)
    request = UrlRequest("http://127.0.0.1:9/", on_error=lambda *_: None)

    assert request.wait(delay=seconds, timeout=seconds)


def test_rings_are_one(bell: Bell) -> None:
    """Many rings wake once: the second sleep is not ended by the first one's rings."""
    for _ in range(3):
        bell.ring()
    bell.sleep(None)
    began = time.monotonic()
    bell.sleep(0.01)

    assert time.monotonic() - began >= 0.01


def test_6_1_waiting_needs_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 6.1: where no descriptor is left, `wait()` ends all the same, and the error is told."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    wakeup.forget_alarms()
    monkeypatch.setattr("os.eventfd", refuse, raising=False)
    monkeypatch.setattr("socket.socketpair", refuse)
    errors: list[BaseException] = []
    request = UrlRequest("http://127.0.0.1:9/", on_error=lambda _, error: errors.append(error))

    assert request.wait(timeout=PATIENCE)
    assert [request.error] == errors
    assert isinstance(request.error, OSError)


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="bells are locks here")
def test_waits_share_a_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait one after the other sleep on one descriptor: the bell is given back, and taken again."""
    wakeup.forget_alarms()
    bells: list[Bell] = []
    sleep = wakeup.EventFdWaker.sleep

    def see(bell: wakeup.EventFdWaker, seconds: float | None) -> None:
        bells.append(bell)
        sleep(bell, seconds)

    monkeypatch.setattr(wakeup.EventFdWaker, "sleep", see)
    with Session(max_requests=1) as session:
        session.workers.change_limits(0, None)  # no request gets a worker
        request = session.request("http://127.0.0.1:9/", on_finish=lambda _: None)
        for wait in (request.wait, partial(wait_all, [request])):
            assert not wait(timeout=0.01)
        with pytest.raises(TimeoutError):
            list(as_completed([request], timeout=0.01))

    assert 3 <= len(bells)
    assert 1 == len(set(bells))


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="alarms are sockets here")
def test_116_a_child_has_bells_of_its_own() -> None:
    """Faults 116: a bell that is there while the process forks is another one in the child, and rings for it alone."""
    bell = wakeup.EventFdWaker()
    child = os.fork()
    if not child:
        bell.ring()
        os._exit(0)
    assert (child, 0) == os.waitpid(child, 0)
    began = time.monotonic()
    bell.sleep(0.05)

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
def test_116_a_child_without_a_spare_descriptor_has_alarms_of_its_own() -> None:
    """Faults 116: they are the child's own even where no more descriptors may be opened, and lie where they lay."""
    import resource

    alarm = wakeup.EventFdWaker()
    where, shared = alarm.descriptor, os.dup(alarm.descriptor)  # as the parent has it
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (shared + 10, hard))
        with suppress(OSError):
            while True:
                others.append(os.dup(shared))
        alarm.part()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for other in others:
            os.close(other)
    alarm.ring()

    with pytest.raises(BlockingIOError):
        os.eventfd_read(shared)
    assert where == alarm.descriptor
    assert 1 == os.eventfd_read(where)
    os.close(shared)
