from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.timer import TimerThread
from urlrequest._concurrency.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 30.0  # seconds; a wait that lasts so long has failed


class Job:
    """Runs until it is let go, and notes what it did in a list that jobs share."""

    def __init__(self, name: str, log: list[str], host: str = "", *, is_held: bool = True) -> None:
        self.name, self.log, self.host = name, log, host
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        if not is_held:
            self.may_end.set()

    def work(self) -> None:
        self.log.append(self.name)
        self.has_begun.set()
        assert self.may_end.wait(LONG)

    def tell(self) -> None:
        pass


@pytest.fixture
def log() -> list[str]:
    """The names of the jobs in the order in which they began."""
    return []


@pytest.fixture(autouse=True)
def _short_idling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No worker is left after a test."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 0.02)
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(LONG)


def begun(*jobs: Job) -> None:
    for job in jobs:
        assert job.has_begun.wait(LONG), job.name


def let_go(*jobs: Job) -> None:
    for job in jobs:
        job.may_end.set()


def test_17_9_limit_per_host(log: list[str]) -> None:
    """A host that is full holds up its own jobs only."""
    workers = WorkerPool(4, 1)
    first, second, third = Job("a1", log, "a"), Job("a2", log, "a"), Job("b1", log, "b")

    assert [True, False, True] == [workers.admit(job) for job in (first, second, third)]
    begun(first, third)
    assert not second.has_begun.is_set()
    let_go(first)
    begun(second)
    let_go(second, third)


def test_17_9_waiting_jobs_keep_their_order(log: list[str]) -> None:
    """First come, first served, by host and in all, whichever limit they waited for."""
    workers = WorkerPool(2, 1)
    running = [Job("a0", log, "a"), Job("b0", log, "b")]
    waiting = [Job(name, log, name[0], is_held=False) for name in ("a1", "a2", "b1", "a3", "b2")]
    for job in (*running, *waiting):
        workers.admit(job)
    begun(*running)
    del log[:]
    let_go(running[0])
    begun(waiting[3])
    assert ["a1", "a2", "a3"] == log
    let_go(running[1])
    begun(waiting[4])

    assert ["b1", "b2"] == log[3:]


def test_17_9_held_jobs_are_not_overtaken(log: list[str]) -> None:
    """A job that was passed over because its host was full goes before all that came after it."""
    workers = WorkerPool(2, 1)
    a0, b0 = Job("a0", log, "a"), Job("b0", log, "b")
    a1, b1 = Job("a1", log, "a"), Job("b1", log, "b")
    late = Job("a2", log, "a")
    for job in (a0, b0, a1, b1):
        workers.admit(job)
    begun(a0, b0)
    let_go(b0)  # a1 is passed over, b1 runs
    begun(b1)
    workers.admit(late)
    let_go(a0)
    begun(a1)
    assert not late.has_begun.is_set()
    let_go(a1, b1, late)
    begun(late)


def test_17_9_withdrawn_held_jobs(log: list[str]) -> None:
    """A job that was withdrawn while its host was full blocks nobody."""
    workers = WorkerPool(2, 1)
    a0, b0 = Job("a0", log, "a"), Job("b0", log, "b")
    held = [Job(f"a{number}", log, "a") for number in (1, 2, 3)]
    b1 = Job("b1", log, "b")
    for job in (a0, b0, *held, b1):
        workers.admit(job)
    begun(a0, b0)
    let_go(b0)
    begun(b1)
    assert workers.withdraw(held[0])
    assert workers.withdraw(held[1])
    assert not workers.withdraw(held[1])
    let_go(a0)
    begun(held[2])
    let_go(held[2], b1)

    assert ["a1", "a2"] not in log


def test_17_9_raised_limit_holds_at_once(log: list[str]) -> None:
    """Jobs that wait begin when the limit is raised, in order."""
    workers = WorkerPool(1)
    jobs = [Job(str(number), log) for number in range(4)]
    for job in jobs:
        workers.admit(job)
    begun(jobs[0])
    workers.change_limits(3, None)
    begun(*jobs[:3])

    assert not jobs[3].has_begun.is_set()
    let_go(*jobs)
    begun(*jobs)


def test_17_9_raised_limit_per_host_holds_at_once(log: list[str]) -> None:
    """So do those that wait for their host."""
    workers = WorkerPool(4, 1)
    jobs = [Job(str(number), log, "a") for number in range(3)]
    for job in jobs:
        workers.admit(job)
    begun(jobs[0])
    workers.change_limits(4, None)
    begun(*jobs)
    let_go(*jobs)


def test_17_9_lowered_limit(log: list[str]) -> None:
    """What runs goes on; nothing new begins until fewer run than the limit allows."""
    workers = WorkerPool(3)
    jobs = [Job(str(number), log) for number in range(5)]
    for job in jobs:
        workers.admit(job)
    begun(*jobs[:3])
    workers.change_limits(1, None)
    let_go(jobs[0], jobs[1])
    wait_until(lambda: workers._running == 1)
    assert ["0", "1", "2"] == sorted(log)
    let_go(jobs[2])
    begun(jobs[3])
    assert not jobs[4].has_begun.is_set()
    let_go(*jobs)
    begun(jobs[4])


def wait_until(condition: object) -> None:
    assert callable(condition)
    limit = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_17_9_many_hosts_are_cheap() -> None:
    """Ten thousand jobs for as many hosts are taken in turn without looking at all of them each time."""
    workers, done = WorkerPool(1, 1), []

    class Short:
        def __init__(self, number: int) -> None:
            self.host = f"host{number}"

        def work(self) -> None:
            done.append(self.host)

        def tell(self) -> None:
            pass

    first = Job("first", [])
    workers.admit(first)
    jobs = [Short(number) for number in range(10_000)]
    for job in jobs:
        workers.admit(job)
    began = time.process_time()  # what other programs do meanwhile does not count
    let_go(first)
    wait_until(lambda: len(done) == 10_000)

    assert time.process_time() - began < 5
    assert [job.host for job in jobs] == done


def test_host_is_asked_once(log: list[str]) -> None:
    """A job whose host changes while it runs (a subclass may have such an attribute) gives back the slot it took."""
    workers = WorkerPool(1, 1)
    first, second = Job("1", log, "a"), Job("2", log, "a", is_held=False)
    workers.admit(first)
    begun(first)
    first.host = "b"
    workers.admit(second)
    let_go(first)
    begun(second)


def test_dismissed_workers_end(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker ends at once, a busy one when it is done; none sleeps on for a session that is closed."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 3 * LONG)
    workers = WorkerPool(2)
    idle, busy = Job("idle", log, is_held=False), Job("busy", log)
    before = set(threading.enumerate())
    workers.admit(busy)
    workers.admit(idle)
    begun(busy, idle)
    wait_until(lambda: workers._idle)
    threads = set(threading.enumerate()) - before
    workers.dismiss()
    let_go(busy)

    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()


def test_no_thread_for_a_raised_limit(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no more threads, a job waits for the worker that there is."""
    workers = WorkerPool(1)
    first, second = Job("1", log), Job("2", log, is_held=False)
    workers.admit(first)
    workers.admit(second)
    begun(first)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    workers.change_limits(2, None)
    assert not second.has_begun.is_set()
    let_go(first)
    begun(second)


# The timer


def test_15_2_alarms_in_order() -> None:
    """A call is made when its time has come, no sooner, also when the thread sleeps for a later one already."""
    keeper, calls, early, past = TimerThread(), [], threading.Event(), threading.Event()
    now = time.monotonic()
    keeper.call_at(now + 1000, "late", lambda: calls.append("late"))
    keeper.call_at(now + 0.03, "early", lambda: (calls.append(time.monotonic() - now), early.set()))
    assert early.wait(LONG)
    keeper.call_at(now - 1, "past", lambda: (calls.append("past"), past.set()))
    assert past.wait(LONG)
    keeper.drop("late")

    assert ["past"] == calls[1:]
    assert calls[0] >= 0.03


def test_15_2_dropped_alarms_end_the_thread() -> None:
    """A call that is dropped is not made, and a thread with nothing to wait for ends, whatever time it waited for."""
    keeper, calls = TimerThread(), []
    before = set(threading.enumerate())
    for key in range(3):
        keeper.call_at(time.monotonic() + 1000, key, lambda: calls.append("never"))
    (thread,) = set(threading.enumerate()) - before
    for key in range(3):
        keeper.drop(key)
    thread.join(LONG)

    assert not thread.is_alive()
    assert [] == calls
    done = threading.Event()
    keeper.call_at(time.monotonic(), "again", done.set)
    assert done.wait(LONG)


def test_15_2_no_thread_for_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread the caller is told, and the next call is kept all the same."""
    keeper, done = TimerThread(), threading.Event()
    with monkeypatch.context() as patch:

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            keeper.call_at(time.monotonic(), "lost", done.set)
    assert {} == keeper._alarms
    keeper.call_at(time.monotonic(), "kept", done.set)

    assert done.wait(LONG)
