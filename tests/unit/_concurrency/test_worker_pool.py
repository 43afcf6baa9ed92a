"""WorkerPool: jobs, their order, and the limits."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from support.jobs import Job
from support.leaks import join_all, library_threads
from support.moments import interrupt_starts
from support.waiting import wait_until
from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.sync import Signal
from urlrequest._concurrency.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0  # seconds; only a failing test waits that long


@pytest.fixture
def log() -> list[str]:
    """The names of the jobs in the order in which they began."""
    return []


@pytest.fixture(autouse=True)
def _quick_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers of these tests end soon, and have ended with the test."""
    before = library_threads()
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 0.02)
    yield
    join_all(library_threads() - before)


def finished(*jobs: Job) -> None:
    for job in jobs:
        job.go.set()
    for job in jobs:
        assert job.done.wait(PATIENCE), job.name


def begun(*jobs: Job) -> None:
    for job in jobs:
        assert job.begun.wait(PATIENCE), job.name


def let_go(*jobs: Job) -> None:
    for job in jobs:
        job.go.set()


def settled(workers: WorkerPool) -> None:
    """Let the workers come to the end of what they do after a job."""
    wait_until(lambda: not workers._running)


def test_a_job_is_done_on_a_daemon() -> None:
    """A job runs on a daemon thread with a name that says what it is."""
    workers, job = WorkerPool(1), Job()
    workers.submit(job)
    finished(job)

    assert job.thread is not None
    assert job.thread.daemon
    assert job.thread.name.startswith("urlrequest-worker-")


def test_who_is_told_finds_the_worker_free() -> None:
    """When a job is announced, its worker is free for the next one: no other thread is started for it."""
    workers, following = WorkerPool(1), Job()

    class Telling(Job):
        def announce(self) -> None:
            assert workers.submit(following)
            super().announce()

    first = Telling()
    workers.submit(first)
    finished(first, following)

    assert first.thread is following.thread


def test_17_9_limit_and_order() -> None:
    """Contract 17.9, invariant WORKER-2: at most so many jobs run; the others follow in the order of arrival."""
    workers, log = WorkerPool(2), []
    jobs = [Job(str(number), log, held=True) for number in range(6)]
    for job in jobs:
        workers.submit(job)
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
    before = library_threads()  # some may end meanwhile
    jobs = [Job(held=True) for _ in range(100)]
    for job in jobs:
        workers.submit(job)
    assert jobs[0].begun.wait(PATIENCE)

    assert {jobs[0].thread} == library_threads() - before
    finished(*jobs)
    settled(workers)


def test_worker_1_a_removed_job_is_never_done() -> None:
    """Invariant WORKER-1: a job that waits can be taken back, once; then no worker sees it."""
    workers, log = WorkerPool(1), []
    first, second, third = Job("1", log, held=True), Job("2", log), Job("3", log)
    for job in (first, second, third):
        workers.submit(job)

    assert [True, False] == [workers.remove(second), workers.remove(second)]
    finished(first, third)
    settled(workers)
    assert ["1", "3"] == log


def test_worker_1_a_job_with_a_worker_cannot_be_removed() -> None:
    """Invariant WORKER-1: a job that runs, or has run, or never came, cannot be taken back."""
    workers, job = WorkerPool(1), Job(held=True)
    assert not workers.remove(job)
    workers.submit(job)
    assert not workers.remove(job)
    finished(job)
    settled(workers)
    assert not workers.remove(job)


def test_worker_1_removing_takes_no_lock() -> None:
    """Invariant WORKER-1: removing works even where the thread that it interrupts holds the lock (a signal handler)."""
    workers = WorkerPool(1)
    first, second = Job(held=True), Job()
    workers.submit(first)
    workers.submit(second)
    with workers._lock:
        assert workers.remove(second)
    finished(first)
    settled(workers)


def test_workers_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that waits for work takes the next job; no other thread is started."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", PATIENCE)
    workers = WorkerPool(4)
    threads: list[Any] = []
    for _ in range(5):
        job = Job()
        workers.submit(job)
        finished(job)
        settled(workers)
        threads.append(job.thread)
    workers.shut_down()  # so that it ends with the test

    assert 1 == len(set(threads))


def test_a_worker_that_is_told_before_it_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds its task without a wait, and the signal for that ends no later wait."""
    worker = worker_pool._Worker(WorkerPool(1))
    worker.assign(None)
    assert worker.sleep(PATIENCE)
    worker.take_task()
    wait, waits = Signal.wait, list[bool]()

    def wait_and_be_told(signal: Signal, timeout: float | None) -> bool:
        if waits:  # the signal that was left has been used up
            worker.assign(None)
        waits.append(wait(signal, timeout))
        return waits[-1]

    monkeypatch.setattr(Signal, "wait", wait_and_be_told)

    assert worker.sleep(PATIENCE)
    assert [True, True] == waits


def test_idle_workers_end() -> None:
    """A worker with nothing to do for a while ends; the next job gets a new one."""
    workers = WorkerPool(1)
    for _ in range(2):
        job = Job()
        workers.submit(job)
        finished(job)
        assert job.thread is not None
        job.thread.join(PATIENCE)
        assert not job.thread.is_alive()
        assert [] == workers._idle


def test_a_job_in_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant WORKER-1: a job that is on its way to a worker in the moment in which it gives up waiting is done."""
    workers, late = WorkerPool(1), Job("late")
    is_chosen, sleeps_on = threading.Event(), threading.Event()
    sleep, assign = worker_pool._Worker.sleep, worker_pool._Worker.assign
    admission = threading.Thread(target=workers.submit, args=(late,))

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
        assign(worker, job)

    monkeypatch.setattr(worker_pool._Worker, "sleep", overtaken)
    monkeypatch.setattr(worker_pool._Worker, "assign", slow)
    workers.submit(Job("first"))
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
    workers.submit(job)
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
    """Fault 115: where the system gives no thread and nothing runs, submitting fails, and the slot is free again."""
    system = NoThreads(monkeypatch)
    workers, job = WorkerPool(1), Job()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        workers.submit(job)
    system.is_refusing = False
    workers.submit(job)

    finished(job)
    settled(workers)


def test_fault_115_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 115: where another job runs, a job that gets no thread waits behind it."""
    system = NoThreads(monkeypatch)
    workers, first, second = WorkerPool(5), Job(held=True), Job()
    system.is_refusing = False
    workers.submit(first)
    system.is_refusing = True
    workers.submit(second)
    assert 1 == workers._running

    finished(first, second)
    settled(workers)


def test_reset_after_fork() -> None:
    """In a forked child no worker, no job and no held lock is left; the limits stay."""
    workers = WorkerPool(1, 1)
    first, second = Job(held=True), Job()
    workers.submit(first)
    workers.submit(second)
    lost = WorkerPool(1, 1)
    lost.__dict__.update(workers.__dict__)
    with lost._lock:
        lost.reset_after_fork()
        third = Job()
        lost.submit(third)
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
        workers.submit(job)
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


def test_17_9_slots_without_a_worker_count_for_their_host(log: list[str]) -> None:
    """Contract 17.9, invariant WORKER-2: whoever has a slot alone counts for its host, also after the limit changes."""
    workers, jobs = WorkerPool(9), [Job(name, log, host=name[0]) for name in ("a1", "a2", "a3", "a4", "b1")]
    assert workers.take_slot(jobs[0])
    workers.change_limits(9, 2)
    assert workers.take_slot(jobs[1])
    assert not workers.take_slot(jobs[2])
    assert not workers.submit(jobs[2])
    assert workers.submit(jobs[4])
    finished(jobs[4])
    assert not jobs[2].begun.is_set()

    workers.return_slot(jobs[0])
    finished(jobs[2])
    settled(workers)
    workers.change_limits(9, None)
    assert workers.drop_slot(jobs[1])
    assert workers.take_slot(jobs[0])
    workers.change_limits(9, 1)
    assert not workers.take_slot(jobs[3])
    assert workers.run(jobs[0])
    finished(jobs[0])
    settled(workers)

    assert ["b1", "a3", "a1"] == log
    assert ({}, {}) == (workers._unmanned, workers._unmanned_at)


def test_17_9_a_limit_per_host_looks_at_no_other_job() -> None:
    """Contract 17.9: however many have a slot without a worker, the next one is compared with few of them."""

    class Host(str):
        compared = 0
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Host.compared += 1
            return str.__eq__(self, other)

    workers = WorkerPool(2000, 1500)
    for _ in range(1000):
        assert workers.take_slot(Job(host=Host("h")))
    Host.compared = 0
    assert workers.take_slot(Job(host=Host("h")))

    assert 0 < Host.compared < 10


def test_17_9_first_come_first_served_among_hosts() -> None:
    """Contract 17.9: of the jobs that may run the one that came first is next, whatever its host."""
    workers, log = WorkerPool(1), []
    first = Job("0", log, held=True)
    workers.submit(first)
    rest = [Job(str(number), log, host=host) for number, host in enumerate("abab", start=1)]
    for job in rest:
        workers.submit(job)
    finished(first, *rest)
    settled(workers)

    assert ["0", "1", "2", "3", "4"] == log


def test_17_9_limits_can_be_changed() -> None:
    """Contract 17.9: a higher limit takes effect at once, a lower one as jobs end."""
    workers = WorkerPool(1)
    jobs = [Job(str(number), held=True) for number in range(4)]
    for job in jobs:
        workers.submit(job)
    workers.change_limits(3, None)
    for job in jobs[:3]:
        assert job.begun.wait(PATIENCE)
    workers.change_limits(1, None)
    finished(*jobs[:2])
    assert not jobs[3].begun.is_set()

    finished(jobs[2], jobs[3])
    settled(workers)


def test_removed_jobs_are_not_kept() -> None:
    """Jobs that were removed while they waited do not pile up."""
    workers, first = WorkerPool(1), Job(held=True)
    workers.submit(first)
    for _ in range(1000):
        job = Job()
        workers.submit(job)
        workers.remove(job)

    assert len(workers._queue) < 100
    finished(first)
    settled(workers)


def test_17_9_a_full_host_holds_up_its_own_jobs_only(log: list[str]) -> None:
    """A host that is full holds up its own jobs only."""
    workers = WorkerPool(4, 1)
    first, second, third = (
        Job("a1", log, "a", held=True),
        Job("a2", log, "a", held=True),
        Job("b1", log, "b", held=True),
    )

    assert [True, False, True] == [workers.submit(job) for job in (first, second, third)]
    begun(first, third)
    assert not second.begun.is_set()
    let_go(first)
    begun(second)
    let_go(second, third)


def test_17_9_waiting_jobs_keep_their_order(log: list[str]) -> None:
    """First come, first served, by host and in all, whichever limit they waited for."""
    workers = WorkerPool(2, 1)
    running = [Job("a0", log, "a", held=True), Job("b0", log, "b", held=True)]
    waiting = [Job(name, log, name[0]) for name in ("a1", "a2", "b1", "a3", "b2")]
    for job in (*running, *waiting):
        workers.submit(job)
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
    a0, b0 = Job("a0", log, "a", held=True), Job("b0", log, "b", held=True)
    a1, b1 = Job("a1", log, "a", held=True), Job("b1", log, "b", held=True)
    late = Job("a2", log, "a", held=True)
    for job in (a0, b0, a1, b1):
        workers.submit(job)
    begun(a0, b0)
    let_go(b0)  # a1 is passed over, b1 runs
    begun(b1)
    workers.submit(late)
    let_go(a0)
    begun(a1)
    assert not late.begun.is_set()
    let_go(a1, b1, late)
    begun(late)


def test_17_9_removed_held_jobs(log: list[str]) -> None:
    """A job that was removed while its host was full blocks nobody."""
    workers = WorkerPool(2, 1)
    a0, b0 = Job("a0", log, "a", held=True), Job("b0", log, "b", held=True)
    held = [Job(f"a{number}", log, "a", held=True) for number in (1, 2, 3)]
    b1 = Job("b1", log, "b", held=True)
    for job in (a0, b0, *held, b1):
        workers.submit(job)
    begun(a0, b0)
    let_go(b0)
    begun(b1)
    assert workers.remove(held[0])
    assert workers.remove(held[1])
    assert not workers.remove(held[1])
    let_go(a0)
    begun(held[2])
    let_go(held[2], b1)

    assert not {"a1", "a2"} & set(log)


def test_17_9_raised_limit_holds_at_once(log: list[str]) -> None:
    """Jobs that wait begin when the limit is raised, in order."""
    workers = WorkerPool(1)
    jobs = [Job(str(number), log, held=True) for number in range(4)]
    for job in jobs:
        workers.submit(job)
    begun(jobs[0])
    workers.change_limits(3, None)
    begun(*jobs[:3])

    assert not jobs[3].begun.is_set()
    let_go(*jobs)
    begun(*jobs)


def test_17_9_raised_limit_per_host_holds_at_once(log: list[str]) -> None:
    """So do those that wait for their host."""
    workers = WorkerPool(4, 1)
    jobs = [Job(str(number), log, "a", held=True) for number in range(3)]
    for job in jobs:
        workers.submit(job)
    begun(jobs[0])
    workers.change_limits(4, None)
    begun(*jobs)
    let_go(*jobs)


def test_17_9_lowered_limit(log: list[str]) -> None:
    """What runs goes on; nothing new begins until fewer run than the limit allows."""
    workers = WorkerPool(3)
    jobs = [Job(str(number), log, held=True) for number in range(5)]
    for job in jobs:
        workers.submit(job)
    begun(*jobs[:3])
    workers.change_limits(1, None)
    let_go(jobs[0], jobs[1])
    wait_until(lambda: workers._running == 1)
    assert ["0", "1", "2"] == sorted(log)
    let_go(jobs[2])
    begun(jobs[3])
    assert not jobs[4].begun.is_set()
    let_go(*jobs)
    begun(jobs[4])


@pytest.mark.clock
def test_17_9_many_hosts_are_cheap() -> None:
    """Ten thousand jobs for as many hosts are taken in turn without looking at all of them each time."""
    workers, done = WorkerPool(1, 1), []

    class Short:
        until = None

        def __init__(self, number: int) -> None:
            self.host = f"host{number}"

        def run(self) -> None:
            done.append(self.host)

        def announce(self) -> None:
            pass

        def fail(self, error: BaseException) -> None:
            raise error

    first = Job("first", [], held=True)
    workers.submit(first)
    jobs = [Short(number) for number in range(10_000)]
    for job in jobs:
        workers.submit(job)
    began = time.process_time()  # what other programs do meanwhile does not count
    let_go(first)
    wait_until(lambda: len(done) == 10_000)

    assert time.process_time() - began < 5
    assert [job.host for job in jobs] == done


def test_host_is_asked_once(log: list[str]) -> None:
    """A job whose host changes while it runs (a subclass may have such an attribute) gives back the slot it took."""
    workers = WorkerPool(1, 1)
    first, second = Job("1", log, "a", held=True), Job("2", log, "a")
    workers.submit(first)
    begun(first)
    first.host = "b"
    workers.submit(second)
    let_go(first)
    begun(second)


def test_workers_of_a_pool_that_was_shut_down_end(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker ends at once, a busy one when it is done; none sleeps on for a session that is closed."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 3 * PATIENCE)
    workers = WorkerPool(2)
    idle, busy = Job("idle", log), Job("busy", log, held=True)
    before = library_threads()
    workers.submit(busy)
    workers.submit(idle)
    begun(busy, idle)
    wait_until(lambda: workers._idle)
    threads = library_threads() - before
    workers.shut_down()
    let_go(busy)

    join_all(threads)


def test_no_thread_for_a_raised_limit(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no more threads, a job waits for the worker that there is."""
    workers = WorkerPool(1)
    first, second = Job("1", log, held=True), Job("2", log)
    workers.submit(first)
    workers.submit(second)
    begun(first)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    workers.change_limits(2, None)
    assert not second.begun.is_set()
    let_go(first)
    begun(second)


@pytest.mark.parametrize("runs", [False, True])
def test_fault_119_ctrl_c_while_a_worker_starts(log: list[str], monkeypatch: pytest.MonkeyPatch, *, runs: bool) -> None:
    """Fault 119, invariant WORKER-1: the job runs once or not at all, and its slot is free in the end."""
    workers, job = WorkerPool(1), Job("1", log)
    with monkeypatch.context() as patch:
        interrupt_starts(patch, runs=runs)
        with pytest.raises(KeyboardInterrupt):
            workers.submit(job)
    settled(workers)
    following = Job("2", log)
    workers.submit(following)
    finished(following)

    assert log in (["2"], ["1", "2"])
    assert {} == workers._running_at


def test_17_9_a_free_slot_goes_to_who_waits(log: list[str]) -> None:
    """Contract 17.9: a request that comes as a slot is returned does not overtake those that wait for it."""
    workers, jobs = WorkerPool(1), [Job(name, log) for name in "123"]

    class NoisyLock:
        """The pool's lock; a job comes in the moment in which it is free for the first time."""

        def __init__(self, lock: threading.Lock) -> None:
            self._lock, self._jobs = lock, [jobs[2]]

        def __enter__(self) -> None:
            self._lock.acquire()

        def __exit__(self, *_: object) -> None:
            self._lock.release()
            if self._jobs:
                workers.submit(self._jobs.pop())

        def locked(self) -> bool:
            return self._lock.locked()

    assert workers.take_slot(jobs[0])
    assert not workers.submit(jobs[1])
    workers._lock = NoisyLock(workers._lock)  # type: ignore[assignment]
    workers.return_slot(jobs[0])
    finished(*jobs[1:])

    assert ["2", "3"] == log


def test_a_slot_that_another_job_waits_for() -> None:
    """A thread that must not start workers learns that the slot is waited for, and keeps it."""
    workers, first, second = WorkerPool(1, 1), Job(), Job()
    assert workers.take_slot(first)
    workers.submit(second)
    assert not workers.drop_slot(first)
    assert not second.begun.is_set()
    workers.return_slot(first)
    finished(second)
    settled(workers)

    assert workers.take_slot(first)
    assert workers.drop_slot(first)
    assert ({}, {}) == (workers._unmanned, workers._unmanned_at)


@pytest.mark.parametrize("is_held", [False, True])
def test_17_9_an_abandoned_pool_ends_its_idle_workers(monkeypatch: pytest.MonkeyPatch, is_held: bool) -> None:
    """Contract 17.9: the workers of a dropped session end at once, whatever thread holds the lock of their pool."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 1000.0)
    workers, job = WorkerPool(1), Job()
    workers.submit(job)
    finished(job)
    if is_held:
        with workers._lock:
            workers.abandon()
    else:
        workers.abandon()
    assert job.thread is not None
    job.thread.join(PATIENCE)

    assert not job.thread.is_alive()


def test_17_9_a_worker_that_comes_to_rest_as_its_pool_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.9: a worker that comes into the list of idle ones after the look at it ends as well."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 1000.0)
    workers, thread = WorkerPool(1), list[threading.Thread]()

    class Late(Job):
        def announce(self) -> None:  # its worker is in the list, and does not sleep yet
            thread.append(threading.current_thread())
            idle, workers._idle = workers._idle, []
            workers.abandon()
            workers._idle = idle

    workers.submit(Late())
    wait_until(lambda: bool(thread))
    thread[0].join(PATIENCE)

    assert not thread[0].is_alive()


def test_fault_119_ctrl_c_while_a_waiting_job_starts(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 119, invariant WORKER-1: a job that waits again is not run as well by the thread that was starting."""
    workers, first, second = WorkerPool(1), Job("1", log, held=True), Job("2", log)
    workers.submit(first)
    workers.submit(second)
    threads: list[threading.Thread] = []
    with monkeypatch.context() as patch:

        def interrupt(thread: threading.Thread) -> None:
            threads.append(thread)
            raise KeyboardInterrupt

        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            workers.change_limits(2, None)
    threads[0].start()  # it had started, and begins only now
    join_all(threads[:1])
    assert not second.begun.is_set()
    let_go(first)
    finished(second)
    settled(workers)

    assert (["1", "2"], {}) == (log, workers._running_at)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("is_waiting", [False, True])
def test_2_10_no_memory_to_take_a_job(
    log: list[str], monkeypatch: pytest.MonkeyPatch, *, moment: str, is_waiting: bool
) -> None:
    """Contract 2.10, invariant WORKER-2: the job ends, its slot is free, and the jobs that wait run."""
    workers, errors = WorkerPool(1), [MemoryError()]
    first, second = Job("1", log), Job("2", log)
    take_task = worker_pool._Worker.take_task
    may_fail = threading.Event()

    def take(worker: worker_pool._Worker) -> Any:
        assert may_fail.wait(PATIENCE)
        if moment == "after":
            take_task(worker)
        if errors:
            raise errors.pop()
        return take_task(worker) if moment == "before" else worker.task

    monkeypatch.setattr(worker_pool._Worker, "take_task", take)
    workers.submit(first)
    if is_waiting:
        workers.submit(second)
    may_fail.set()
    finished(first)
    if not is_waiting:
        workers.submit(second)
    finished(second)
    settled(workers)

    assert {"1 fails", "2"} == set(log)
    assert {} == workers._running_at


@pytest.mark.parametrize("step", ["run", "next_task", "leave", "announce"])
def test_2_10_no_memory_to_go_on(log: list[str], monkeypatch: pytest.MonkeyPatch, *, step: str) -> None:
    """Contract 2.10: the worker ends, what it has begun or was about to begin ends, and no slot is lost."""
    workers, errors = WorkerPool(1), [MemoryError()]
    jobs = [Job(name, log) for name in "123"]
    may_fail = threading.Event()

    def fail(*_: object) -> None:
        assert may_fail.wait(PATIENCE)
        if errors:
            raise errors.pop()

    if step == "next_task":
        next_task = workers.next_task
        monkeypatch.setattr(
            workers, "next_task", lambda *arguments, **options: (fail(), next_task(*arguments, **options))[1]
        )
    elif step == "leave":
        run = jobs[0].run
        monkeypatch.setattr(jobs[0], "run", lambda: (run(), True)[1])
        monkeypatch.setattr(jobs[0], "leave", fail, raising=False)
    else:
        method = getattr(jobs[0], step)
        monkeypatch.setattr(jobs[0], step, lambda: (fail(), method()))
    for job in jobs:
        workers.submit(job)
    may_fail.set()
    finished(*jobs)
    settled(workers)

    expected = {
        "run": {"1 fails", "2"},
        "next_task": {"1", "1 fails", "2"},
        "leave": {"1", "1 fails", "2"},
        "announce": {"1", "1 fails", "2 fails"},
    }
    assert {*expected[step], "3"} == set(log)
    assert ({}, {}, {}) == (workers._running_at, workers._unmanned, workers._waiting)
    monkeypatch.undo()
    following = Job("4", log)
    workers.submit(following)
    finished(following)
    workers.shut_down()  # so that its workers end with the test
