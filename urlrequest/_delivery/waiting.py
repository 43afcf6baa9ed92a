"""Threads that wait for requests, and run their callbacks meanwhile.

A waiting thread is the dispatch thread of its requests, whatever their hook (contract 6.3): it has a queue of its own,
and a subscription at each mailbox it waits for. `awaiting` does the same for a task of an event loop.

Thread safety. All state belongs to the waiting thread; other threads reach it through its queue and its waker alone.
Ctrl-C may end a wait at any line: each subscription is noted before it begins, so that it is ended in any case.
"""

from __future__ import annotations

import threading
from threading import Lock
from time import monotonic

from urlrequest._concurrency.deadline import Deadline, earliest
from urlrequest._concurrency.sync import MAX_SLEEP
from urlrequest._concurrency.wakeup import EventFdWaker, borrowed_waker

from .mailbox import Subscription
from .queue import MAX_BATCH, DispatchQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import TypeVar

    from typing_extensions import Self

    from urlrequest._concurrency.wakeup import ThreadWaker

    from .mailbox import Mailbox

    T = TypeVar("T")

__all__ = ["Subscriber", "as_completed", "wait_for", "wait_for_one"]

LOOK_INTERVAL = 0.5  # seconds between two looks of `as_completed()`, which has no `delay`
PROMPT = 0.001  # seconds in which a response often comes; a thread that waits only for that need not be woken
MAX_SLICE = 0.008  # seconds a waiting thread delivers before it looks at its own time limit


class Subscriber:
    """A thread or a task that waits for requests. Use it in a `with` statement.

    Attributes:
        unfinished: What it still waits for.
    """

    __slots__ = ("_ended", "_mailboxes", "_queue", "unfinished")

    def __init__(self, mailboxes: Iterable[Mailbox], wakeup: Callable[[], None]) -> None:
        """Make a subscriber; the subscriptions begin with the `with` statement.

        Args:
            wakeup: Wakes the thread or the task when there is something to deliver. Called on any thread.
        """
        self._mailboxes = mailboxes
        self._queue = DispatchQueue(wakeup)
        self._ended: list[Mailbox] = []  # whose requests have ended since the last `deliver()`
        self.unfinished: dict[Mailbox, Subscription] = {}

    def __enter__(self) -> Self:
        thread = threading.get_ident()
        try:
            for mailbox in self._mailboxes:
                if mailbox.ends_for(thread):  # over, or this is a callback at its end, which must not wait for itself
                    self._ended.append(mailbox)
                elif mailbox not in self.unfinished:
                    flight = mailbox.flight
                    if flight is not None:
                        flight.be_watched()
                    subscription = self.unfinished[mailbox] = Subscription(mailbox, self._queue, self._ended)
                    mailbox.subscribe(subscription)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for mailbox, subscription in self.unfinished.items():
                mailbox.unsubscribe(subscription)
        except BaseException:  # Ctrl-C: a subscription that is left would keep the callbacks from all other threads
            for mailbox, subscription in self.unfinished.items():
                mailbox.unsubscribe(subscription)
            raise

    def sleep(self, waker: ThreadWaker, seconds: float | None) -> None:
        """Sleep until there is something to deliver, or until the time is over."""
        if waker.sleep(seconds):
            return
        # What no wake-up has reported: Ctrl-C may have come to the thread that was to send it.
        for mailbox, subscription in self.unfinished.items():
            if mailbox.is_over or mailbox.is_ready:
                subscription.enqueue()

    def deliver(self, budget: float | None = MAX_SLICE) -> list[Mailbox]:
        """Run callbacks that are pending, for a while.

        Args:
            budget: In seconds; None: all that are pending now.
        Returns:
            The mailboxes of requests that are over since the last time; nothing waits for them any more.
        Raises:
            BaseException: What a callback raised.
        """
        try:
            self._queue.drain(budget)
        except BaseException as error:  # noqa: BLE001 - it goes on
            from urlrequest._tracebacks import trimmed  # few callbacks raise

            raise trimmed(error)  # noqa: B904 - it is the same exception
        ended = self._ended[:]
        self._ended.clear()
        for mailbox in ended:
            subscription = self.unfinished.pop(mailbox, None)
            if subscription is not None:
                mailbox.unsubscribe(subscription)
        return ended


class _LoneWaiter:
    """A thread that waits for one request; it may read the response itself, and nobody has to wake it then."""

    __slots__ = ("_is_due", "_mailbox", "_waker", "thread")

    def __init__(self, mailbox: Mailbox, waker: ThreadWaker) -> None:
        self._mailbox = mailbox
        self._waker = waker
        self._is_due = Lock()  # held from `enqueue()` until events are delivered
        self.thread = threading.get_ident()

    def enqueue(self) -> None:
        """Make the thread deliver events. Any thread; never blocks."""
        if self._is_due.acquire(blocking=False) and threading.get_ident() != self.thread:
            self._waker.wake()

    def reset_after_fork(self) -> None:
        """Have nothing to deliver. In a forked child: another thread may have been about to wake this one."""
        self._is_due = Lock()

    def deliver(self) -> None:
        """Run callbacks that are pending, for a while."""
        if self._is_due.locked():
            self._is_due.release()  # before the look: an event that comes behind it makes the thread look again
            try:
                self._mailbox.deliver(MAX_BATCH, monotonic() + MAX_SLICE, self)
            except BaseException as error:  # noqa: BLE001 - it goes on
                from urlrequest._tracebacks import trimmed  # few callbacks raise

                raise trimmed(error)  # noqa: B904 - it is the same exception

    def sleep(self, seconds: float | None) -> None:
        """Sleep until there are events or the time is over; read the response if it comes meanwhile."""
        if self._is_due.locked():
            return
        waker, flight = self._waker, self._mailbox.flight
        if flight is not None and isinstance(waker, EventFdWaker):
            descriptor = flight.fileno()
            if descriptor < 0:  # another thread ends it in this moment
                waker.sleep(seconds)
            elif waker.sleep_beside(descriptor, seconds):
                flight.read()
                return
        else:
            if flight is not None:  # this waker can sleep on nothing else besides
                flight.be_watched()
            if waker.sleep(seconds):
                return
        # What no wake-up has reported: Ctrl-C may have come to the thread that was to send it.
        if self._mailbox.is_over or self._mailbox.is_ready:
            self.enqueue()


def wait_for_one(mailbox: Mailbox, *, delay: float | None, timeout: float | None) -> bool:
    """Deliver the events of a request on this thread until it is over.

    Args:
        delay: The longest sleep between two looks, in seconds; None: sleep until there is something to do.
        timeout: When to give up, in seconds; None: never.
    Returns:
        False when the time ran out.
    """
    flight = mailbox.flight
    # Without callbacks there is nothing that another thread could deliver meanwhile (MAILBOX-2).
    if flight is not None and (timeout is None or timeout > PROMPT) and flight.is_silent():
        flight.read_within(PROMPT)
    if mailbox.ends_for(threading.get_ident()):
        return True
    deadline = Deadline(timeout)
    max_sleep = earliest(delay, MAX_SLEEP)
    with borrowed_waker() as waker:
        waiter = _LoneWaiter(mailbox, waker)
        try:
            mailbox.subscribe(waiter)
            while True:
                waiter.deliver()
                if mailbox.is_over:
                    return True
                remaining = None if deadline.at is None else deadline.remaining()
                if remaining == 0:
                    return False
                waiter.sleep(max_sleep if remaining is None else earliest(max_sleep, remaining))
        finally:
            _unsubscribe(mailbox, waiter)


def _unsubscribe(mailbox: Mailbox, waiter: _LoneWaiter) -> None:
    try:
        mailbox.unsubscribe(waiter)
    except BaseException:  # Ctrl-C: a subscription that is left would keep the callbacks from all other threads
        mailbox.unsubscribe(waiter)
        raise


def wait_for(mailboxes: Iterable[Mailbox], *, delay: float | None, timeout: float | None) -> bool:
    """Deliver the events of these requests on this thread until all of them are over.

    Args:
        delay: The longest sleep between two looks, in seconds; None: sleep until there is something to do.
        timeout: When to give up, in seconds; None: never.
    Returns:
        False when the time ran out.
    """
    deadline = Deadline(timeout)
    max_sleep = earliest(delay, MAX_SLEEP)
    with borrowed_waker() as waker, Subscriber(mailboxes, waker.wake) as subscriber:
        while True:
            subscriber.deliver()
            if not subscriber.unfinished:
                return True
            remaining = None if deadline.at is None else deadline.remaining()
            if remaining == 0:
                return False
            subscriber.sleep(waker, max_sleep if remaining is None else earliest(max_sleep, remaining))


def as_completed(requests: Mapping[Mailbox, T], timeout: float | None = None) -> Iterator[T]:
    """Deliver the events of these requests on this thread, and yield each request when it is over.

    Args:
        requests: What to yield, by mailbox.
        timeout: The longest time until the last of them, in seconds; None: no limit.
    Raises:
        TimeoutError: The time ran out. BaseException: What a callback raised.
    """
    deadline, thread = Deadline(timeout), threading.get_ident()
    waiting = dict(requests)
    with borrowed_waker() as waker, Subscriber(requests, waker.wake) as subscriber:
        while waiting:
            ended = subscriber.deliver()
            if not ended:  # a terminal callback may have asked for the next one: it must not wait for itself
                ended = [mailbox for mailbox in waiting if mailbox.ends_for(thread)]
            for mailbox in ended:
                if mailbox in waiting:
                    yield waiting.pop(mailbox)
            if ended:
                continue
            if deadline.has_passed():
                raise TimeoutError(f"{len(waiting)} requests were not finished within {timeout:g} s")
            subscriber.sleep(waker, earliest(MAX_SLEEP or LOOK_INTERVAL, deadline.remaining()))
