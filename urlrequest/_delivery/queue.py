"""DispatchQueue: the mailboxes with something to deliver, and the thread that is woken to deliver it.

Draining a queue serves one entry after the other, a batch of events each.

Thread safety. Any thread pushes, a canceller in a signal handler too; one thread drains as a rule, but more may. The
queue is a deque, whose single operations are atomic, `_is_armed` an `AtomicFlag`, and `QueueEntry._place` a lock
that is tried: nothing here waits for a lock, and callbacks run with no lock held.

Invariants:
    D2  An entry is in its queue at most once: `QueueEntry._place` is held meanwhile, and released before its mailbox
        is looked at.
    D3  Whenever a callback runs or the queue is left alone with an entry in it, a wake-up is on its way; so a callback
        may run a loop of its own (a modal dialog), which drains the rest. Only the idle-to-armed edge calls the wake-up
        (`DispatchQueue._is_armed`), and a drain goes idle before it looks at the queue.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from threading import Lock
from time import monotonic

from urlrequest._concurrency.deadline import Deadline, earliest
from urlrequest._concurrency.sync import MAX_SLEEP, AtomicFlag
from urlrequest._concurrency.wakeup import borrowed_waker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .mailbox import Mailbox, Subscription

__all__ = ["BATCH", "DispatchQueue", "QueueEntry", "default_queue", "wait_for"]

BATCH = 64  # events of one request before the next one's turn
SLICE = 0.008  # seconds a waiting thread delivers before it looks at its own time limit


class QueueEntry:
    """A place in one queue, taken while there is something to deliver."""

    __slots__ = ("_place", "_queue")

    def __init__(self, queue: DispatchQueue) -> None:
        self._queue = queue
        self._place = Lock()  # held while the seat is in the queue

    def line_up(self) -> None:
        """Get into the queue, unless the seat is there. Any thread; never blocks."""
        if self._place.acquire(blocking=False):
            self._queue.push(self)

    def withdraw(self) -> None:
        """Leave the queue: there is nothing to deliver any more."""
        if self._place.locked():
            self._queue.withdraw(self)

    if TYPE_CHECKING:

        @property
        def pending_count(self) -> int:
            """How many events there are to deliver, about."""
            ...

        def serve(self, most: int, until: float | None) -> int:
            """Give the place up, then deliver a batch as `Mailbox.deliver()` does; the queue took the seat out."""
            ...


class DispatchQueue:
    """The seats whose mailboxes have something to deliver, in order of arrival.

    Guarantees: `push()` is safe from any thread and from signal handlers, and calls `wakeup` at most once until the
    next `drain()`. Nothing that was pushed is forgotten, whatever a callback raises.
    """

    def __init__(self, wakeup: Callable[[], None]) -> None:
        self._ready: deque[QueueEntry] = deque()
        self._wakeup = wakeup
        self._is_armed = AtomicFlag()
        self._successor: DispatchQueue | None = None

    def push(self, seat: QueueEntry) -> None:
        self._ready.append(seat)
        if self._successor is not None:  # looked at afterwards: a bequest in between has taken the seat along
            self.forward_to(self._successor)
        elif not self._is_armed.test_and_set():
            self._wakeup()

    def withdraw(self, seat: QueueEntry) -> None:
        """Take a seat out again, if it is still there. Any thread."""
        try:
            self._ready.remove(seat)
        except ValueError:
            if self._successor is not None:
                self._successor.withdraw(seat)

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
        self._is_armed.clear()
        if not self._ready:
            return False
        try:
            self._deliver(budget)
        finally:
            has_more = self._arm()
        return has_more

    def _deliver(self, budget: float | None) -> None:
        if budget is None:
            # Every seat is looked at, so that one whose events another thread has delivered does not stay for ever.
            until, left = None, sum(max(1, seat.pending_count) for seat in tuple(self._ready))
        else:
            until, left = monotonic() + budget, sys.maxsize
        while left > 0:
            try:
                seat = self._ready.popleft()
            except IndexError:
                return
            if self._ready:
                self._arm()  # for the others, should a callback of this one not return for a while (D3)
            left -= max(1, seat.serve(min(left, BATCH), until))
            if not self._ready or (until is not None and monotonic() >= until):
                return

    def _arm(self) -> bool:
        """Have a wake-up on its way if there is something to deliver; whether there is."""
        if not self._ready:
            return False
        if not self._is_armed.test_and_set():
            self._wakeup()
        return True

    @property
    def has_pending(self) -> bool:
        """Whether something waits for a drain."""
        return bool(self._ready)

    def forward_to(self, successor: DispatchQueue) -> None:
        """Give everything to another queue, now and from now on: nobody will drain this one any more."""
        self._successor = successor
        self._is_armed.clear()
        while True:
            try:
                seat = self._ready.popleft()
            except IndexError:
                return
            successor.push(seat)

    def forget(self) -> None:
        """Start afresh. In a forked child, where a thread may have been at it."""
        self._ready = deque()
        self._is_armed = AtomicFlag()


default_queue = DispatchQueue(lambda: None)
"""The queue of requests without a hook, and of hooks whose loop is gone: `urlrequest.drain()` serves it."""


def wait_for(mailboxes: Sequence[Mailbox], *, delay: float | None, timeout: float | None) -> bool:
    """Deliver the events of these requests on this thread until all of them are over.

    Args:
        delay: The longest sleep between two looks, in seconds; None: sleep until there is something to do.
        timeout: When to give up, in seconds; None: never.
    Returns:
        False when the time ran out.
    """
    thread = threading.get_ident()
    unfinished = deque([mailbox for mailbox in mailboxes if not mailbox.ends_for(thread)])
    if not unfinished:
        return True
    deadline = None if timeout is None else Deadline(timeout)
    longest = earliest(delay, MAX_SLEEP)
    visits: list[Subscription] = []
    with borrowed_waker() as waker:
        queue = DispatchQueue(waker.wake)
        try:
            for mailbox in unfinished:  # Ctrl-C in here must not leave those behind that are there already
                visits.append(mailbox.visit(queue))  # noqa: PERF401 - a list that is made in one go is lost then
            while True:
                queue.drain(SLICE)
                while unfinished and unfinished[0].ends_for(thread):
                    unfinished.popleft()
                if not unfinished:
                    return True
                if deadline is None:
                    waker.sleep(longest)
                elif deadline.has_passed():
                    return False
                else:
                    waker.sleep(earliest(longest, deadline.remaining()))
        finally:
            for visit in visits:
                visit.mailbox.leave(visit)
