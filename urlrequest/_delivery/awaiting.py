"""Awaiting requests under asyncio and trio, and taking many as they complete.

Whoever awaits a request is its dispatch thread meanwhile, as a thread in `wait()` is (contract 6.3, 17.8): the loop
goes on running between the callbacks. Everything here runs on the thread of the loop, or of the caller; the wake-ups
may come from any thread.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

from urlrequest._concurrency.deadline import Deadline, earliest
from urlrequest._concurrency.sync import MAX_SLEEP
from urlrequest._concurrency.wakeup import borrowed_waker

from .queue import SLICE, DispatchQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Protocol, TypeVar

    from .mailbox import Mailbox, Subscription

    T = TypeVar("T")

    class _Loop(Protocol):
        """What awaiting needs of an event loop."""

        def make_event(self) -> Any:
            """An event with `set()` and an awaitable `wait()`; `set()` on the loop's thread only."""
            ...

        def call_soon(self, call: Callable[[], object]) -> None:
            """Have something called on the loop's thread, if it still runs. Any thread; never blocks."""
            ...


__all__ = ["as_completed", "await_end"]


class _Asyncio:
    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self.make_event = asyncio.Event

    def call_soon(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # it is closed: nobody awaits any more
            self._loop.call_soon_threadsafe(call)


class _Trio:
    def __init__(self) -> None:
        import trio

        self._token = trio.lowlevel.current_trio_token()
        self.make_event = trio.Event

    def call_soon(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # trio.RunFinishedError: nobody awaits any more
            self._token.run_sync_soon(call)


def _running_loop() -> _Loop:
    """The loop that runs on this thread; trio first, which may run inside asyncio's (guest mode), never around it."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return _Trio()
    return _Asyncio()


async def await_end(mailbox: Mailbox, cancel: Callable[[], bool]) -> None:
    """Deliver a request's events on the running loop until the request is finished.

    Args:
        cancel: Cancels the request, when the task that awaits it is cancelled.
    """
    loop = _running_loop()
    event = loop.make_event()

    def wake() -> None:  # always the present event: trio's cannot be cleared
        event.set()

    queue = DispatchQueue(lambda: loop.call_soon(wake))
    thread = threading.get_ident()
    visit = mailbox.visit(queue)
    try:
        while True:
            queue.drain(SLICE)
            if mailbox.ends_for(thread):
                break
            await _wait_or_cancel(event, cancel, queue)
            event = loop.make_event()
    finally:
        mailbox.leave(visit)


async def _wait_or_cancel(event: Any, cancel: Callable[[], bool], queue: DispatchQueue) -> None:
    """Wait for the event; a task that is cancelled meanwhile cancels the request, whose last callbacks run at once."""
    try:
        await event.wait()
    except BaseException:
        if cancel():
            queue.drain()
        raise


def as_completed(requests: Mapping[Mailbox, T], timeout: float | None = None) -> Iterator[T]:
    """Deliver the events of these requests on the calling thread, and yield each request when it is finished.

    Args:
        requests: What to yield, by mailbox.
        timeout: The longest time until the last of them, in seconds; None: no limit.
    Raises:
        TimeoutError: The time ran out. BaseException: What a callback raised.
    """
    deadline, thread = Deadline(timeout), threading.get_ident()
    waiting = dict(requests)
    visits: dict[Mailbox, Subscription] = {}
    with borrowed_waker() as waker:
        queue = DispatchQueue(waker.wake)
        try:
            for mailbox in waiting:
                visits[mailbox] = mailbox.visit(queue)
            while waiting:
                queue.drain(SLICE)
                finished = [mailbox for mailbox in waiting if mailbox.ends_for(thread)]
                for mailbox in finished:
                    mailbox.leave(visits.pop(mailbox))
                    yield waiting.pop(mailbox)
                if finished:
                    continue
                if deadline.has_passed():
                    raise TimeoutError(f"{len(waiting)} requests were not finished within {timeout:g} s")
                waker.sleep(earliest(MAX_SLEEP, deadline.remaining()))
        finally:
            for mailbox, visit in visits.items():
                mailbox.leave(visit)
