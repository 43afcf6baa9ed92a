"""TimerThread: calls at their time, and a thread only while there are some."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from support.leaks import join_all, library_threads
from support.moments import LackOfMemory, Moments, kill_starts
from support.waiting import becomes, wait_until
from urlrequest._concurrency import sync
from urlrequest._concurrency import timer as timer_module
from urlrequest._concurrency.sync import NoThreadError, snapshot
from urlrequest._concurrency.timer import TimerThread

PATIENCE = 30.0  # seconds; only a failing test waits that long


def test_15_2_calls_in_order() -> None:
    """A call is made when its time has come, no sooner, also when the thread sleeps for a later one already."""
    timer, calls, early, past = TimerThread(), [], threading.Event(), threading.Event()
    now = time.monotonic()
    timer.call_at(now + 1000, "late", lambda: calls.append("late"))
    timer.call_at(now + 0.03, "early", lambda: (calls.append(time.monotonic() - now), early.set()))
    assert early.wait(PATIENCE)
    timer.call_at(now - 1, "past", lambda: (calls.append("past"), past.set()))
    assert past.wait(PATIENCE)
    timer.cancel("late")

    assert ["past"] == calls[1:]
    assert calls[0] >= 0.03


def test_15_2_cancelled_calls_end_the_thread() -> None:
    """A call that is cancelled is not made, and a thread with nothing to wait for ends, whatever time it waited for."""
    timer, calls = TimerThread(), []
    before = library_threads()
    for key in range(3):
        timer.call_at(time.monotonic() + 1000, key, lambda: calls.append("never"))
    threads = library_threads() - before
    assert threads
    for key in range(3):
        timer.cancel(key)
    join_all(threads)

    assert [] == calls
    done = threading.Event()
    timer.call_at(time.monotonic(), "again", done.set)
    assert done.wait(PATIENCE)


def test_15_2_no_thread_for_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread the caller gets the error, and the next call is kept all the same."""
    timer, done = TimerThread(), threading.Event()
    with monkeypatch.context() as patch:

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            timer.call_at(time.monotonic(), "lost", done.set)
    assert {} == timer._calls
    timer.call_at(time.monotonic(), "kept", done.set)

    assert done.wait(PATIENCE)


class Growing(dict[Any, Any]):
    """Calls to which another thread adds one while they are looked through for the first time."""

    late: tuple[Any, Any] | None = None

    def items(self) -> Any:
        for each in super().items():
            if self.late is not None:
                (key, call), self.late = self.late, None
                self[key] = call
            yield each


def test_timer_1_calls_that_come_while_the_thread_looks() -> None:
    """TIMER-1: whatever is added while the thread looks at the calls, it goes on, and makes them all."""
    timer, first, second = TimerThread(), threading.Event(), threading.Event()
    calls = timer._calls = Growing()
    calls.late = ("second", (time.monotonic(), second.set))
    timer.call_at(time.monotonic(), "first", first.set)

    assert first.wait(PATIENCE)
    assert second.wait(PATIENCE)


def test_2_10_no_memory_to_look_at_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: the thread goes on, and makes the calls once there is memory."""
    timer, done, looks = TimerThread(), threading.Event(), list[bool]()

    def fail_once(calls: Any) -> Any:
        looks.append(True)
        if len(looks) == 1:
            raise MemoryError("made to fail")
        return snapshot(calls)

    monkeypatch.setattr(timer_module, "REST_TIME", 0.01)
    monkeypatch.setattr(timer_module, "snapshot", fail_once)
    timer.call_at(time.monotonic(), "kept", done.set)

    assert done.wait(PATIENCE)
    assert len(looks) > 1


def test_2_10_a_timer_that_dies_in_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: a caller waits for the thread until its own time at most, and the next call has a thread."""
    timer, done = TimerThread(), threading.Event()
    with monkeypatch.context() as patch:
        kill_starts(patch, seconds=1e6)
        with pytest.raises(NoThreadError, match="not begun"):
            timer.call_at(time.monotonic() + 1e6, "lost", done.set, until=-1.0)
    assert {} == timer._calls
    timer.call_at(time.monotonic(), "kept", done.set)

    assert done.wait(PATIENCE)


@pytest.mark.parametrize("error", [NoThreadError, KeyboardInterrupt, MemoryError])
def test_timer_2_a_start_that_fails_takes_no_other_call_along(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Contract 2.10, invariant TIMER-2: a call that comes while the thread starts in vain has a thread of its own."""
    timer, done, starts = TimerThread(), threading.Event(), list[str]()
    start_thread = timer_module.start_thread

    def start(*arguments: Any, **options: Any) -> None:
        starts.append("first" if not starts else "second")
        if len(starts) == 1:
            timer.call_at(time.monotonic(), "other", done.set)  # as by another thread
            raise error
        start_thread(*arguments, **options)

    monkeypatch.setattr(timer_module, "start_thread", start)
    with suppress(error):  # unless the other thread has begun by then
        timer.call_at(time.monotonic() + 1000, "first", int)
    assert done.wait(PATIENCE)
    timer.cancel("first")

    assert ["first", "second"] == starts


def test_timer_2_nobody_is_told_that_a_lost_call_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10, invariant TIMER-2: each who asks while no thread can be had learns it, and no call stays."""
    timer, failed = TimerThread(), list[str]()

    def start(*_: Any, **__: Any) -> None:
        if not failed:
            failed.append("other")
            with pytest.raises(NoThreadError):
                timer.call_at(time.monotonic(), "other", int)
        raise NoThreadError("made to fail")

    monkeypatch.setattr(timer_module, "start_thread", start)
    with pytest.raises(NoThreadError):
        timer.call_at(time.monotonic(), "first", int)

    assert (["other"], {}) == (failed, timer._calls)


def test_timer_2_of_two_threads_one_goes_on() -> None:
    """Invariant TIMER-2: where two threads were started one ends at once, and all calls are made."""
    timer, before = TimerThread(), library_threads()
    timer.call_at(time.monotonic() + 1000, "late", int)
    wait_until(timer._turn.locked)
    sync.start_thread(timer._run, "urlrequest-timer")
    assert becomes(lambda: 1 == len(library_threads() - before))
    done = threading.Event()
    timer.call_at(time.monotonic(), "now", done.set)
    assert done.wait(PATIENCE)
    timer.cancel("late")


def test_a_call_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call raises is reported, and the thread goes on."""
    reported, done, timer = list[Any](), threading.Event(), TimerThread()
    monkeypatch.setattr(threading, "excepthook", lambda report: reported.append(report.exc_type))
    timer.call_at(time.monotonic(), "raises", [].pop)
    timer.call_at(time.monotonic() + 0.001, "next", done.set)

    assert done.wait(PATIENCE)
    assert [IndexError] == reported


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 30])
def test_timer_3_no_memory_at_any_call(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Contract 2.10, invariant TIMER-3: whichever call of the thread fails, each of the timer's calls is made."""
    monkeypatch.setattr(timer_module, "MEMORY_PAUSE", 0.0005)
    monkeypatch.setattr(sync, "MEMORY_PAUSE", 0.0005)
    monkeypatch.setattr(timer_module, "REST_TIME", 0.005)
    for number in itertools.count(1):
        timer, done = TimerThread(), [threading.Event() for _ in range(3)]
        memory = LackOfMemory(number, "urlrequest-timer", times)
        with memory:
            timer.call_at(time.monotonic(), 0, done[0].set)
            timer.call_at(time.monotonic() + 0.002, 1, done[1].set)
            assert all(event.wait(PATIENCE) for event in done[:2]), memory.place
            wait_until(lambda timer=timer: not timer._turn.locked(), "the thread ends")
        timer.call_at(time.monotonic(), 2, done[2].set)
        assert done[2].wait(PATIENCE), memory.place
        if memory.place is None:
            break

    assert number > 10


def test_reset_after_fork() -> None:
    """In a forked child neither the thread, nor a call, nor a held lock is left; new calls are made."""
    timer, done = TimerThread(), threading.Event()
    timer.call_at(time.monotonic() + 1000, "lost", done.set)
    lost = TimerThread()
    lost.__dict__.update(timer.__dict__)
    with lost._lock:
        lost.reset_after_fork()
        assert {} == lost._calls
        lost.call_at(time.monotonic(), "new", done.set)
        assert done.wait(PATIENCE)
    timer.cancel("lost")


def test_fault_119_ctrl_c_at_each_moment() -> None:
    """Fault 119: whenever Ctrl-C comes to a thread that adds a call, later calls are made."""
    for number in itertools.count(1):
        timer, done = TimerThread(), threading.Event()
        moments = Moments(number, KeyboardInterrupt)
        try:
            with moments:
                timer.call_at(time.monotonic() + 1000, "first", int)
        except KeyboardInterrupt:
            pass
        timer.call_at(time.monotonic(), "next", done.set)
        assert done.wait(PATIENCE), moments.place
        timer.cancel("first")
        if moments.place is None:
            break
