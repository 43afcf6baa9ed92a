"""Workers: at most so many requests run at once; the others wait in order, without a thread of their own.

A worker that has finished takes the next request, or sleeps for a while in the hope of one: waking it costs half of
what starting a thread costs. Which thread runs a request is the business of this module alone.

Thread safety. `_lock` guards `_running`, `_idle` and the way from `_waiting` to a worker; under it are assignments
only. `withdraw()` takes no lock, since a canceller may have interrupted a holder of it: removing a key from `_waiting`
is atomic.

Invariants:
    G1  A job is run once, or withdrawn; never both.
    G2  `_running` counts jobs that have a slot: taken by `admit()` or inherited from the job before, given back last of
    all.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import count
from typing import Protocol

from ._lifecycle import Flag

__all__ = ["Job", "Workers"]

IDLE_TIME = 10.0  # seconds a worker waits for another job before it ends


class Job(Protocol):
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
            job.work()
            job = None  # a sleeping worker keeps nothing alive
            job = self._workers.next_job(self)


class Workers:
    """Runs jobs on daemon threads, first come first served."""

    def __init__(self, limit: int) -> None:
        """Make an empty staff; threads start when they are needed.

        Args:
            limit: How many jobs run at a time.
        """
        self._lock = threading.Lock()
        self._limit = limit
        self._running = 0
        self._idle: list[_Worker] = []
        self._waiting: OrderedDict[Job, None] = OrderedDict()
        self._numbers = count(1)

    def admit(self, job: Job) -> None:
        """Have a job done now, or as soon as there is a slot.

        Raises:
            RuntimeError: The system gives no thread, and there is no other job behind which this one could wait.
        """
        worker = None
        with self._lock:
            if self._running >= self._limit:
                self._waiting[job] = None
                return
            self._running += 1
            if self._idle:
                worker = self._idle.pop()
        if worker is not None:
            worker.hand(job)
            return
        try:
            _Worker(self).start(job, f"urlrequest-worker-{next(self._numbers)}")
        except RuntimeError:
            with self._lock:
                self._running -= 1
                if not self._running:
                    raise
                self._waiting[job] = None

    def withdraw(self, job: Job) -> bool:
        """Take back a job that waits; False when it has a worker already, or had one. Any thread; never blocks."""
        try:
            del self._waiting[job]
        except KeyError:
            return False
        return True

    def next_job(self, worker: _Worker) -> Job | None:
        """What a worker does next: a waiting job, or one that comes while it sleeps; None: end the thread."""
        with self._lock:
            try:
                return self._waiting.popitem(last=False)[0]
            except KeyError:
                self._running -= 1
                self._idle.append(worker)
        if worker.sleep(IDLE_TIME):
            return worker.take()
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                return None
        worker.sleep(None)  # a job was handed over in the very last moment
        return worker.take()

    def forget(self) -> None:
        """Start afresh. In a forked child, where no worker lives on."""
        self.__init__(self._limit)  # type: ignore[misc]  # everything is as new
