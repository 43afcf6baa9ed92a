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
from urlrequest.errors import RequestCancelled

from .queue import SLICE, DispatchQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any, Protocol

    from urlrequest._client.request import UrlRequest

    from .mailbox import Mailbox, Subscription

    class _Loop(Protocol):
        """What awaiting needs of an event loop."""

        def make_event(self) -> Any:
            """An event with `set()` and an awaitable `wait()`; `set()` on the loop's thread only."""
            ...

        def call_soon(self, call: Callable[[], object]) -> None:
            """Have something called on the loop's thread, if it still runs. Any thread; never blocks."""
            ...


__all__ = ["as_completed", "await_request"]


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


async def _finish(request: UrlRequest) -> UrlRequest:
    """Deliver the request's events on this loop until it is finished."""
    loop = _running_loop()
    event = loop.make_event()

    def wake() -> None:  # always the present event: trio's cannot be cleared
        event.set()

    queue = DispatchQueue(lambda: loop.call_soon(wake))
    thread = threading.get_ident()
    visit = request.mailbox.visit(queue)
    request.is_awaited = True
    try:
        while True:
            queue.drain(SLICE)
            if request.mailbox.ends_for(thread):
                break
            await _wait_or_cancel(event, request, queue)
            event = loop.make_event()
    finally:
        request.mailbox.leave(visit)
    if request.is_cancelled:
        raise RequestCancelled(f"{request!r} was cancelled")
    if request.error is not None:
        raise request.error
    return request


async def _wait_or_cancel(event: Any, request: UrlRequest, queue: DispatchQueue) -> None:
    """Wait for the event; a task that is cancelled meanwhile cancels the request, whose last callbacks run at once."""
    try:
        await event.wait()
    except BaseException:
        if request.cancel():
            queue.drain()
        raise


def await_request(request: UrlRequest) -> Generator[Any, Any, UrlRequest]:
    """What `await request` runs: see `UrlRequest.__await__`."""
    return _finish(request).__await__()


def as_completed(requests: Iterable[UrlRequest], timeout: float | None = None) -> Iterator[UrlRequest]:
    """Run the callbacks of these requests on the calling thread, and yield each request when it is finished.

    Args:
        timeout: The longest time until the last of them, in seconds; None: no limit.
    Raises:
        TimeoutError: The time ran out. BaseException: What a callback raised.
    """
    deadline, thread = Deadline(timeout), threading.get_ident()
    waiting = {request.mailbox: request for request in requests}
    visits: dict[Mailbox, Subscription] = {}
    with borrowed_waker() as waker:
        queue = DispatchQueue(waker.wake)
        try:
            for mailbox in waiting:
                visits[mailbox] = mailbox.visit(queue)
            while waiting:
                queue.drain(SLICE)
                finished = [request for mailbox, request in waiting.items() if mailbox.ends_for(thread)]
                for request in finished:
                    del waiting[request.mailbox]
                    request.mailbox.leave(visits.pop(request.mailbox))
                    yield request
                if finished:
                    continue
                if deadline.has_passed():
                    raise TimeoutError(f"{len(waiting)} requests were not finished within {timeout:g} s")
                waker.sleep(earliest(MAX_SLEEP, deadline.remaining()))
        finally:
            for mailbox, visit in visits.items():
                mailbox.leave(visit)
