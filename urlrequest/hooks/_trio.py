"""TrioHook: callbacks in a trio run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._base import ThreadHook, import_toolkit
from ._frames import calls_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TrioHook"]


class TrioHook(ThreadHook):
    """Runs callbacks in the trio run that it was made in, between two steps of its tasks.

    What a callback raises goes to `sys.excepthook`, KeyboardInterrupt and SystemExit too: where trio calls the hook, an
    exception would end the run with an internal error.
    """

    _propagated = ()

    def __init__(self, token: Any = None) -> None:
        """Bind to a trio run.

        Args:
            token: The run's TrioToken; None: the one of this thread's.
        Raises:
            RuntimeError: None was given, and none runs on this thread.
            ImportError: trio is missing.
        """
        super().__init__(import_toolkit("trio", "trio").lowlevel.current_trio_token() if token is None else token)

    @classmethod
    def detect(cls) -> TrioHook | None:
        """Return the hook of the trio run whose task this thread is in.

        A thread that is in the run, but in no task of it, may be in the code of the loop that a guest run is in.
        """
        lowlevel = import_toolkit("trio", "trio").lowlevel
        token = lowlevel.current_trio_token() if lowlevel.in_trio_task() else None
        return (cls._of(token) or cls(token)) if token is not None and cls._is_ours(token) else None

    @classmethod
    def _loop_on(cls, thread: int) -> Any:
        """Return the token of the run on a thread, which trio itself does not tell for other threads."""
        for variables in calls_of(thread, "trio"):
            runner = variables.get("runner")
            if runner is not None:
                return runner.current_trio_token()
        return None

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
