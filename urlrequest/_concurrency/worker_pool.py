"""WorkerPool: runs a limited number of jobs at once; the others wait in order, without a thread of their own.

A worker that has finished a job takes the next one, or sleeps for a while in case one comes: waking it costs a tenth of
what starting a thread costs. Only this module knows which thread runs a job. A job that only waits may leave its
worker, and keeps its slot: thousands of them need no threads.

Thread safety. `_lock` guards the counts, `_idle`, `_queue` and `_held_by_host`; under it are assignments only.
`remove()` takes no lock, since a canceller may have interrupted the thread that holds it (in a signal handler): taking
a key out of `_waiting` is atomic, and the thread that gets the key out has the job.

Ctrl-C may come to a caller, in each call it makes. So whatever leaves a container is noted by the next assignment,
which is no call; and a caller that is interrupted puts back what it has noted, brings the queue in order from
`_waiting`, and starts what can start (`_recover()`).

Invariants:
    WORKER-1  A job is either run once or removed; never both.
    WORKER-2  `_running` counts jobs that have a slot and a worker, `_running_at` the same by host; `_unmanned` holds
              those that have a slot alone, and `_unmanned_at` the same by host while there is a limit per host. A job
              leaves `_unmanned` last, so that who was interrupted may take it out again. A slot is taken by `submit()`,
              by `take_slot()`, or by a worker that goes on to the next job, and given back when the job is done, before
              that is announced. A job that leaves its worker has its slot throughout.
    WORKER-3  A host with jobs in `_held_by_host` has no more free slots than it has entries in `_queue`: when a slot
              comes free, or a queued entry proves empty, one held job moves back to the queue. So jobs start in the
              order of their arrival.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count

from .sync import NoThreadError, ScopedLock, Signal, snapshot, start_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Job(Protocol):
        """What a worker does."""

        @property
        def host(self) -> str:
            """What the limit per host counts by; read once."""
            ...

        @property
        def until(self) -> float | None:
            """When it is too late to start a thread for it, on `time.monotonic()`; None: never."""
            ...

        def run(self) -> bool:
            """Do the job on a worker, with everything that may take long. Must not raise.

            Returns:
                Whether the job goes on without the worker: `leave()` comes next, and no `announce()`.
            """
            ...

        def leave(self) -> None:
            """Go on without the worker, which is free by then. The job has a slot until `return_slot()` or `run()`."""
            ...

        def announce(self) -> None:
            """Announce that the job is done. Its worker is free again by then, for a job that this submits."""
            ...

        def fail(self, error: BaseException) -> None:
            """End the job, run or not, and announce that: its worker had no memory to do so."""
            ...


__all__ = ["WorkerPool"]

IDLE_TIME = 10.0  # seconds a worker waits for another job before it ends
CROWD = 16  # jobs; fewer may have a worker each, also while they wait
MAX_EMPTY = 64  # entries of removed jobs that stay in the queue until it is compacted


class _Task:
    """A job and its place in the queue. Once the job was removed it is empty, so that it keeps no request alive.

    Attributes:
        arrival: Its number in the order of arrival.
        has_slot: It counts in `WorkerPool._running`.
        worker: The idle worker that is to run it; None: a new one.
        claims: The worker that takes the one item runs the job; a thread that takes it takes the job back.
    """

    __slots__ = ("arrival", "claims", "has_slot", "host", "job", "worker")

    def __init__(self, job: Job, arrival: int) -> None:
        self.job: Job | None = job
        self.host: str = job.host
        self.arrival: int = arrival
        self.has_slot: bool = False
        self.worker: _Worker | None = None
        self.claims: list[bool] = [True]


class _Worker:
    """A thread and the signal that wakes it.

    Attributes:
        task: What it is to do, or does; its slot is the task's. Written by who hands it over, then by the thread alone.
        job: What it has begun, and has not announced yet.
        popped: A task that is leaving the queue for it.
        is_idle: It has announced its last job, or is about to, and awaits a task. Set under the pool's lock.
        is_told: `assign()` was called, and the thread has not noticed that yet.
        lost: The jobs that it is to end, once it had no memory to go on.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self.task: _Task | None = None
        self.job: Job | None = None
        self.popped: list[_Task] = []
        self.is_idle = self.is_told = False
        self.lost: list[Job] = []
        self._error: BaseException | None = None
        self._signal = Signal()  # there is a task, or it is time to end

    def start(self, task: _Task, name: str) -> None:
        """Start the thread with its first task, or raise NoThreadError."""
        self.task = task
        assert task.job is not None, "a job that has a slot cannot be removed"
        start_thread(self._run, name, until=task.job.until)

    def assign(self, task: _Task | None) -> None:
        """Wake a sleeping worker for its next task; None: end the thread."""
        self.task, self.is_told = task, True
        self._signal.notify()

    def sleep(self, timeout: float | None) -> bool:
        """Wait for `assign()`; False when it was not called in time."""
        while not self.is_told and self._signal.wait(timeout):
            pass  # the signal may be that of a task which the thread has found without a wait
        return self.is_told

    def take_task(self) -> _Task | None:
        self.is_idle = self.is_told = False
        if self.task is not None:
            try:
                self.task.claims.pop()
            except IndexError:
                self.task = None  # it was taken back, after Ctrl-C
        return self.task

    def _run(self) -> None:
        """Do one job after the other. Called again if the end of those that lack memory lacks it, too."""
        try:
            if self._error is None:
                self._work()
        except BaseException as error:  # noqa: BLE001 - MemoryError, where no job sees to it
            self._error = error
        if self._error is not None:
            self._pool.give_up(self, self._error)

    def _work(self) -> None:
        task = self.take_task()
        while task is not None:
            self.job = task.job
            assert self.job is not None, "a job that has a slot cannot be removed"
            has_left = self.job.run()
            task = self._pool.next_task(self, task, has_left=has_left)
            if has_left:
                self.job.leave()
            else:
                self.job.announce()
            self.job = None  # a sleeping worker keeps nothing alive
            if task is None:
                task = self._pool.await_task(self)


class WorkerPool:
    """Runs jobs on daemon threads, first come first served."""

    def __init__(self, limit: int, limit_per_host: int | None = None) -> None:
        """Create the pool; threads start on demand.

        Args:
            limit: How many jobs run at a time.
            limit_per_host: How many of them for one host; None: as many as there are.
        """
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._reset()

    def _reset(self) -> None:
        self._lock = ScopedLock()
        self._running = 0
        self._running_at: dict[str, int] = {}
        self._unmanned: dict[Job, str] = {}  # jobs that have a slot and need no worker so far, and their hosts
        self._unmanned_at: dict[str, dict[Job, bool]] = {}  # by host; kept for a limit per host only
        self._idle: list[_Worker] = []
        self._is_shut_down = False
        self._waiting: dict[Job, _Task] = {}  # jobs without a slot that were not removed
        self._queue: list[tuple[int, _Task]] = []  # a heap, by arrival
        # Heaps of the jobs whose turn came when their host had no free slot.
        self._held_by_host: dict[str, list[tuple[int, _Task]]] = {}
        self._arrivals = count()
        self._numbers = count(1)

    def submit(self, job: Job) -> bool:
        """Run a job now, or as soon as there is a slot.

        Returns:
            Whether it has a slot already.
        Raises:
            NoThreadError: There is no thread for it, and no other job runs whose worker could take this one over.
        """
        task = None
        try:
            with self._lock:
                task = _Task(job, next(self._arrivals))
                if not self._has_slot(task.host):
                    self._enqueue(task)
                    return False
                self._take_slot(task)
                self._choose_worker(task)
            return self._start(task)
        except BaseException:  # Ctrl-C: the job is not run, unless it runs already
            if task is not None:
                self._take_back(task)
            self._recover()
            raise

    def _take_back(self, task: _Task) -> bool:
        """Take a job back from the worker that was to run it, with its slot; False: it runs, or has run."""
        with self._lock:
            if not task.has_slot:
                return bool(task.claims)
            try:
                task.claims.pop()
            except IndexError:
                return False
            self._return_slot(task)
        if task.worker is not None:
            task.worker.assign(None)
        return True

    def take_slot(self, job: Job) -> bool:
        """Give a job a slot without a worker, for `return_slot()` or `run()`; False: none is free."""
        with self._lock:
            host = job.host
            if not self._has_slot(host):
                return False
            self._unmanned[job] = host
            if self._limit_per_host is not None:
                self._count_unmanned(job, host)
            return True

    def drop_slot(self, job: Job) -> bool:
        """Take back the slot of a job without a worker, which is done; False: others wait, so `return_slot()` must."""
        with self._lock:
            if self._waiting:
                return False
            if self._limit_per_host is not None:
                self._uncount_unmanned(job)
            self._unmanned.pop(job, None)
            return True

    def return_slot(self, job: Job) -> None:
        """Take back the slot of a job without a worker, unless that has happened before, and start the next job."""
        try:
            self._start_waiting(job)
        except BaseException:  # Ctrl-C
            with self._lock:
                self._uncount_unmanned(job)
                self._unmanned.pop(job, None)
            self._recover()
            raise

    def run(self, job: Job) -> bool:
        """Give a job that has a slot alone a worker, too.

        Returns:
            False: there is none, and the job waits for one as after `submit()`.
        Raises:
            NoThreadError: As of `submit()`; the job has no slot any more.
            MemoryError: The job is not run.
        """
        task = None
        try:
            with self._lock:
                task = _Task(job, next(self._arrivals))
                self._take_slot(task)
                if self._limit_per_host is not None:
                    self._uncount_unmanned(job)
                del self._unmanned[job]
                self._choose_worker(task)
            return self._start(task)
        except NoThreadError:
            raise
        except BaseException:  # no memory
            if task is None or self.remove(job) or self._take_back(task):
                raise
            return True

    @property
    def is_crowded(self) -> bool:
        """Whether so many jobs have a slot that those which only wait are to leave their workers. A hint."""
        return self._running + len(self._unmanned) > CROWD

    def _has_slot(self, host: str) -> bool:
        if self._running + len(self._unmanned) >= self._limit:
            return False
        if self._limit_per_host is None:
            return True
        return self._running_at.get(host, 0) + len(self._unmanned_at.get(host, ())) < self._limit_per_host

    def _count_unmanned(self, job: Job, host: str) -> None:
        assert self._lock.locked()
        self._unmanned_at.setdefault(host, {})[job] = True

    def _uncount_unmanned(self, job: Job) -> None:
        assert self._lock.locked()
        host = self._unmanned.get(job)
        here = None if host is None else self._unmanned_at.get(host)
        if host is not None and here is not None:
            here.pop(job, None)
            if not here:
                del self._unmanned_at[host]

    def _take_slot(self, task: _Task) -> None:
        running_here = self._running_at.get(task.host, 0) + 1
        # No calls from here on, so Ctrl-C comes before all of it or after; and only the first of these needs memory.
        self._running_at[task.host] = running_here
        self._running += 1
        task.has_slot = True

    def _choose_worker(self, task: _Task) -> None:
        if self._idle:
            task.worker = self._idle[-1]
            del self._idle[-1]  # not pop(): Ctrl-C could lose its result

    def _return_slot(self, task: _Task) -> None:
        host = task.host
        task.has_slot = False
        self._running -= 1
        self._running_at[host] -= 1
        if not self._running_at[host]:
            del self._running_at[host]
        if self._held_by_host:
            self._requeue_held(host)

    def _enqueue(self, task: _Task) -> None:
        assert self._lock.locked()
        assert task.job is not None, "a job cannot be removed before it is in the queue"
        self._waiting[task.job] = task
        heappush(self._queue, (task.arrival, task))
        entries = len(self._queue) + sum(map(len, self._held_by_host.values()))
        if entries > 2 * len(self._waiting) + MAX_EMPTY:
            self._compact()

    def _compact(self) -> None:
        """Bring all waiting jobs into one queue, without the empty entries."""
        assert self._lock.locked()
        self._queue = [(task.arrival, task) for task in snapshot(self._waiting.values())]
        heapify(self._queue)
        self._held_by_host.clear()

    def _start(self, task: _Task) -> bool:
        """Give a task that has a slot to its worker or to a new one; False: there is none, and the task waits."""
        if task.worker is None:
            try:
                _Worker(self).start(task, f"urlrequest-worker-{next(self._numbers)}")
            except NoThreadError:
                with self._lock:
                    self._choose_worker(task)  # one may have become idle meanwhile
                    if task.worker is None:
                        self._return_slot(task)
                        if not self._running:
                            raise
                        self._enqueue(task)
                        return False
            else:
                return True
        task.worker.assign(task)
        return True

    def remove(self, job: Job) -> bool:
        """Take back a waiting job; False when it has a worker already, or had one. Any thread; never blocks."""
        task = self._waiting.pop(job, None)
        if task is None:
            return False
        task.job = None
        return True

    def next_task(self, worker: _Worker, done: _Task, *, has_left: bool = False) -> _Task | None:
        """Give a worker's slot back, and return its next task. None: there is none, and the worker is idle now.

        Args:
            done: Its task until now.
            has_left: The job goes on without the worker, and keeps the slot.
        """
        with self._lock:
            if has_left and done.job is not None:
                self._unmanned[done.job] = done.host
                if self._limit_per_host is not None:
                    self._count_unmanned(done.job, done.host)
            self._return_slot(done)
            task = self._pop_runnable(worker.popped) if self._queue else None
            worker.task = task
            if task is not None:
                task.claims.clear()
                del worker.popped[:]
            elif not self._is_shut_down:
                self._idle.append(worker)
                worker.is_idle = True
                return None
        if task is None:
            worker.assign(None)
        return task

    def await_task(self, worker: _Worker) -> _Task | None:
        """Return what an idle worker does next, as soon as there is something; None: end the thread."""
        if not self._is_shut_down and worker.sleep(IDLE_TIME):
            return worker.take_task()
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                return None
        worker.sleep(None)  # a task was assigned at the very last moment
        return worker.take_task()

    def give_up(self, worker: _Worker, error: BaseException) -> None:
        """End the jobs of a worker that has no memory to go on: the one that it has begun, and the next one."""
        with self._lock:
            if worker.job is not None:
                worker.lost.append(worker.job)
                self._uncount_unmanned(worker.job)
                self._unmanned.pop(worker.job, None)  # it was about to leave
                worker.job = None
            must_wait = worker.is_idle and worker not in self._idle
            if worker.is_idle and not must_wait:
                self._idle.remove(worker)
                worker.is_idle = False
        if must_wait:  # it was chosen for a task
            worker.sleep(None)
            worker.take_task()
        with self._lock:
            for task in (worker.task, *worker.popped):
                # Else it was the task of the last job, or Ctrl-C has taken it back.
                if task is not None and task.job is not None and (task.has_slot or task in worker.popped):
                    worker.lost.append(task.job)
                    task.claims.clear()
                    if task.has_slot:
                        self._return_slot(task)
            worker.task = None
            del worker.popped[:]
        self._recover()
        for job in dict.fromkeys(worker.lost):
            job.fail(error)

    def _pop_runnable(self, popped: list[_Task]) -> _Task | None:
        """Return the first waiting task whose host has a free slot, which it takes; None: there is none.

        Args:
            popped: Gets the task as well; it is there also where Ctrl-C comes before the result is returned.
        """
        assert self._lock.locked()
        while self._queue and self._running + len(self._unmanned) < self._limit:
            entry = heappop(self._queue)
            task, job = entry[1], entry[1].job
            if job is not None and not self._has_slot(task.host):
                heappush(self._held_by_host.setdefault(task.host, []), entry)
                continue
            popped += (task,)  # first, as this needs memory; no calls up to `else`, so Ctrl-C comes before or after
            try:
                del self._waiting[job]  # type: ignore[arg-type]  # None is no key of it
            except KeyError:
                del popped[-1]
                self._requeue_held(task.host)
            else:
                self._take_slot(task)
                return task
        return None

    def _requeue_held(self, host: str) -> None:
        """Move the first job that is held for a host back to the queue (WORKER-3)."""
        assert self._lock.locked()
        held = self._held_by_host.get(host)
        while held:
            entry = heappop(held)
            if entry[1].job is not None:
                heappush(self._queue, entry)
                break
        if held is not None and not held:
            del self._held_by_host[host]

    def change_limits(self, limit: int, limit_per_host: int | None) -> None:
        """Run more or fewer jobs at once from now on; running jobs go on."""
        try:
            self._limit, self._limit_per_host = limit, limit_per_host
            self._recover()
        except BaseException:  # Ctrl-C
            self._recover()
            raise

    def _recover(self) -> None:
        """Bring the queue and counts in order, which Ctrl-C or new limits have disturbed, and start what can start."""
        with self._lock:
            self._compact()
            self._unmanned_at.clear()
            if self._limit_per_host is not None:
                for job, host in self._unmanned.items():
                    self._count_unmanned(job, host)
        self._start_waiting()

    def _start_waiting(self, done: Job | None = None) -> None:
        """Start waiting jobs for as long as there are slots and threads for them.

        Args:
            done: A job without a worker. Its slot is returned, and goes to a job that waits rather than to a new one.
        """
        is_going_on = True
        while is_going_on:
            popped: list[_Task] = []
            try:
                with self._lock:
                    if done is not None and self._limit_per_host is not None:
                        self._uncount_unmanned(done)
                    host = None if done is None else self._unmanned.pop(done, None)
                    if host is not None and self._held_by_host:
                        self._requeue_held(host)
                    task = self._pop_runnable(popped) if self._queue else None
                    if task is not None:
                        self._choose_worker(task)
                is_going_on = task is not None and self._start(task)
            except BaseException as error:  # no thread, or Ctrl-C
                if popped:
                    self._put_back(popped[0])
                if not isinstance(error, NoThreadError):
                    raise
                return  # the job starts with the next one that is submitted or ends

    def _put_back(self, task: _Task) -> None:
        """Let the job of a task that is on its way to a worker wait again, unless it runs already."""
        with self._lock:
            try:
                task.claims.pop()
            except IndexError:
                return
            if task.has_slot:
                self._return_slot(task)
            if task.job is not None:  # else it waited again already, and was removed
                self._waiting[task.job] = _Task(task.job, task.arrival)  # a worker may come to the old one yet, in vain
            self._compact()
        if task.worker is not None:
            task.worker.assign(None)

    def shut_down(self) -> None:
        """End the idle workers now, and the others when no job is left for them."""
        with self._lock:
            self._is_shut_down = True
            idle, self._idle = self._idle, []
            try:
                for worker in idle:
                    worker.assign(None)
            except BaseException:  # Ctrl-C
                for worker in idle:
                    worker.assign(None)
                raise

    def abandon(self) -> None:
        """End the idle workers of a session that nobody refers to any more, so that no job can come.

        A finaliser calls this, perhaps on top of a line that holds the lock, so it takes none. It writes first and then
        looks; a worker that becomes idle meanwhile is in the list first, and looks before it sleeps.
        """
        self._is_shut_down = True
        for worker in list(self._idle):
            worker.assign(None)

    def reset_after_fork(self) -> None:
        """Start afresh, with the same limits. In a forked child, where no worker lives on."""
        self._reset()
