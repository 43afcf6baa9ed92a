from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0  # seconds; only a failing test waits that long


class Job:
    """Work that says when it has begun, and ends when it is told to."""

    def __init__(self, name: str = "", log: list[str] | None = None, *, host: str = "h", held: bool = False) -> None:
        self.name, self.log, self.host = name, [] if log is None else log, host
        self.begun, self.go, self.done = threading.Event(), threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        if not held:
            self.go.set()

    def work(self) -> None:
        self.thread = threading.current_thread()
        self.log.append(self.name)
        self.begun.set()
        assert self.go.wait(PATIENCE)

    def tell(self) -> None:
        self.done.set()


@pytest.fixture(autouse=True)
def _quick_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """WorkerPool of these tests end soon, and have ended with the test."""
    before = set(threading.enumerate())
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 0.02)
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def finished(*jobs: Job) -> None:
    for job in jobs:
        job.go.set()
    for job in jobs:
        assert job.done.wait(PATIENCE), job.name


def settled(workers: WorkerPool) -> None:
    """Let the workers come to the end of what they do after a job."""
    for _ in range(int(PATIENCE * 1000)):
        if not workers._running:
            return
        threading.Event().wait(0.001)
    raise AssertionError("a slot was not given back")


def test_a_job_is_done_on_a_daemon() -> None:
    """A job runs on a daemon thread with a name that tells what it is."""
    workers, job = WorkerPool(1), Job()
    workers.admit(job)
    finished(job)

    assert job.thread is not None
    assert job.thread.daemon
    assert job.thread.name.startswith("urlrequest-worker-")


def test_who_is_told_finds_the_worker_free() -> None:
    """Whoever hears that a job is done may hand its worker the next one: no other thread is started for it."""
    workers, following = WorkerPool(1), Job()

    class Telling(Job):
        def tell(self) -> None:
            assert workers.admit(following)
            super().tell()

    first = Telling()
    workers.admit(first)
    finished(first, following)

    assert first.thread is following.thread


def test_17_9_limit_and_order() -> None:
    """Contract 17.9, invariant G2: at most so many jobs run; the others follow in the order in which they came."""
    workers, log = WorkerPool(2), []
    jobs = [Job(str(number), log, held=True) for number in range(6)]
    for job in jobs:
        workers.admit(job)
    for job in jobs[:2]:
        assert job.begun.wait(PATIENCE)
    assert 2 == len(log) == workers._running
    for number, job in enumerate(jobs):
        job.go.set()
        assert job.done.wait(PATIENCE)
        if number + 2 < len(jobs):
            assert jobs[number + 2].begun.wait(PATIENCE)
            assert 2 == workers._running
    settled(workers)

    assert sorted(log[:2]) == ["0", "1"]
    assert ["2", "3", "4", "5"] == log[2:]


def test_17_9_waiting_jobs_have_no_thread() -> None:
    """Contract 17.9: jobs beyond the limit wait without a thread."""
    workers = WorkerPool(1)
    before = set(threading.enumerate())  # some may end meanwhile
    jobs = [Job(held=True) for _ in range(100)]
    for job in jobs:
        workers.admit(job)
    assert jobs[0].begun.wait(PATIENCE)

    assert {jobs[0].thread} == set(threading.enumerate()) - before
    finished(*jobs)
    settled(workers)


def test_g1_a_withdrawn_job_is_never_done() -> None:
    """Invariant G1: a job that waits can be taken back, once; then no worker sees it."""
    workers, log = WorkerPool(1), []
    first, second, third = Job("1", log, held=True), Job("2", log), Job("3", log)
    for job in (first, second, third):
        workers.admit(job)

    assert [True, False] == [workers.withdraw(second), workers.withdraw(second)]
    finished(first, third)
    settled(workers)
    assert ["1", "3"] == log


def test_g1_a_job_with_a_worker_cannot_be_withdrawn() -> None:
    """Invariant G1: a job that runs, or has run, or never came, cannot be taken back."""
    workers, job = WorkerPool(1), Job(held=True)
    assert not workers.withdraw(job)
    workers.admit(job)
    assert not workers.withdraw(job)
    finished(job)
    settled(workers)
    assert not workers.withdraw(job)


def test_g1_withdrawing_takes_no_lock() -> None:
    """Invariant G1: withdrawing works even where the thread that it interrupts holds the lock (a signal handler)."""
    workers = WorkerPool(1)
    first, second = Job(held=True), Job()
    workers.admit(first)
    workers.admit(second)
    with workers._lock:
        assert workers.withdraw(second)
    finished(first)
    settled(workers)


def test_workers_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that waits for work takes the next job; no other thread is started."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", PATIENCE)
    workers = WorkerPool(4)
    threads: list[Any] = []
    for _ in range(5):
        job = Job()
        workers.admit(job)
        finished(job)
        settled(workers)
        threads.append(job.thread)
    workers.dismiss()  # so that it ends with the test

    assert 1 == len(set(threads))


def test_idle_workers_end() -> None:
    """A worker with nothing to do for a while ends; the next job gets a new one."""
    workers = WorkerPool(1)
    for _ in range(2):
        job = Job()
        workers.admit(job)
        finished(job)
        assert job.thread is not None
        job.thread.join(PATIENCE)
        assert not job.thread.is_alive()
        assert [] == workers._idle


def test_a_job_in_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant G1: a job that is on its way to a worker in the moment in which it gives up waiting is done."""
    workers, late = WorkerPool(1), Job("late")
    is_chosen, sleeps_on = threading.Event(), threading.Event()
    sleep, hand = worker_pool._Worker.sleep, worker_pool._Worker.hand
    admission = threading.Thread(target=workers.admit, args=(late,))

    def overtaken(worker: Any, timeout: float | None) -> bool:
        if admission.ident is None:
            admission.start()
            assert is_chosen.wait(PATIENCE)  # it is off the list of idle ones, and has nothing yet
            return False  # but its patience is over
        sleeps_on.set()
        return sleep(worker, timeout)

    def slow(worker: Any, job: Any) -> None:
        is_chosen.set()
        assert sleeps_on.wait(PATIENCE)
        hand(worker, job)

    monkeypatch.setattr(worker_pool._Worker, "sleep", overtaken)
    monkeypatch.setattr(worker_pool._Worker, "hand", slow)
    workers.admit(Job("first"))
    finished(late)
    admission.join()
    settled(workers)

    assert (0, {}) == (workers._running, workers._waiting)


def test_3_7_idle_workers_keep_nothing_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 3.7: a worker that waits for work holds on to nothing of the job before."""
    is_asleep, may_end = threading.Event(), threading.Event()

    def held(worker: Any, timeout: float | None) -> bool:
        is_asleep.set()
        assert may_end.wait(PATIENCE)
        return False

    monkeypatch.setattr(worker_pool._Worker, "sleep", held)
    workers, job = WorkerPool(1), Job()
    died = threading.Event()
    weakref.finalize(job, died.set)
    workers.admit(job)
    finished(job)
    assert is_asleep.wait(PATIENCE)
    del job
    gc.collect()

    assert died.is_set()
    may_end.set()


class NoThreads:
    """Has the system refuse threads to the workers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_refusing = True
        start = threading.Thread.start

        def maybe(thread: threading.Thread) -> None:
            if self.is_refusing and thread.name.startswith("urlrequest-worker"):
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", maybe)


def test_fault_115_no_thread_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 115: where the system gives no thread and nothing runs, admitting fails, and the slot is free again."""
    system = NoThreads(monkeypatch)
    workers, job = WorkerPool(1), Job()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        workers.admit(job)
    system.is_refusing = False
    workers.admit(job)

    finished(job)
    settled(workers)


def test_fault_115_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 115: where another job runs, a job that gets no thread waits behind it."""
    system = NoThreads(monkeypatch)
    workers, first, second = WorkerPool(5), Job(held=True), Job()
    system.is_refusing = False
    workers.admit(first)
    system.is_refusing = True
    workers.admit(second)
    assert 1 == workers._running

    finished(first, second)
    settled(workers)


def test_forget() -> None:
    """In a forked child no worker, no job and no held lock is left; the limits stay."""
    workers = WorkerPool(1, 1)
    first, second = Job(held=True), Job()
    workers.admit(first)
    workers.admit(second)
    lost = WorkerPool(1, 1)
    lost.__dict__.update(workers.__dict__)
    with lost._lock:
        lost.forget()
        third = Job()
        lost.admit(third)
        finished(third)
    finished(first, second)
    settled(workers)
    settled(lost)


# Limits per host


def test_17_9_limit_per_host() -> None:
    """Contract 17.9: at most so many jobs of one host run; those of another host go past the ones that wait."""
    workers, log = WorkerPool(3, 1), []
    slow = [Job(f"a{number}", log, host="a", held=True) for number in range(3)]
    other = Job("b", log, host="b", held=True)
    for job in (*slow, other):
        workers.admit(job)
    assert other.begun.wait(PATIENCE)
    assert {"a0", "b"} == set(log)

    for number, job in enumerate(slow):
        job.go.set()
        assert job.done.wait(PATIENCE)
        if number < 2:
            assert slow[number + 1].begun.wait(PATIENCE)
    finished(other)
    settled(workers)
    assert {} == workers._running_at


def test_17_9_first_come_first_served_among_hosts() -> None:
    """Contract 17.9: of the jobs that may run the one that came first is next, whatever its host."""
    workers, log = WorkerPool(1), []
    first = Job("0", log, held=True)
    workers.admit(first)
    rest = [Job(str(number), log, host=host) for number, host in enumerate("abab", start=1)]
    for job in rest:
        workers.admit(job)
    finished(first, *rest)
    settled(workers)

    assert ["0", "1", "2", "3", "4"] == log


def test_17_9_limits_can_be_changed() -> None:
    """Contract 17.9: a higher limit takes effect at once, a lower one as jobs end."""
    workers = WorkerPool(1)
    jobs = [Job(str(number), held=True) for number in range(4)]
    for job in jobs:
        workers.admit(job)
    workers.change_limits(3, None)
    for job in jobs[:3]:
        assert job.begun.wait(PATIENCE)
    workers.change_limits(1, None)
    finished(*jobs[:2])
    assert not jobs[3].begun.is_set()

    finished(jobs[2], jobs[3])
    settled(workers)


def test_withdrawn_jobs_are_not_kept() -> None:
    """Jobs that were withdrawn while they waited do not pile up."""
    workers, first = WorkerPool(1), Job(held=True)
    workers.admit(first)
    for _ in range(1000):
        job = Job()
        workers.admit(job)
        workers.withdraw(job)

    assert len(workers._line) < 100
    finished(first)
    settled(workers)
