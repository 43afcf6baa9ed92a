"""TrioHook: callbacks in a trio run."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING

from ._base import YieldingHook, import_toolkit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TrioHook"]


class TrioHook(YieldingHook):
    """Runs callbacks in the trio run that it was made in, between two steps of its tasks.

    What a callback raises goes to `sys.excepthook`, KeyboardInterrupt and SystemExit too: where trio calls the hook, an
    exception would end the run with an internal error.
    """

    _propagated = ()

    def __init__(self) -> None:
        """Bind to the trio run of this thread.

        Raises:
            RuntimeError: There is none.
            ImportError: trio is missing.
        """
        super().__init__()
        self._bind(import_toolkit("trio", "trio").lowlevel.current_trio_token())

    @classmethod
    def detect(cls) -> TrioHook | None:
        """Return the hook of the trio run of this thread."""
        try:
            token = import_toolkit("trio", "trio").lowlevel.current_trio_token()
        except RuntimeError:
            return None
        return cls._of(token) or cls()

    def _home(self) -> int:
        return get_ident()

    def wakeup(self) -> None:
        """Make trio call `run()`; trio.RunFinishedError when the run is over."""
        self._loop.run_sync_soon(self._on_wakeup, idempotent=True)

    def _pause(self) -> None:
        # Two rounds: in the first, the call may come before the tasks that a timer has just woken.
        self._call_soon(lambda: self._call_soon(self._resume))

    def _call_soon(self, call: Callable[[], None]) -> None:
        try:
            self._loop.run_sync_soon(call)
        except import_toolkit("trio", "trio").RunFinishedError:
            self._on_loop_end()
