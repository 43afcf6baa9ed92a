"""Mailbox: one request's undelivered events, and how they are delivered.

A mailbox has one entry in the queue of its hook: itself. It has a subscription, which is an entry too, in the queue of
each thread that waits for the request. An event puts these entries into their queues (see `queue`), whose draining
comes back here.

Thread safety. The worker alone posts progress and chunks; the worker or a canceller posts the end. Any thread may
deliver. What they share are lists, whose single operations are atomic, and locks that are tried, never waited for: so
`cancel()` may post from a signal handler, and a callback keeps no other thread waiting. A worker that finds no room for
a chunk announces those that it has posted, sets `is_held_up`, looks again, and sleeps; the thread that delivers a chunk
counts it first and looks at `is_held_up` then. So one of the two always sees the other, and a wake-up is sent only to a
sleeping worker.

Invariants:
    MAILBOX-1  One thread at a time delivers events of one request: the one that acquired `Mailbox._turn`. A thread that
               finds it taken leaves, and the holder looks again after releasing it, so that no event is left without a
               wake-up.
    MAILBOX-2  While a thread waits for a request, only waiting threads deliver its events (contract 6.3).
    MAILBOX-3  Undelivered progress events are at most `MAX_PROGRESS`; beyond it the newest replaces the last (contract
               5.4).
    MAILBOX-4  Callbacks run in a copy of the context in which the request was made (contract 8.9). The holder of the
               turn enters it. A thread that delivers inside a callback of the same request enters a copy of the copy,
               as a context cannot be entered twice. A program that has not loaded contextvars has no context variables.
"""

from __future__ import annotations

import sys
import threading
from threading import Lock

from urlrequest._concurrency.sync import AT_ONCE

from .events import Chunk, ProgressRun
from .lifecycle import Lifecycle
from .queue import MAX_BATCH, QueueEntry, default_queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any, Protocol

    from .queue import DispatchQueue

    class Waiter(Protocol):
        """A thread that waits for the request, and delivers its events: a `Subscription`, or one that waits alone.

        Attributes:
            thread: Its ident.
        """

        thread: int

        def enqueue(self) -> None:
            """Make it deliver events. Any thread; never blocks."""
            ...

        def reset_after_fork(self) -> None: ...

    class Readable(Protocol):
        """A socket over which a response comes."""

        def fileno(self) -> int:
            """Its descriptor; -1 when nothing is to be read any more."""
            ...

        def read(self) -> None:
            """Read what has come, and end the request if that is all of it."""
            ...

        def is_silent(self) -> bool:
            """Whether there is no callback at all, so that nothing will be delivered."""
            ...

        def read_within(self, seconds: float) -> None:
            """Wait so long for something to read, at the longest, and read it."""
            ...

        def be_watched(self) -> None:
            """Let another thread read it: no thread that waits for the request does."""
            ...

        def ask_for_a_look(self) -> None:
            """Let another thread look at it now: the request was cancelled. Any thread; never blocks."""
            ...

        def close(self) -> None:
            """Close the socket. In a forked child."""
            ...

    class Receiver(Protocol):
        """What gets a mailbox's events: the call of its request."""

        @property
        def lifecycle(self) -> Lifecycle: ...
        def has_callback(self) -> bool:
            """Whether there is a callback for the outcome."""
            ...

        def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
            """Run the callback for the next events of a run, each taken out of it before; how many there were."""
            ...

        def deliver_chunk(self, chunk: bytes) -> None: ...
        def deliver_outcome(self) -> None:
            """Publish the outcome, run the callbacks, set `Mailbox.is_ending` and `is_over`. Dispatch thread, once.

            When it raises before `is_ending` is set, it is called again.
            """
            ...

        def publish_outcome(self) -> bool:
            """Publish the outcome, unless it has a callback to run; whether it was published. Any thread.

            It may set `Mailbox.is_ending` and `is_over` itself.
            """
            ...


__all__ = ["Mailbox", "Subscription"]

MAX_PROGRESS = 1024  # events
MAX_CHUNK_BYTES = 1024 * 1024  # bytes of a body that may wait for on_chunk


class _Detached:
    """Stands in for the receiver once the request is over; a mailbox uses nothing else of it then.

    It is cancelled: a thread that takes the turn when the request is over has nothing left to deliver.
    """

    lifecycle = Lifecycle()
    lifecycle.cancel()

    def has_callback(self) -> bool:
        return False


_DETACHED: Any = _Detached()
_NO_EVENTS = ProgressRun(0, 0, 0, 0)


class Mailbox(QueueEntry):
    """One request's undelivered events.

    Attributes:
        flight: What a thread that waits for the request may read itself, if anything; the receiver sets it.
        is_ending: The terminal callback has begun, or there was none to run.
        is_over: on_finish has run; nothing will be delivered any more.
        is_held_up: The worker waits for chunks to be delivered; set by the worker alone.
    """

    __slots__ = (
        "_bytes_delivered",
        "_bytes_posted",
        "_chunks_delivered",
        "_chunks_posted",
        "_context",
        "_current",
        "_delivered",
        "_has_unannounced",
        "_owner",
        "_posted",
        "_receiver",
        "_runs",
        "_subscriptions",
        "_turn",
        "flight",
        "is_ending",
        "is_held_up",
        "is_over",
    )

    def __init__(self, receiver: Receiver, queue: DispatchQueue) -> None:
        QueueEntry.__init__(self, queue)  # `super()` is an object of its own, for each request
        self._receiver = receiver
        variables = sys.modules.get("_contextvars")  # contextvars itself takes longer to load than most modules here
        self._context: Context | None = None if variables is None else variables.copy_context()
        # Lists, not deques: they are short as a rule, and an empty deque takes more memory than the rest of a mailbox.
        self._subscriptions: list[Waiter] = []  # of the threads that wait
        self._runs: list[ProgressRun | Chunk] = []
        self._chunks_posted = self._bytes_posted = 0  # counted by the worker
        self._has_unannounced = False  # chunks that nobody was woken for; the worker's
        self._chunks_delivered = self._bytes_delivered = 0  # counted by the holder of the turn
        self._current = _NO_EVENTS  # what is being delivered; belongs to the turn
        self._posted = 0  # progress events put in; counted by the worker
        self._delivered = 0  # progress events of runs taken out; counted by the holder of the turn
        self._turn = Lock()
        self._owner: int | None = None  # ident of the thread that has the turn
        self.flight: Readable | None = None
        self.is_ending = False
        self.is_over = False
        self.is_held_up = False

    @property
    def is_stranded(self) -> bool:
        """Whether there are events that no loop, no waiting thread and no `drain()` is known to deliver."""
        return self.is_ready and not (self.has_loop or self._subscriptions or default_queue.is_drained)

    # Posting

    def post_progress(self, run: ProgressRun) -> None:
        """Add progress events. Worker only."""
        room = MAX_PROGRESS - self._undelivered
        if run.count > room:
            if room > 1:
                self._put(run.first_events(room - 1))
            elif room < 1:
                self._drop_newest(is_upload=run.is_upload)
            run = run.last_event()
        self._put(run)
        self._has_unannounced = False
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
            self._put(run.first_events(run.count - 1))

    def post_chunk(self, chunk: bytes) -> None:
        """Add a chunk of the body. Worker only, when there `has_room`; `announce_chunks()` must follow."""
        self._bytes_posted += len(chunk)
        self._chunks_posted += 1
        self._has_unannounced = True  # before the chunk: if it is delivered by now, to announce it does no harm
        self._runs.append(Chunk(chunk))

    def announce_chunks(self) -> None:
        """Wake the threads that are to deliver chunks, unless progress that came after them has. Worker only."""
        if self._has_unannounced:
            self._has_unannounced = False
            self.announce()

    def has_room(self, size: int) -> bool:
        """Whether a chunk of so many bytes may wait to be delivered, besides those that do (contract 17.2)."""
        chunks = self._chunks_posted - self._chunks_delivered
        waiting = self._bytes_posted - self._bytes_delivered
        return not chunks or (chunks < MAX_PROGRESS and waiting + size <= MAX_CHUNK_BYTES)

    def post_outcome(self) -> None:
        """Publish what can be published at once, and announce that the request is settled. Worker or canceller."""
        self.publish()
        self.announce()

    def publish(self) -> None:
        """Finish a settled request here and now if no callback is left to run (contract 3.4), but announce nothing.

        A thread that polls or joins needs no loop then.
        """
        receiver = self._receiver
        has_progress = (self._runs or self._current.count) and not receiver.lifecycle.is_cancelled
        if has_progress or receiver.has_callback():
            return
        [has_turn] = map(self._turn.acquire, AT_ONCE)
        if has_turn:
            try:
                # Between settling and this look, a thread that progress had woken may have delivered the outcome, or a
                # cancel that has a callback may have come first.
                if not self.is_ending and receiver.publish_outcome():
                    self.is_ending = True
            finally:
                if self.is_ending:
                    self.is_over, self._receiver, self._context = True, _DETACHED, None  # as in _run()
                self._turn.release()

    def announce(self, *, but: Waiter | None = None) -> None:
        """Wake the threads that are to deliver the events, or to notice the end; `but` has noticed it."""
        if self._subscriptions:
            for subscription in tuple(self._subscriptions):
                if subscription is not but:
                    subscription.enqueue()
        elif not self.is_over:
            self.enqueue()

    # Delivering

    @property
    def _has_progress(self) -> bool:
        return bool(self._runs) or self._current.count > 0

    @property
    def _undelivered(self) -> int:
        """How many progress events are undelivered; the worker may see too many meanwhile, but not too few."""
        return self._posted - self._delivered + self._current.count

    @property
    def is_ready(self) -> bool:
        """Whether there is something to deliver."""
        return not self.is_ending and (self._has_progress or self._receiver.lifecycle.is_settled)

    @property
    def pending_count(self) -> int:
        """Roughly how many events there are to deliver."""
        if self.is_over:
            return 0
        chunks = self._chunks_posted - self._chunks_delivered
        return self._undelivered + chunks + self._receiver.lifecycle.is_settled

    def ends_for(self, thread: int) -> bool:
        """Whether a thread need not wait any longer; inside a terminal callback it must not (contract 6.3)."""
        return self.is_over or (self.is_ending and self._owner == thread)

    def deliver_batch(self, most: int, until: float | None) -> int:
        """Deliver a batch on the thread that drains the hook's queue."""
        try:
            self._queued.release()  # QUEUE-1
        except RuntimeError:
            pass  # it was there twice, after Ctrl-C
        return self.deliver(most, until)

    def deliver(self, most: int, until: float | None, subscription: Waiter | None = None) -> int:
        """Run callbacks of this request on this thread.

        Args:
            most: The largest number of events.
            until: When to stop, on `time.monotonic()`; one event is delivered in any case.
            subscription: That of this thread if it waits for this request, which it may do inside one of the request's
                own callbacks.
        Returns:
            How many events were delivered; 0 also when another thread delivers.
        """
        if self.is_over or (subscription is None and self._subscriptions):
            return 0  # MAILBOX-2
        thread = threading.get_ident()
        is_nested = subscription is not None and self._owner == thread
        if not is_nested:
            [has_turn] = map(self._turn.acquire, AT_ONCE)
            if has_turn:
                self._owner = thread
            else:
                return 0
        context = self._context
        try:
            if context is None:
                return self._run(most, until)
            return (context.copy() if is_nested else context).run(self._run, most, until)
        finally:
            if not is_nested:
                self._owner = None
                self._turn.release()
            self._look_again(subscription)

    def _look_again(self, subscription: Waiter | None) -> None:
        """Announce what came while events were delivered (MAILBOX-1), or the end, which this thread has seen itself."""
        if self.is_over:
            self.announce(but=subscription)
        elif self.is_ready:
            self.announce()

    def deliver_all(self) -> None:
        """Run all callbacks that are pending now, on this thread."""
        while self.deliver(MAX_BATCH, None):
            pass

    def _run(self, most: int, until: float | None) -> int:
        receiver = self._receiver
        if receiver.lifecycle.is_cancelled:
            self._runs.clear()
        elif self._has_progress:
            return self._run_next(most, until)
        if self.is_ending or not receiver.lifecycle.is_settled:
            return 0
        try:
            receiver.deliver_outcome()
        finally:
            if self.is_ending:  # else Ctrl-C came before anything had begun, and leaves it to the next delivery
                # Call and mailbox refer to each other. Without this cycle both are freed at once. The garbage collector
                # would free them later, with bodies of many megabytes, and hold up the loop for a tenth of a second.
                # (These are no calls, so Ctrl-C cannot come before they are done.)
                self.is_over, self._receiver = True, _DETACHED  # type: ignore[unreachable]  # the receiver has set it
                self._context = None  # nor keep what its variables refer to
        return 1

    def _run_next(self, most: int, until: float | None) -> int:
        if not self._current.count:
            try:
                following = self._runs.pop(0)
            except IndexError:
                return 0  # the worker has just taken it back, to put a newer one in its place
            if isinstance(following, Chunk):
                self._bytes_delivered += len(following.chunk)
                self._chunks_delivered += 1
                self._receiver.deliver_chunk(following.chunk)
                return 1
            self._current = following  # before it is counted as delivered, so that no event is missing from the count
            self._delivered += following.count
        return self._receiver.deliver_progress(self._current, most, until)

    # In a forked child

    def reset_after_fork(self, thread: int, queue: DispatchQueue) -> None:
        """Start afresh for another outcome, to be delivered through `queue`. In a forked child.

        Only `thread` lives on. If it has forked in a callback of this request, or of another one while it waited for
        this one, it goes on with what it has of this mailbox: the turn, and its subscriptions. What other threads had
        of it is gone.
        """
        self._move_to(queue)
        self._subscriptions = [subscription for subscription in self._subscriptions if subscription.thread == thread]
        for subscription in self._subscriptions:
            subscription.reset_after_fork()
        if self._owner != thread:
            self._turn, self._owner = Lock(), None
            if self._context is not None:
                self._context = self._context.copy()  # another thread may have been in it
        self._runs.clear()
        self._current.count = 0  # of a run that is being delivered, the callback on the stack is the last one
        self._posted = self._delivered = 0
        self._chunks_posted = self._chunks_delivered = self._bytes_posted = self._bytes_delivered = 0
        self.is_ending = self.is_held_up = False

    # Waiting threads

    def subscribe(self, subscription: Waiter) -> None:
        """Announce events to a waiting thread from now on."""
        self._subscriptions.append(subscription)  # before the look: an event that comes behind it is announced
        if self.is_over or self.is_ready:
            subscription.enqueue()

    def unsubscribe(self, subscription: Waiter) -> None:
        """End a subscription, begun or not; other threads are woken for what is left to deliver."""
        try:
            self._subscriptions.remove(subscription)
        except ValueError:
            pass  # Ctrl-C came before it had begun, or while it was being ended
        if self.is_over:
            self.dequeue()  # a program that only ever waits drains no queue, which would hold the request
        elif self.is_ready:
            self.announce()


class Subscription(QueueEntry):
    """The entry of a thread that waits for a request, in a queue of that thread's own.

    The thread makes it itself, so `thread` is its ident.
    """

    __slots__ = ("_ended", "_mailbox")

    def __init__(self, mailbox: Mailbox, queue: DispatchQueue, ended: list[Mailbox]) -> None:
        """Make a subscription, for `Mailbox.subscribe()`.

        Args:
            ended: Gets the mailbox when its request is over.
        """
        super().__init__(queue)
        self._mailbox = mailbox
        self._ended = ended

    def reset_after_fork(self) -> None:
        """Be in no queue. In a forked child: another thread may have been putting this in."""
        self._move_to(self._queue)

    @property
    def pending_count(self) -> int:
        return self._mailbox.pending_count

    def deliver_batch(self, most: int, until: float | None) -> int:
        """Deliver a batch on the waiting thread."""
        try:
            self._queued.release()  # QUEUE-1
        except RuntimeError:
            pass  # it was there twice, after Ctrl-C
        mailbox = self._mailbox
        try:
            return mailbox.deliver(most, until, self)
        finally:
            if mailbox.is_over:
                self._ended.append(mailbox)
