"""Workers: at most so many requests run at once; the others wait in order, without a thread of their own.

A worker that has finished takes the next request, or sleeps for a while in the hope of one: waking it costs half of
what starting a thread costs. Which thread runs a request is the business of this module alone.

Thread safety. `_lock` guards the counts, `_idle` and the way from `_waiting` to a worker; under it are assignments
only. `withdraw()` takes no lock, since a canceller may have interrupted a holder of it: removing a key is atomic.

Invariants:
    G1  A job is run once, or withdrawn; never both.
    G2  `_running` counts jobs that have a slot, `_running_at` the same by host: taken by `admit()` or by the worker
        that goes on, given back last of all.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import count
from typing import Protocol

from ._lifecycle import Flag

__all__ = ["Job", "Workers"]

IDLE_TIME = 10.0  # seconds a worker waits for another job before it ends


class Job(Protocol):
    """A request that waits for a worker."""

    @property
    def host(self) -> str:
        """What the limit per host goes by."""
        ...

    def work(self) -> None:
        """Do the job, on a worker. Must not raise."""
        ...


class _Worker:
    """A thread and the bell that wakes it."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._job: Job | None = None
        self._bell = Flag()  # clear: there is a job
        self._bell.set()

    def start(self, job: Job, name: str) -> None:
        """Begin the thread with its first job. Raises RuntimeError when the system gives no more threads."""
        self._job = job
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def hand(self, job: Job) -> None:
        """Give a sleeping worker its next job."""
        self._job = job
        self._bell.clear()

    def sleep(self, timeout: float | None) -> bool:
        """Wait for a job; False when none came in time."""
        return self._bell.wait_to_set(timeout)

    def take(self) -> Job | None:
        job, self._job = self._job, None
        return job

    def _run(self) -> None:
        job = self.take()
        while job is not None:
            host = job.host
            job.work()
            job = None  # a sleeping worker keeps nothing alive
            job = self._workers.next_job(self, host)


class Workers:
    """Runs jobs on daemon threads, first come first served."""

    def __init__(self, limit: int, limit_per_host: int | None = None) -> None:
        """Make an empty staff; threads start when they are needed.

        Args:
            limit: How many jobs run at a time.
            limit_per_host: How many of them for one host; None: as many as there are.
        """
        self._lock = threading.Lock()
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._running = 0
        self._running_at: dict[str, int] = {}
        self._idle: list[_Worker] = []
        self._waiting: dict[Job, None] = {}  # those that nobody has withdrawn
        self._lines: dict[str, deque[tuple[int, Job]]] = {}  # by host; may still hold some that were withdrawn
        self._arrivals = count()
        self._numbers = count(1)

    def admit(self, job: Job) -> bool:
        """Have a job done now, or as soon as there is a slot.

        Returns:
            Whether it has a slot already.
        Raises:
            RuntimeError: The system gives no thread, and there is no other job behind which this one could wait.
        """
        with self._lock:
            if not self._take_slot(job.host):
                self._line_up(job)
                return False
            worker = self._idle.pop() if self._idle else None
        return self._set_to_work(worker, job)

    def _has_slot(self, host: str) -> bool:
        has_host_slot = self._limit_per_host is None or self._running_at.get(host, 0) < self._limit_per_host
        return self._running < self._limit and has_host_slot

    def _take_slot(self, host: str) -> bool:
        assert self._lock.locked()
        if not self._has_slot(host):
            return False
        self._running += 1
        self._running_at[host] = self._running_at.get(host, 0) + 1
        return True

    def _return_slot(self, host: str) -> None:
        assert self._lock.locked()
        self._running -= 1
        self._running_at[host] -= 1
        if not self._running_at[host]:
            del self._running_at[host]

    def _line_up(self, job: Job) -> None:
        assert self._lock.locked()
        line = self._lines.setdefault(job.host, deque())
        self._waiting[job] = None
        line.append((next(self._arrivals), job))
        if len(line) > 2 * len(self._waiting) + 64:  # mostly withdrawn ones
            self._lines[job.host] = deque(entry for entry in line if entry[1] in self._waiting)

    def _set_to_work(self, worker: _Worker | None, job: Job) -> bool:
        if worker is not None:
            worker.hand(job)
            return True
        try:
            _Worker(self).start(job, f"urlrequest-worker-{next(self._numbers)}")
        except RuntimeError:
            with self._lock:
                self._return_slot(job.host)
                if not self._running:
                    raise
                self._line_up(job)
            return False
        return True

    def withdraw(self, job: Job) -> bool:
        """Take back a job that waits; False when it has a worker already, or had one. Any thread; never blocks."""
        try:
            del self._waiting[job]
        except KeyError:
            return False
        return True

    def next_job(self, worker: _Worker, host: str) -> Job | None:
        """What a worker does next: a waiting job, or one that comes while it sleeps; None: end the thread.

        Args:
            host: Of the job that is done.
        """
        with self._lock:
            self._return_slot(host)
            job = self._pop_waiting()
            if job is not None:
                return job
            self._idle.append(worker)
        if worker.sleep(IDLE_TIME):
            return worker.take()
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                return None
        worker.sleep(None)  # a job was handed over in the very last moment
        return worker.take()

    def _pop_waiting(self) -> Job | None:
        """The first waiting job whose host has a slot; it has the slot then."""
        assert self._lock.locked()
        while self._running < self._limit:
            free = [(line[0][0], host) for host, line in self._lines.items() if self._has_slot(host)]
            if not free:
                return None
            host = min(free)[1]
            job = self._lines[host].popleft()[1]
            if not self._lines[host]:
                del self._lines[host]
            if self.withdraw(job):
                self._take_slot(host)
                return job
        return None

    def change_limits(self, limit: int, limit_per_host: int | None) -> None:
        """Let more or fewer jobs run from now on; those that run go on."""
        with self._lock:
            self._limit, self._limit_per_host = limit, limit_per_host
        self._fill_slots()

    def _fill_slots(self) -> None:
        while True:
            with self._lock:
                job = self._pop_waiting()
                worker = self._idle.pop() if job is not None and self._idle else None
            if job is None or not self._set_to_work(worker, job):
                return

    def forget(self) -> None:
        """Start afresh. In a forked child, where no worker lives on."""
        self.__init__(self._limit, self._limit_per_host)  # type: ignore[misc]  # everything is as new
