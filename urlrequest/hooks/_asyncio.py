"""AsyncioHook: callbacks in an asyncio event loop, also those of uvloop, Textual, Toga and Jupyter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from urlrequest.errors import HookError

from ._base import PAUSE_MS, ThreadHook
from ._frames import calls_of, running_threads

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AsyncioHook"]


class AsyncioHook(ThreadHook):
    """Runs callbacks in an asyncio event loop; exceptions go to the loop's exception handler."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Bind to a loop.

        Args:
            loop: The loop, running or not; None: the one that runs on this thread.
        Raises:
            RuntimeError: None was given, and none runs on this thread.
        """
        super().__init__(asyncio.get_running_loop() if loop is None else loop)

    @classmethod
    def detect(cls) -> AsyncioHook | None:
        """Return the hook of the loop that runs on this thread."""
        loop = asyncio._get_running_loop()  # noqa: SLF001 - get_running_loop() raises where there is none: ten times slower
        return None if loop is None else cls._of(loop) or cls(loop)

    @classmethod
    def _loop_on(cls, thread: int) -> asyncio.AbstractEventLoop | None:
        """Return the loop that runs on a thread, which asyncio itself does not tell for other threads."""
        for variables in calls_of(thread, "asyncio"):
            for value in variables.values():
                # What runs a loop of another library, such as uvloop, is asyncio's Runner.
                loop = getattr(value, "_loop", None) if type(value).__name__ == "Runner" else value
                if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running():
                    return loop
        return None

    @classmethod
    def find(cls, thread: int) -> AsyncioHook | None:
        """Return the hook of the loop that runs on a thread, on the main thread, or whose worker the thread is."""
        hook = super().find(thread)
        if hook is not None:
            return hook
        for home in running_threads():
            loop = cls._loop_on(home)
            if loop is not None and _is_worker_of(loop, thread):
                return super().find(home)
        return None

    def wakeup(self) -> None:
        """Make the loop call `run()`; HookError when it is closed."""
        loop = self._loop
        if loop.is_closed():  # not every loop says so when it is called
            raise HookError("it is closed")
        loop.call_soon_threadsafe(_WakeUp(self, self._on_wakeup))

    def _begin_to_read(self) -> None:
        self._read_with(self._loop.add_reader)

    def _pause(self) -> None:
        self._loop.call_later(PAUSE_MS / 1000, _WakeUp(self, self._resume))

    def handle_exception(self, error: BaseException) -> None:
        """Give the exception to the loop's exception handler."""
        what = {"message": "Exception in a callback of a urlrequest.UrlRequest", "exception": error}
        self._loop.call_exception_handler(what)


def _is_worker_of(loop: asyncio.AbstractEventLoop, thread: int) -> bool:
    """Whether a thread runs what a loop is given by `asyncio.to_thread()`, which asyncio itself does not tell.

    A loop that does not say which threads it uses, such as uvloop's, has none.
    """
    executor = getattr(loop, "_default_executor", None)
    return any(worker.ident == thread for worker in list(getattr(executor, "_threads", ())))


class _WakeUp:
    """One call of a hook's method. A loop that is closed drops the call, and nothing else shows that it has ended."""

    __slots__ = ("_call", "_hook")

    def __init__(self, hook: AsyncioHook, call: Callable[[], None]) -> None:
        self._hook: AsyncioHook | None = hook
        self._call = call

    def __call__(self) -> None:
        self._hook = None
        self._call()

    def __del__(self) -> None:
        if self._hook is not None:
            self._hook._on_drop()  # noqa: SLF001 - a part of the hook
