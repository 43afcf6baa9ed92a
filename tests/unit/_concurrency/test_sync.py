"""Locks, the flag that one thread sets, the signal that one thread sleeps on, and the start of a thread."""

from __future__ import annotations

import itertools
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from support.moments import Moments, interrupt_starts, kill_starts
from support.waiting import wait_until
from urlrequest._concurrency import sync
from urlrequest._concurrency.sync import (
    AtomicFlag,
    NoThreadError,
    ReentrantLock,
    ScopedLock,
    Signal,
    snapshot,
    start_thread,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any


def test_lifecycle_3_flag() -> None:
    """LIFECYCLE-3: one thread sets a flag; setting and clearing never wait."""
    flag = AtomicFlag()
    assert not flag.is_set()
    flag.clear()
    assert [False, True] == [flag.test_and_set(), flag.test_and_set()]
    assert flag.is_set()
    flag.clear()
    flag.clear()
    assert not flag.test_and_set()


def test_a_waiting_thread_wakes_when_it_is_notified() -> None:
    """A thread that sleeps on a signal wakes when another notifies it, and has used that up then."""
    signal = Signal()
    woken: list[bool] = []
    sleeper = threading.Thread(target=lambda: woken.append(signal.wait(30)))
    sleeper.start()
    signal.notify()
    sleeper.join()

    assert [True] == woken
    assert not signal.wait(0)


@pytest.mark.parametrize("timeout", [0, 0.001, -1, -5.0])
def test_a_wait_is_no_longer_than_asked_for(timeout: float) -> None:
    """A signal that nobody notifies ends the wait in time; a time that is below 0 has passed."""
    assert not Signal().wait(timeout)


def test_a_wait_takes_any_time() -> None:
    """A time beyond what the system can count is a long time."""
    signal = Signal()
    signal.notify()
    assert signal.wait(1e300)
    signal.notify()
    assert signal.wait(None)


def test_notifications_are_one() -> None:
    """However often a signal is notified before anybody waits, one wait ends at once."""
    signal = Signal()
    signal.notify()
    signal.notify()

    assert [True, False] == [signal.wait(0), signal.wait(0)]


def test_fault_119_ctrl_c_while_a_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 119: Ctrl-C is not taken for a system without threads, in an `except` either."""
    interrupt_starts(monkeypatch, runs=False)
    with pytest.raises(KeyboardInterrupt):
        start_thread(print, "")
    try:
        [].pop()
    except IndexError:
        with pytest.raises(KeyboardInterrupt):
            start_thread(print, "")


def test_fault_115_no_thread_within_an_except(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 115: a system without threads is not taken for an error that was handled before."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    try:
        [].pop()
    except IndexError:
        with pytest.raises(NoThreadError, match="can't start"):
            start_thread(print, "")


@pytest.mark.parametrize("until", [None, -1.0])
def test_2_10_a_thread_that_dies_in_its_start(monkeypatch: pytest.MonkeyPatch, until: float | None) -> None:
    """Contract 2.10: it counts as one that the system does not give, at `until` or after START_TIME."""
    kill_starts(monkeypatch)
    with pytest.raises(NoThreadError, match=r"^the new thread urlrequest-n has not begun within 0\.01 s$"):
        start_thread(print, "urlrequest-n", until=until)


def test_2_10_a_thread_that_begins_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: a thread that was given up does nothing when it begins after all."""
    monkeypatch.setattr(sync, "START_TIME", 0.01)
    may_begin, threads, ran = threading.Event(), list[threading.Thread](), list[bool]()
    bootstrap = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]  # what a new thread does first

    def late(thread: threading.Thread) -> None:
        threads.append(thread)
        assert may_begin.wait(30)
        bootstrap(thread)

    monkeypatch.setattr(threading.Thread, "_bootstrap_inner", late)
    with pytest.raises(NoThreadError):
        start_thread(lambda: ran.append(True), "")
    may_begin.set()
    wait_until(lambda: bool(threads) and threads[0]._started.is_set())  # type: ignore[attr-defined]  # for `join()`
    threads[0].join(30)

    assert [] == ran


def test_2_10_a_python_whose_start_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: a thread that begins after `Thread.start()` has returned does its work."""
    pending, done = list[threading.Thread](), threading.Event()
    start, new_lock = threading.Thread.start, threading.Lock

    class LateLock:
        """A lock, the second use of which lets the thread begin."""

        def __init__(self) -> None:
            self._lock = new_lock()
            self.release = self._lock.release

        def acquire(self, **options: float) -> bool:
            while pending:
                start(pending.pop())
            return self._lock.acquire(**options)

    def start_later(thread: threading.Thread) -> None:
        pending.append(thread)

    monkeypatch.setattr(threading.Thread, "start", start_later)
    monkeypatch.setattr(sync, "Lock", LateLock)
    start_thread(done.set, "")

    assert done.wait(30)


class Growing(set[int]):
    """A set to which another thread adds something while it is iterated over for the first time."""

    late: int | None = None

    def __iter__(self) -> Iterator[int]:
        for each in super().__iter__():
            if self.late is not None:
                late, self.late = self.late, None
                self.add(late)
            yield each


def test_what_grows_is_looked_through_anew() -> None:
    """What another thread adds meanwhile ends an iteration with RuntimeError; then all of it is read once more."""
    growing = Growing([1, 2])
    growing.late = 3

    assert [1, 2, 3] == sorted(snapshot(growing))


SCOPED = pytest.mark.parametrize("new_lock", [ScopedLock, ReentrantLock], ids=["ScopedLock", "ReentrantLock"])
SIGNALS = 100
GAP = 0.0005  # seconds between two signals


def is_taken(lock: Any) -> bool:
    """Whether this thread has the lock."""
    owner = getattr(lock, "_is_owned", None)
    return bool(owner() if owner else lock.locked())


@SCOPED
def test_fault_119_ctrl_c_at_each_moment_leaves_no_lock_taken(new_lock: Callable[[], Any]) -> None:
    """Fault 119: what interrupts a `with` statement, also at its beginning, leaves its lock free."""
    for number in itertools.count(1):
        lock, moments = new_lock(), Moments(number, KeyboardInterrupt)
        try:
            with moments, lock:
                pass
        except KeyboardInterrupt:
            pass
        assert not is_taken(lock), moments.place
        if moments.place is None:
            break


@SCOPED
def test_fault_119_a_signal_while_the_lock_is_taken(new_lock: Callable[[], Any]) -> None:
    """Fault 119: so does a real signal, most of which come in the middle of a `with` statement here."""
    lock = new_lock()
    awaited = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal awaited
        if awaited:
            awaited = False
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, GAP, GAP)
    try:
        for _ in range(SIGNALS):
            try:
                awaited = True
                while True:
                    with lock:
                        pass
            except KeyboardInterrupt:
                assert not is_taken(lock)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_reentrant_lock_may_be_nested_and_excludes_other_threads() -> None:
    """The thread that has a ReentrantLock may take it again; another one waits until it is free."""
    lock, order = ReentrantLock(), []

    def other() -> None:
        with lock:
            order.append("other")

    thread = threading.Thread(target=other)
    with lock:
        with lock:
            thread.start()
        order.append("first")
    thread.join(20)

    assert ["first", "other"] == order


def test_fault_119_ctrl_c_while_a_thread_starts_stops_no_other() -> None:
    """Fault 119: at whatever moment the start of a thread is interrupted, the next thread begins."""
    for number in itertools.count(1):
        moments = Moments(number, KeyboardInterrupt)
        try:
            with moments:
                start_thread(int, "")
        except KeyboardInterrupt:
            pass
        begun = threading.Event()
        try:
            start_thread(begun.set, "")
        except NoThreadError:
            pytest.fail(f"no thread begins any more: {moments.place}")
        assert begun.wait(30)
        if moments.place is None:
            break
