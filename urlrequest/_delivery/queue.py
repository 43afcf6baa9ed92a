"""DispatchQueue: the mailboxes with something to deliver, and the thread that is woken to deliver it.

Draining a queue delivers a batch of events of one entry after the other.

Thread safety. Any thread pushes, a canceller in a signal handler too; usually one thread drains, but more may. The
queue is a deque, whose single operations are atomic; looking through it is none (`snapshot()`). `_is_armed` is an
`AtomicFlag`, and `QueueEntry._queued` a lock that is tried: nothing here waits for a lock, and callbacks run with no
lock held that another thread waits for.

Invariants:
    QUEUE-1  An entry is in its queue at most once: `QueueEntry._queued` is held meanwhile, and released before its
             mailbox is looked at.
    QUEUE-2  Whenever a callback runs, or the queue is non-empty and no thread drains it, a wake-up has been sent. So a
             callback may run a loop of its own (a modal dialog), which drains the rest. Only the idle-to-armed edge
             calls the wake-up (`DispatchQueue._is_armed`), and a drain goes idle before it looks at the queue.
"""

from __future__ import annotations

import sys
from collections import deque
from math import inf
from operator import methodcaller
from os import getpid
from threading import Lock, get_ident
from time import monotonic
from weakref import ref

from urlrequest._concurrency.sync import AT_ONCE, AtomicFlag, fork_watch, snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._concurrency.interest_list import InterestList

__all__ = ["MAX_BATCH", "DispatchQueue", "QueueEntry", "Relay", "default_queue", "drain_thread"]

_POP_FIRST = methodcaller("popleft")
MAX_BATCH = 64  # events of one request before the next one's turn


def _find_none() -> None:
    """Find no interest list."""


class QueueEntry:
    """An entry of one queue; it is in the queue while it has something to deliver.

    Attributes:
        thread: Ident of the thread that made it.
    """

    __slots__ = ("_queue", "_queued", "thread")

    def __init__(self, queue: DispatchQueue) -> None:
        self.thread: int = get_ident()
        self._queue = queue
        self._queued = Lock()  # held while the entry is in the queue

    def enqueue(self) -> None:
        """Put the entry into its queue, unless it is there. Any thread; never blocks."""
        queue = self._queue
        [is_out] = map(self._queued.acquire, AT_ONCE)
        if is_out:
            try:
                queue._ready.append(self)  # noqa: SLF001 - before any call of ours, where Ctrl-C could come
                queue.notice()
            except MemoryError:  # so that the next call does all of it
                self.leave()
                raise

    def leave(self) -> None:
        """Be out of the queue until the next `enqueue()`, unless a thread has just taken the entry out."""
        try:
            self._queue._ready.remove(self)  # noqa: SLF001 - as above
        except ValueError:
            return
        self._queued.release()  # QUEUE-1

    def put_back(self) -> None:
        """Be in the queue again if something is left to deliver, whatever Ctrl-C has cut short."""
        self._queued = Lock()
        if self.pending_count:
            self.enqueue()

    @property
    def has_loop(self) -> bool:
        """Whether a loop drains its queue, as far as is known; else `wait()` and `urlrequest.drain()` do."""
        return self._queue is not default_queue

    @property
    def interest_list(self) -> InterestList | None:
        """That of the loop which drains its queue, if it has one."""
        return self._queue.interest_list

    def dequeue(self) -> None:
        """Take the entry out of its queue for good: there is nothing to deliver any more."""
        if self._queued.locked():
            self._queue.remove(self)

    def _move_to(self, queue: DispatchQueue) -> None:
        """Leave the queue, and belong to another one. In a forked child: a thread that is gone may hold `_queued`."""
        self._queue.remove(self)
        self._queue, self._queued = queue, Lock()

    def go_to(self, queue: DispatchQueue) -> None:
        """Belong to another queue from now on, and be in it. For the thread that took the entry out of its queue."""
        self._queue = queue
        queue.push(self)

    if TYPE_CHECKING:

        @property
        def pending_count(self) -> int:
            """Roughly how many events there are to deliver."""
            ...

        def deliver_batch(self, most: int, until: float | None) -> int:
            """Release `_queued`, then deliver as `Mailbox.deliver()` does; the queue has taken the entry out."""
            ...


class DispatchQueue:
    """The entries whose mailboxes have something to deliver, in order of arrival.

    Guarantees: `push()` is safe from any thread and from signal handlers, and calls `wakeup` at most once until the
    next `drain()`. No entry that was pushed is lost, whatever a callback raises.

    Attributes:
        thread: Ident of the thread of a loop that was detected, whose `urlrequest.drain()` serves this queue too.
    """

    thread: int | None = None

    def __init__(self, wakeup: Callable[[], None]) -> None:
        self._ready: deque[QueueEntry] = deque()
        self._wakeup = wakeup
        self._is_armed = AtomicFlag()
        self._successor: DispatchQueue | None = None
        self._find_interest_list: Callable[[], InterestList | None] = _find_none

    @property
    def interest_list(self) -> InterestList | None:
        """The sockets that the loop reads itself; None: it does not, or is gone.

        The loop alone keeps the list: a request that the program keeps must not keep a descriptor open.
        """
        return self._find_interest_list()

    @interest_list.setter
    def interest_list(self, interest_list: InterestList | None) -> None:
        self._find_interest_list = _find_none if interest_list is None else ref(interest_list)

    def push(self, entry: QueueEntry) -> None:
        """Add an entry; `QueueEntry.enqueue()` sees to it that it is not there twice."""
        self._ready.append(entry)
        self.notice()

    def notice(self) -> None:
        """See to it that an entry which was just added is delivered."""
        if self._successor is not None:  # looked at afterwards: a `forward_to()` in between has taken the entry along
            self.forward_to(self._successor)
            return
        try:
            if not self._is_armed.test_and_set():
                self._wakeup()
        except BaseException:  # Ctrl-C, maybe before the wake-up; the next event sends one in any case
            self._is_armed.clear()
            raise

    def remove(self, entry: QueueEntry) -> None:
        """Take an entry out again, if it is still there. Any thread."""
        try:
            self._ready.remove(entry)
        except ValueError:
            if self._successor is not None:
                self._successor.remove(entry)

    def drain(self, budget: float | None = None) -> bool:
        """Run pending callbacks on this thread.

        Args:
            budget: Time to spend, in seconds; at least one event is delivered, and a slow callback may overrun it.
                None: all that is pending now.
        Returns:
            Whether something is still pending; the wake-up has been called for it.
        Raises:
            BaseException: What a callback raised; the other events stay pending.
        """
        if getpid() != fork_watch.pid:
            fork_watch.enter_child()
        interest_list = self.interest_list
        if interest_list is not None:
            self._read(interest_list)
        self._is_armed.clear()
        return self.serve(budget)

    def _read(self, interest_list: InterestList) -> None:
        """Read the responses that have come. What that brings is delivered in a moment, and needs no wake-up."""
        self._is_armed.test_and_set()
        try:
            interest_list.read()
        except BaseException:  # Ctrl-C
            self._is_armed.clear()
            self._arm()
            raise

    def serve(self, budget: float | None = None) -> bool:
        """Do what `drain()` does, but not instead of the loop that was woken: its wake-up is still on its way.

        So a program that drains the queue of a loop that stands still piles up no wake-ups in it.
        """
        if not self._ready:
            return False
        try:
            self._deliver(budget)
        finally:
            has_more = self._arm()
        return has_more

    def _deliver(self, budget: float | None) -> None:
        if budget is None:
            # Every entry is looked at, so that one whose events another thread has delivered does not stay for ever.
            until, left = None, sum(max(1, entry.pending_count) for entry in snapshot(self._ready))
        else:
            until, left = monotonic() + budget, sys.maxsize
        while left > 0:
            try:
                [entry] = map(_POP_FIRST, (self._ready,))  # as AT_ONCE
            except IndexError:
                return
            try:
                if self._ready:
                    self._arm()  # for the others, in case a callback of this one does not return for a while (QUEUE-2)
                left -= max(1, entry.deliver_batch(min(left, MAX_BATCH), until))
            except BaseException:
                if entry not in self._ready:
                    entry.put_back()
                raise
            if not self._ready or (until is not None and monotonic() >= until):
                return

    def _arm(self) -> bool:
        """Send a wake-up if something is to be delivered and none is on its way; return whether something is."""
        if not self._ready:
            return False
        try:
            if not self._is_armed.test_and_set():
                self._wakeup()
        except BaseException:  # as in notice()
            self._is_armed.clear()
            raise
        return True

    def serve_on(self, thread: int) -> None:
        """Let `urlrequest.drain()` serve this queue on a thread, besides its loop, which may stand still there."""
        self.thread = thread
        _detected.append(ref(self, _detected.remove))

    def expect_wakeup(self) -> None:
        """Call the wake-up for the next event that is pushed: the last one did not arrive."""
        self._is_armed.clear()

    @property
    def count(self) -> int:
        """How many requests have pending callbacks."""
        return len(self._ready)

    @property
    def is_forwarded(self) -> bool:
        """Whether the entries go to another queue: no loop will drain this one any more."""
        return self._successor is not None

    @property
    def has_pending(self) -> bool:
        """Whether something waits for a drain."""
        return bool(self._ready)

    @property
    def has_requests(self) -> bool:
        """Whether requests wait for a drain; they wait in vain if nobody drains this queue any more."""
        return any(not isinstance(entry, Relay) for entry in snapshot(self._ready))

    def forward_to(self, successor: DispatchQueue) -> None:
        """Give all entries to another queue, now and from now on: no thread will drain this one any more."""
        self._successor = successor
        self._is_armed.clear()
        while True:
            try:
                entry = self._ready.popleft()
            except IndexError:
                return
            if not isinstance(entry, Relay):  # what that stands for is in the queue of another loop, too
                successor.push(entry)

    def reset_after_fork(self) -> None:
        """Start afresh. In a forked child: another thread may have been draining."""
        self._ready = deque()
        self._is_armed = AtomicFlag()


class DefaultQueue(DispatchQueue):
    """The queue of requests without a hook, and of hooks whose loop is gone: `urlrequest.drain()` drains it.

    Attributes:
        drained_at: When a program last drained it, on `time.monotonic()`.
    """

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.drained_at = -inf

    def drain(self, budget: float | None = None) -> bool:
        self.drained_at = monotonic()
        return super().drain(budget)

    @property
    def is_drained(self) -> bool:
        """Whether the program has ever drained it."""
        return self.drained_at > -inf

    def call_when_pending(self, wakeup: Callable[[], None]) -> None:
        """Set the wake-up: what is called when events wait to be drained, or to be given to a loop that appears."""
        self._wakeup = wakeup

    def give_away(self, find_queue: Callable[[QueueEntry], DispatchQueue | None]) -> None:
        """Move each entry to the queue that is found for it, if there is one. Any thread."""
        for entry in snapshot(self._ready):
            queue = find_queue(entry)
            if queue is None:
                continue
            try:
                self._ready.remove(entry)
            except ValueError:
                continue  # another thread has just drained it
            entry.go_to(queue)


default_queue = DefaultQueue()
"""The queue of requests without a hook, and of hooks whose loop is gone: `urlrequest.drain()` drains it."""


class Relay(QueueEntry):
    """Stands for all entries of one queue in another one: whoever drains that drains both.

    Attributes:
        target: The queue in which it is put.
    """

    __slots__ = ("_source",)

    def __init__(self, source: DispatchQueue, target: DispatchQueue) -> None:
        super().__init__(target)
        self._source = source

    @property
    def target(self) -> DispatchQueue:
        return self._queue

    @property
    def pending_count(self) -> int:
        return 1

    def deliver_batch(self, most: int, until: float | None) -> int:  # noqa: ARG002 - the source is as fair as the target
        """Drain the source. What is left there has put this entry back into the target."""
        self._queued.release()  # QUEUE-1
        if self._source.thread == get_ident():  # else the target is drained elsewhere, since its loop has gone
            self._source.drain(None if until is None else max(0.0, until - monotonic()))
        return 1


_detected: list[ref[DispatchQueue]] = []  # the queues of loops that were detected; single operations are atomic


def drain_thread(budget: float | None = None) -> bool:
    """Run pending callbacks of requests without a hook, and of the loops that were detected on this thread.

    Arguments, result and errors are those of `DispatchQueue.drain()`.
    """
    until, thread = None if budget is None else monotonic() + budget, get_ident()
    has_more = default_queue.drain(budget)
    for find in tuple(_detected):
        queue = find()
        if queue is not None and queue.thread == thread:
            left = None if until is None else max(0.0, until - monotonic())
            has_more = queue.serve(left) or has_more
    return has_more
