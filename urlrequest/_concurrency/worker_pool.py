"""WorkerPool: at most so many requests run at once; the others wait in order, without a thread of their own.

A worker that has finished takes the next request, or sleeps for a while in the hope of one: waking it costs a tenth of
what starting a thread costs. Which thread runs a request is the business of this module alone.

Thread safety. `_lock` guards the counts, `_idle`, `_line` and `_held`; under it are assignments only. `withdraw()`
takes no lock, since a canceller may have interrupted a holder of it: taking a key out of `_waiting` is atomic, and
whoever got it out has the job.

Invariants:
    G1  A job is run once, or withdrawn; never both.
    G2  `_running` counts jobs that have a slot, `_running_at` the same by host: taken by `admit()` or by the worker
        that goes on, given back when the job is done, before anybody is told so.
    G3  A host with jobs in `_held` has no more free slots than it has places in `_line`: a slot that comes free, and a
        place that turns out to be empty, each bring one of them back. So the first in the line is the next to run.
"""

from __future__ import annotations

import threading
from heapq import heapify, heappop, heappush
from itertools import chain, count

from .sync import Signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Job(Protocol):
        """A request that waits for a worker."""

        @property
        def host(self) -> str:
            """What the limit per host goes by; asked once."""
            ...

        def work(self) -> None:
            """Do the job, on a worker, with whatever may take its time. Must not raise."""
            ...

        def tell(self) -> None:
            """Say that it is done, on its worker, which is free then: whoever hears of it may use that at once."""
            ...


__all__ = ["WorkerPool"]

IDLE_TIME = 10.0  # seconds a worker waits for another job before it ends
SPARE_PLACES = 64  # empty ones that are not worth tidying up


class _Task:
    """A job and its place in the line, empty once the job was withdrawn: nothing keeps a cancelled request alive.

    Attributes:
        arrival: Its number in the order of arrivals.
    """

    __slots__ = ("arrival", "host", "job")

    def __init__(self, job: Job, arrival: int) -> None:
        self.job: Job | None = job
        self.host = job.host
        self.arrival = arrival


class _Worker:
    """A thread and the bell that wakes it."""

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers
        self._task: _Task | None = None
        self._signal = Signal()  # there is a task, or it is time to end

    def start(self, task: _Task, name: str) -> None:
        """Begin the thread with its first task. Raises RuntimeError when the system gives no more threads."""
        self._task = task
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def hand(self, task: _Task | None) -> None:
        """Give a sleeping worker its next task; None: let it end."""
        self._task = task
        self._signal.notify()

    def sleep(self, timeout: float | None) -> bool:
        """Wait to be handed something; False when nothing came in time."""
        return self._signal.wait(timeout)

    def take(self) -> _Task | None:
        task, self._task = self._task, None
        return task

    def _run(self) -> None:
        task = self.take()
        while task is not None:
            host, job = task.host, task.job
            assert job is not None, "what has a slot is not withdrawn"
            job.work()
            task = self._workers.next_task(self, host)
            job.tell()
            job = None  # a sleeping worker keeps nothing alive
            if task is None:
                task = self._workers.await_task(self)


class WorkerPool:
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
        self._is_dismissed = False
        self._waiting: dict[Job, _Task] = {}  # those that nobody has withdrawn
        self._line: list[tuple[int, _Task]] = []  # a heap, by arrival
        self._held: dict[str, list[tuple[int, _Task]]] = {}  # heaps of those whose turn came when their host was full
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
            task = _Task(job, next(self._arrivals))
            if not self._has_slot(task.host):
                self._line_up(task)
                return False
            self._take_slot(task.host)
            worker = self._idle.pop() if self._idle else None
        return self._set_to_work(worker, task)

    def _has_slot(self, host: str) -> bool:
        if self._running >= self._limit:
            return False
        return self._limit_per_host is None or self._running_at.get(host, 0) < self._limit_per_host

    def _take_slot(self, host: str) -> None:
        self._running += 1
        self._running_at[host] = self._running_at.get(host, 0) + 1

    def _return_slot(self, host: str) -> None:
        self._running -= 1
        self._running_at[host] -= 1
        if not self._running_at[host]:
            del self._running_at[host]
        if self._held:
            self._recall(host)

    def _line_up(self, task: _Task) -> None:
        assert self._lock.locked()
        assert task.job is not None, "nobody can have withdrawn what was not in the line"
        self._waiting[task.job] = task
        heappush(self._line, (task.arrival, task))
        places = len(self._line) + sum(map(len, self._held.values()))
        if places > 2 * len(self._waiting) + SPARE_PLACES:
            self._tidy_line()

    def _tidy_line(self) -> None:
        """Bring all that wait into one line, without the empty places."""
        assert self._lock.locked()
        self._line = [entry for entry in chain(self._line, *self._held.values()) if entry[1].job is not None]
        heapify(self._line)
        self._held.clear()

    def _set_to_work(self, worker: _Worker | None, task: _Task) -> bool:
        """Have a task done, by a new thread if nobody is idle; False: there is none, and the task waits."""
        if worker is None:
            try:
                _Worker(self).start(task, f"urlrequest-worker-{next(self._numbers)}")
            except RuntimeError:
                with self._lock:
                    worker = self._idle.pop() if self._idle else None  # one may have come free meanwhile
                    if worker is None:
                        self._return_slot(task.host)
                        if not self._running:
                            raise
                        self._line_up(task)
                        return False
            else:
                return True
        worker.hand(task)
        return True

    def withdraw(self, job: Job) -> bool:
        """Take back a job that waits; False when it has a worker already, or had one. Any thread; never blocks."""
        task = self._waiting.pop(job, None)
        if task is None:
            return False
        task.job = None
        return True

    def next_task(self, worker: _Worker, host: str) -> _Task | None:
        """Return a worker's slot; a job that waits for it. None: there is none, so the worker is free from now on.

        Args:
            host: Of the job that is done.
        """
        with self._lock:
            self._return_slot(host)
            task = self._pop_waiting() if self._line else None
            if task is None and not self._is_dismissed:
                self._idle.append(worker)
                return None
        if task is None:
            worker.hand(None)
        return task

    def await_task(self, worker: _Worker) -> _Task | None:
        """What a free worker does next; None: end the thread."""
        if worker.sleep(IDLE_TIME):
            return worker.take()
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                return None
        worker.sleep(None)  # a task was handed over in the very last moment
        return worker.take()

    def _pop_waiting(self) -> _Task | None:
        """The first waiting job whose host has a slot; it has the slot then."""
        assert self._lock.locked()
        while self._line and self._running < self._limit:
            entry = heappop(self._line)
            task, job = entry[1], entry[1].job
            if job is not None and not self._has_slot(task.host):
                heappush(self._held.setdefault(task.host, []), entry)
            elif job is not None and self._waiting.pop(job, None) is not None:
                self._take_slot(task.host)
                return task
            else:
                self._recall(task.host)
        return None

    def _recall(self, host: str) -> None:
        """Bring the first that is held for a host back into the line (G3)."""
        assert self._lock.locked()
        held = self._held.get(host)
        while held:
            entry = heappop(held)
            if entry[1].job is not None:
                heappush(self._line, entry)
                break
        if held is not None and not held:
            del self._held[host]

    def change_limits(self, limit: int, limit_per_host: int | None) -> None:
        """Let more or fewer jobs run from now on; those that run go on."""
        with self._lock:
            self._limit, self._limit_per_host = limit, limit_per_host
            self._tidy_line()
        self._fill_slots()

    def _fill_slots(self) -> None:
        while True:
            with self._lock:
                task = self._pop_waiting()
                worker = self._idle.pop() if task is not None and self._idle else None
            if task is None:
                return
            try:
                is_running = self._set_to_work(worker, task)
            except RuntimeError:
                # The next job that comes or ends takes it along.
                with self._lock:
                    self._line_up(task)
                return
            if not is_running:
                return

    def dismiss(self) -> None:
        """Let the idle workers end now, and the others when they have nothing more to do."""
        with self._lock:
            self._is_dismissed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.hand(None)

    def forget(self) -> None:
        """Start afresh. In a forked child, where no worker lives on."""
        self.__init__(self._limit, self._limit_per_host)  # type: ignore[misc]  # everything is as new
