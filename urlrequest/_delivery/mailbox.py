"""Mailbox: one request's undelivered events, and how they are delivered.

A mailbox has its seat in the queue of its hook, and a visit has one in the queue of each thread that waits for the
request. An event puts the seats into their queues (see `_delivery.queue`), whose draining comes back here.

Thread safety. The worker alone posts progress; the worker or a canceller posts the end. Any thread may deliver. What
they share are lists, whose single operations are atomic, and locks that are tried, never waited for: so `cancel()` may
post from a signal handler, and a callback keeps no other thread waiting. A worker that finds no room for a piece of the
body sets `is_held_up`, looks again, and sleeps; who delivers a piece counts it first and looks at `is_held_up` then. So
one of the two always sees the other, and a wake-up is sent only to a sleeping worker.

Invariants:
    D1  One thread at a time delivers events of one request: the one that acquired `Mailbox._turn`. Whoever finds it
        taken leaves, and the holder looks again after releasing it, so that no event is left without a wake-up.
    D4  While a thread waits for a request, only waiting threads deliver its events (contract 6.3).
    D5  Undelivered progress events are at most `PROGRESS_LIMIT`; beyond it the newest replaces the last (contract
        5.4).
"""

from __future__ import annotations

import threading
from threading import Lock

from .events import Chunk, ProgressRun
from .queue import BATCH, QueueEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from .queue import DispatchQueue

    class Receiver(Protocol):
        """Who a mailbox's events are for: the request."""

        @property
        def is_cancelled(self) -> bool: ...
        @property
        def is_settled(self) -> bool: ...
        def has_callback(self) -> bool: ...  # for the outcome
        def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
            """Run the callback for the next events of a run, each taken out of it before; how many there were."""
            ...

        def deliver_chunk(self, octets: bytes) -> None: ...
        def deliver_outcome(self) -> None:
            """Publish the outcome and run its callbacks. Dispatch thread, once."""
            ...

        def publish_outcome(self) -> bool:
            """Publish the outcome, unless it has a callback to run; whether it was published. Any thread."""
            ...


__all__ = ["Mailbox", "Subscription"]

PROGRESS_LIMIT = 1024  # events
CHUNK_OCTETS = 1024 * 1024  # octets of a body that may wait for on_chunk


class _Detached:
    """Stands in for a request that is finished, and asked no more than this.

    It is cancelled: to whoever takes the turn when the request is over, there is nothing left to deliver.
    """

    is_cancelled = True
    is_settled = True

    def has_callback(self) -> bool:
        return False


_DETACHED: Any = _Detached()
_NO_EVENTS = ProgressRun(0, 0, 0, 0)


class Mailbox(QueueEntry):
    """One request's undelivered events.

    Attributes:
        is_ending: The terminal callback has begun, or there was none to run.
        is_over: on_finish has run; nothing will be delivered any more.
        is_held_up: The worker waits for pieces of the body to be delivered; set by the worker alone.
    """

    __slots__ = (
        "_chunks_delivered",
        "_chunks_posted",
        "_current",
        "_delivered",
        "_octets_delivered",
        "_octets_posted",
        "_owner",
        "_posted",
        "_receiver",
        "_runs",
        "_turn",
        "_visits",
        "is_ending",
        "is_held_up",
        "is_over",
    )

    def __init__(self, receiver: Receiver, queue: DispatchQueue) -> None:
        super().__init__(queue)
        self._receiver = receiver
        # Lists, not deques: they hold little as a rule, and an empty deque takes more than all the rest of this.
        self._visits: list[Subscription] = []  # of the threads that wait
        self._runs: list[ProgressRun | Chunk] = []
        self._chunks_posted = self._octets_posted = 0  # counted by the worker
        self._chunks_delivered = self._octets_delivered = 0  # counted by the holder of the turn
        self._current = _NO_EVENTS  # what is being delivered; belongs to the turn
        self._posted = 0  # progress events put in; counted by the worker
        self._delivered = 0  # progress events of runs taken out; counted by the holder of the turn
        self._turn = Lock()
        self._owner: int | None = None  # ident of the thread that has the turn
        self.is_ending = False
        self.is_over = False
        self.is_held_up = False

    # Posting

    def post_progress(self, run: ProgressRun) -> None:
        """Add progress events. Worker only."""
        room = PROGRESS_LIMIT - self._undelivered
        if run.count > room:
            if room > 1:
                self._put(run.head(room - 1))
            elif room < 1:
                self._drop_newest(is_upload=run.is_upload)
            run = run.last()
        self._put(run)
        self.announce()

    def _put(self, run: ProgressRun) -> None:
        self._posted += run.count
        self._runs.append(run)

    def _drop_newest(self, *, is_upload: bool) -> None:
        try:
            run = self._runs.pop()
        except IndexError:
            return  # the dispatch thread has just taken it
        if isinstance(run, Chunk) or run.is_upload != is_upload:
            self._runs.append(run)  # the last event of an upload is not replaced by the first of a download
            return
        self._posted -= run.count
        if run.count > 1:
            self._put(run.head(run.count - 1))

    def post_chunk(self, octets: bytes) -> None:
        """Add a piece of the body. Worker only, when there `has_room`."""
        self._octets_posted += len(octets)
        self._chunks_posted += 1
        self._runs.append(Chunk(octets))
        self.announce()

    def has_room(self, octets: int) -> bool:
        """Whether a piece of the body may wait to be delivered, besides those that do (contract 17.2)."""
        chunks = self._chunks_posted - self._chunks_delivered
        waiting = self._octets_posted - self._octets_delivered
        return not chunks or (chunks < PROGRESS_LIMIT and waiting + octets <= CHUNK_OCTETS)

    def post_outcome(self) -> None:
        """Tell that the request is settled. Worker or canceller."""
        self.publish()
        self.announce()

    def publish(self) -> None:
        """Finish a settled request here and now if no callback is left to run (contract 3.4), but announce nothing.

        Whoever polls or joins needs no loop then.
        """
        has_progress = self._has_progress and not self._receiver.is_cancelled
        if has_progress or self._receiver.has_callback() or not self._turn.acquire(blocking=False):
            return
        try:
            # Between settling and this look, a thread that progress had woken may have delivered the outcome, or a
            # cancel that has a callback may have come first.
            if not self.is_ending and self._receiver.publish_outcome():
                self.is_ending = True
                self._close()
        finally:
            self._turn.release()

    def announce(self, *, but: Subscription | None = None) -> None:
        """Have somebody come for the events, or notice the end; `but` has noticed."""
        if self._visits:
            for visit in tuple(self._visits):
                if visit is not but:
                    visit.line_up()
        elif not self.is_over:
            self.line_up()

    # Delivering

    @property
    def _has_progress(self) -> bool:
        return self._current.count > 0 or bool(self._runs)

    @property
    def _undelivered(self) -> int:
        """How many progress events there are; to the worker, which looks while they are delivered, not too few."""
        return self._posted - self._delivered + self._current.count

    @property
    def is_ready(self) -> bool:
        """Whether there is something to deliver."""
        return not self.is_ending and (self._has_progress or self._receiver.is_settled)

    @property
    def pending_count(self) -> int:
        """How many events there are to deliver, about."""
        chunks = self._chunks_posted - self._chunks_delivered
        return self._undelivered + chunks + self._receiver.is_settled

    def ends_for(self, thread: int) -> bool:
        """Whether a thread that waits need wait no longer; inside a terminal callback it must not (contract 6.3)."""
        return self.is_over or (self.is_ending and self._owner == thread)

    def serve(self, most: int, until: float | None) -> int:
        """Deliver a batch at home."""
        self._place.release()  # D2
        return self.deliver(most, until)

    def deliver(self, most: int, until: float | None, visit: Subscription | None = None) -> int:
        """Run callbacks of this request on this thread.

        Args:
            most: How many events at the most.
            until: When to stop, on `time.monotonic()`; one event is delivered in any case.
            visit: The thread's if it waits for this request, which it may do inside one of the request's own callbacks.
        Returns:
            How many events were delivered; 0 too when another thread delivers.
        """
        if self.is_over or (visit is None and self._visits):
            return 0  # D4
        thread = threading.get_ident()
        is_nested = visit is not None and self._owner == thread
        if not is_nested:
            if not self._turn.acquire(blocking=False):
                return 0
            self._owner = thread
        try:
            return self._run(most, until)
        finally:
            if not is_nested:
                self._owner = None
                self._turn.release()
            self._look_again(visit)

    def _look_again(self, visit: Subscription | None) -> None:
        """Announce what came while events were delivered (D1), or the end, which the deliverer knows of."""
        if self.is_over:
            self.announce(but=visit)
        elif self.is_ready:
            self.announce()

    def deliver_all(self) -> None:
        """Run all callbacks that are pending now, on this thread."""
        while self.deliver(BATCH, None):
            pass

    def _run(self, most: int, until: float | None) -> int:
        receiver = self._receiver
        if receiver.is_cancelled:
            self._runs.clear()
        elif self._has_progress:
            return self._run_next(most, until)
        if self.is_ending or not receiver.is_settled:
            return 0
        self.is_ending = True
        try:
            receiver.deliver_outcome()
        finally:
            self._close()
        return 1

    def _close(self) -> None:
        """Nothing will be delivered any more: without the request, which refers to its mailbox, both die when they can.

        Collecting them later, with bodies of many megabytes, would hold up the loop for a tenth of a second.
        """
        self.is_over = True
        self._receiver = _DETACHED

    def _run_next(self, most: int, until: float | None) -> int:
        if not self._current.count:
            try:
                following = self._runs.pop(0)
            except IndexError:
                return 0  # the worker has just taken it back, to put a newer one in its place
            if isinstance(following, Chunk):
                self._octets_delivered += len(following.octets)
                self._chunks_delivered += 1
                self._receiver.deliver_chunk(following.octets)
                return 1
            self._current = following  # before it is counted as delivered: never are fewer counted than there are
            self._delivered += following.count
        return self._receiver.deliver_progress(self._current, most, until)

    # Waiting threads

    def visit(self, queue: DispatchQueue) -> Subscription:
        """Have a waiting thread's queue told of events from now on."""
        visit = Subscription(self, queue)
        self._visits.append(visit)  # before the look: an event that comes behind it is announced to the visit
        if self.is_over or self.is_ready:
            visit.line_up()
        return visit

    def leave(self, visit: Subscription) -> None:
        """End a visit; what is left to deliver goes to the others, or home."""
        self._visits.remove(visit)
        if self.is_over:
            self.withdraw()  # a program that only ever waits drains no queue, which would hold the request
        elif self.is_ready:
            self.announce()


class Subscription(QueueEntry):
    """A waiting thread's seat."""

    __slots__ = ("mailbox",)

    def __init__(self, mailbox: Mailbox, queue: DispatchQueue) -> None:
        super().__init__(queue)
        self.mailbox = mailbox

    @property
    def pending_count(self) -> int:
        return self.mailbox.pending_count

    def serve(self, most: int, until: float | None) -> int:
        self._place.release()  # D2
        return self.mailbox.deliver(most, until, self)
