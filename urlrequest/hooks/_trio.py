"""TrioHook: callbacks in a trio run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._base import YieldingHook, toolkit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TrioHook"]


class TrioHook(YieldingHook):
    """Runs callbacks in the trio run that it was made in, between two steps of its tasks.

    What a callback raises goes to `sys.excepthook`, KeyboardInterrupt and SystemExit too: from where trio calls it, an
    exception would tear the run down.
    """

    _passing = ()

    def __init__(self) -> None:
        """Bind to the run that goes on on this thread.

        Raises:
            RuntimeError: There is none.
            ImportError: trio is missing.
        """
        super().__init__()
        self._bind(toolkit("trio", "trio").lowlevel.current_trio_token())

    @classmethod
    def detect(cls) -> TrioHook | None:
        """Return the hook of the run that goes on on this thread."""
        try:
            token = toolkit("trio", "trio").lowlevel.current_trio_token()
        except RuntimeError:
            return None
        return cls._of(token) or cls()

    def wakeup(self) -> None:
        """Have trio call `run()`; trio.RunFinishedError when the run is over."""
        self._loop.run_sync_soon(self._come, idempotent=True)

    def _pause(self) -> None:
        # Twice around: the first time it may come before the tasks that a timer has just woken.
        self._call_soon(lambda: self._call_soon(self._resume))

    def _call_soon(self, call: Callable[[], None]) -> None:
        try:
            self._loop.run_sync_soon(call)
        except toolkit("trio", "trio").RunFinishedError:
            self._see_end()
