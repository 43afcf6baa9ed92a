"""TkHook: callbacks in Tk's event loop.

A worker must not call Tk: such a call waits for the main loop. Where Tk can watch a descriptor (all but Windows) a
wake-up rings a bell that Tk hears; elsewhere a timer looks at one.

Invariant:
    K1  What other threads hold of a hook (it and its bell) holds nothing of Tk's: the interpreter must not be freed on
        another thread than its own, which ends the process.
"""

from __future__ import annotations

import sys
import tkinter as tk
from typing import Any, ClassVar

from urlrequest.errors import HookError

from ._base import Hook
from ._bell import Bell, PipeBell
from ._tk_wakeup import MOST_DESCRIPTORS, PollingEar, WatchingEar

__all__ = ["TkHook"]


class TkHook(Hook):
    """Runs callbacks in the event loop of a Tk root, `update()` included. Make it on the root's thread.

    Exceptions go to the root's `report_callback_exception`.
    """

    _polls: ClassVar[bool] = sys.platform == "win32"
    _bell: Bell | None = None

    def __init__(self, root: tk.Misc | None = None) -> None:
        """Bind to a root.

        Args:
            root: The Tk root, or any widget below it; None: the default root.
        Raises:
            HookError: There is no root yet, or it belongs to another thread.
        """
        super().__init__()
        widget: Any = _default_root() if root is None else root
        if widget is None:
            raise HookError("a TkHook needs a Tk root, and there is none yet")
        root = widget.nametowidget(".") if widget.master else widget
        bell = Bell() if self._polls else PipeBell()
        try:
            if isinstance(bell, PipeBell) and bell.descriptor < MOST_DESCRIPTORS:
                WatchingEar(self, root, bell)
            else:
                PollingEar(self, root, bell)
        except RuntimeError as error:
            raise HookError(f"a TkHook must be made on the thread of its Tk root: {error}") from error
        self._bell = bell
        self._bind(root)

    def __del__(self) -> None:
        self._dismiss()

    @classmethod
    def detect(cls) -> TkHook | None:
        """Return the default root's hook. On another thread than the root's there is none before the root's had one."""
        root = _default_root()
        if root is None:
            return None
        try:
            return cls._of(root) or cls(root)
        except HookError:
            return None

    def wakeup(self) -> None:
        """Ring; HookError when the root was destroyed."""
        bell = self._bell
        if bell is None:
            raise HookError("the Tk root was destroyed")
        bell.ring()

    def handle_exception(self, error: BaseException) -> None:
        """Give the exception to the root's `report_callback_exception`."""
        self._loop.report_callback_exception(type(error), error, error.__traceback__)

    def close(self) -> None:
        """Give up the root: events go to `wait()` and `urlrequest.drain()` from now on. Any thread."""
        super().close()
        self._dismiss()

    def _see_end(self) -> None:
        self._dismiss()
        super()._see_end()

    def _dismiss(self) -> None:
        """Have Tk forget the bell, on its own thread."""
        bell, self._bell = self._bell, None
        if bell is not None:
            bell.is_dismissed = True
            bell.ring()


def _default_root() -> Any:
    return getattr(tk, "_default_root", None)  # absent after NoDefaultRoot()
