"""AsyncioHook: callbacks in an asyncio event loop, and in whatever runs on one (uvloop, Textual, Toga, Jupyter ...)."""

from __future__ import annotations

import asyncio

from ._base import Hook

__all__ = ["AsyncioHook"]


class AsyncioHook(Hook):
    """Runs callbacks in an asyncio loop; exceptions go to the loop's exception handler."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Bind to a loop.

        Args:
            loop: The loop, running or not; None: the one that runs on this thread.
        Raises:
            RuntimeError: None was given, and none runs on this thread.
        """
        super().__init__()
        self._bind(asyncio.get_running_loop() if loop is None else loop)

    @classmethod
    def detect(cls) -> AsyncioHook | None:
        """Return the hook of the loop that runs on this thread."""
        loop = asyncio._get_running_loop()  # noqa: SLF001 - get_running_loop() raises where there is none: ten times slower
        return None if loop is None else cls._of(loop) or cls(loop)

    def wakeup(self) -> None:
        """Have the loop call `run()`; RuntimeError when it is closed."""
        self._loop.call_soon_threadsafe(_WakeUp(self))

    def handle_exception(self, error: BaseException) -> None:
        """Give the exception to the loop's exception handler."""
        what = {"message": "Exception in a callback of a urlrequest.UrlRequest", "exception": error}
        self._loop.call_exception_handler(what)


class _WakeUp:
    """One call of `run()`. A loop that is closed drops it, which is the only sign of it."""

    __slots__ = ("_hook",)

    def __init__(self, hook: AsyncioHook) -> None:
        self._hook: AsyncioHook | None = hook

    def __call__(self) -> None:
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.run()

    def __del__(self) -> None:
        if self._hook is not None:
            self._hook._see_end()  # noqa: SLF001 - a part of the hook
