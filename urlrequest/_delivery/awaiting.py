"""Awaiting requests under asyncio and trio.

A task that awaits a request is its dispatch thread meanwhile, as a thread in `wait()` is (contract 6.3, 17.8); the loop
goes on between the callbacks. Everything here runs on the thread of the loop; the wake-ups come from any thread.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from .waiting import Subscriber

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from .mailbox import Mailbox

    class _Loop(Protocol):
        """What awaiting needs of an event loop."""

        def make_event(self) -> Any:
            """An event with `set()` and an awaitable `wait()`; `set()` on the loop's thread only."""
            ...

        def call_soon(self, call: Callable[[], object]) -> None:
            """Call something on the loop's thread, if it still runs. Any thread; never blocks."""
            ...


__all__ = ["await_end"]


class _Asyncio:
    def __init__(self, asyncio: Any, loop: Any) -> None:
        self._loop = loop
        self.make_event = asyncio.Event

    def call_soon(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # it is closed: no task awaits any more
            self._loop.call_soon_threadsafe(call)


class _Trio:
    def __init__(self, trio: Any) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self.make_event = trio.Event

    def call_soon(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # trio.RunFinishedError: no task awaits any more
            self._token.run_sync_soon(call)


def _running_loop() -> _Loop:
    """Return the loop whose task this is. Either may run inside the other, as trio's guest mode and trio-asyncio do.

    Raises:
        RuntimeError: It is no task of asyncio or trio.
    """
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")  # a loop that runs has been imported
    loop = None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001 - get_running_loop() raises without one
    if loop is not None and asyncio is not None and asyncio.current_task(loop) is not None:
        return _Asyncio(asyncio, loop)
    if trio is not None and trio.lowlevel.in_trio_task():
        return _Trio(trio)
    if loop is not None:
        return _Asyncio(asyncio, loop)
    raise RuntimeError("no running event loop of asyncio or trio, which `await` needs; use on_success or wait()")


async def await_end(mailbox: Mailbox, cancel: Callable[[], bool]) -> None:
    """Deliver a request's events on the running loop until the request is over.

    Args:
        cancel: Cancels the request; called when the task that awaits it is cancelled.
    """
    loop = _running_loop()
    event = loop.make_event()

    def wake() -> None:  # always the present event: trio's cannot be cleared
        event.set()

    with Subscriber([mailbox], lambda: loop.call_soon(wake)) as subscriber:
        while True:
            subscriber.deliver()
            if not subscriber.unfinished:
                return
            await _wait_or_cancel(event, cancel, subscriber)
            event = loop.make_event()


async def _wait_or_cancel(event: Any, cancel: Callable[[], bool], subscriber: Subscriber) -> None:
    """Wait for the event; a task that is cancelled meanwhile cancels the request, whose last callbacks run at once."""
    try:
        await event.wait()
    except BaseException:
        if cancel():
            subscriber.deliver(None)
        raise
