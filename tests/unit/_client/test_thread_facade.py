"""What a request shows of a Thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from urlrequest._client.call import Call, _joined
from urlrequest._client.thread_facade import ThreadFacade
from urlrequest._concurrency.sync import Signal

PATIENCE = 30.0  # seconds; only a failing test waits that long


class Request(ThreadFacade):
    """A Thread that nothing was sent for: `begin()` and `end()` are what its worker does."""

    def __init__(self, name: str) -> None:
        self.name = name
        me: Any = self
        self._urlrequest_call = Call(me)

    def begin(self) -> None:
        self._urlrequest_call.worker = threading.get_ident()

    def end(self) -> None:
        self._urlrequest_call._end()


@pytest.fixture
def thread() -> Request:
    return Request("urlrequest-test")


def test_2_2_is_a_thread(thread: Request) -> None:
    """Contract 2.2: a request is a Thread: daemon, named, hashable, equal to itself, with room for attributes."""
    thread.mine = 1  # type: ignore[attr-defined]  # that is the promise

    assert isinstance(thread, threading.Thread)
    assert (True, "urlrequest-test") == (thread.daemon, thread.name)
    assert thread == thread  # noqa: PLR0124 - the promise
    assert thread != Request("urlrequest-test")
    assert {thread: 1}[thread]
    assert thread not in threading.enumerate()


def test_2_2_has_started(thread: Request) -> None:
    """Contract 2.2: it cannot be started, and its daemon flag cannot be changed any more."""
    with pytest.raises(RuntimeError, match="start\\(\\) must not be called"):
        thread.start()
    with pytest.raises(RuntimeError, match="is a daemon"):
        thread.daemon = False


def test_2_2_identifiers(thread: Request) -> None:
    """Contract 2.2: the identifiers are those of the thread that runs it, None before."""
    assert (None, None) == (thread.ident, thread.native_id)
    thread.begin()

    assert (threading.get_ident(), threading.get_native_id()) == (thread.ident, thread.native_id)


def test_2_2_alive_until_the_end(thread: Request) -> None:
    """Contract 2.2: it is alive from the beginning, while it waits for a slot too, until its end."""
    seen = [thread.is_alive()]
    thread.begin()
    seen.append(thread.is_alive())
    thread.end()
    seen.append(thread.is_alive())

    assert [True, True, False] == seen
    thread.end()


@pytest.mark.parametrize("timeout", [0, 0.001, -1])
def test_2_2_join_gives_up(thread: Request, timeout: float) -> None:
    """Contract 2.2: join() returns when its time is up; is_alive() says which it was."""
    thread.join(timeout)

    assert thread.is_alive()


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_2_2_join_waits_for_the_end(thread: Request, timeout: float | None) -> None:
    """Contract 2.2: any number of threads can join; all of them go on at the end, and later ones at once."""
    start, joined = threading.Barrier(4), []

    def join() -> None:
        start.wait()
        thread.join(timeout)
        joined.append(thread.is_alive())

    joiners = [threading.Thread(target=join) for _ in range(3)]
    for joiner in joiners:
        joiner.start()
    start.wait()
    thread.end()
    for joiner in joiners:
        joiner.join(PATIENCE)
    thread.join()

    assert [False] * 3 == joined


def test_2_2_join_within_itself(thread: Request) -> None:
    """Contract 2.2: joining on the worker that runs it would never end, and is an error, as of Thread."""
    thread.begin()
    with pytest.raises(RuntimeError, match="cannot join the current thread"):
        thread.join()


def test_2_2_join_sleeps_in_slices(thread: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sleeping thread does not notice Ctrl-C, it looks up now and then, and sleeps on."""
    monkeypatch.setattr("urlrequest._client.call.MAX_SLEEP", 0.001)
    joiner = threading.Thread(target=thread.join)
    joiner.start()
    joiner.join(0.02)
    assert joiner.is_alive()

    thread.end()
    joiner.join(PATIENCE)
    assert not joiner.is_alive()


def test_fault_119_ctrl_c_as_a_join_ends_keeps_no_other_from_ending(thread: Request) -> None:
    """Fault 119: Ctrl-C that comes when a joining thread has just noticed the end leaves it to the next to join."""

    class Interrupted(Signal):
        def wait(self, timeout: float | None) -> bool:
            thread.end()
            assert super().wait(timeout)
            raise KeyboardInterrupt

    ended = _joined[thread._urlrequest_call] = Interrupted()

    with pytest.raises(KeyboardInterrupt):
        thread.join()
    assert Signal.wait(ended, 0)
    assert thread._urlrequest_call not in _joined


def test_2_2_a_join_that_took_too_long_uses_nothing_up(thread: Request) -> None:
    """Contract 2.2: a join that ends before the request does lets no other one go on."""
    thread.join(0)
    ended = _joined[thread._urlrequest_call]

    assert (True, False) == (thread.is_alive(), ended.wait(0))
    thread.end()
    assert (False, True) == (thread._urlrequest_call in _joined, ended.wait(0))
