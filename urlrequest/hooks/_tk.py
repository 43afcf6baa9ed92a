"""TkHook: callbacks in Tk's event loop.

A worker must not call Tk: such a call waits for the main loop. Where Tk can watch a descriptor (all but Windows) a
wake-up rings a bell; elsewhere a timer looks whether there is something to do.
"""

from __future__ import annotations

import sys
import tkinter
from time import monotonic
from typing import Any, ClassVar
from weakref import ref

from urlrequest.errors import HookError

from ._base import Hook, weakly
from ._bell import Bell

__all__ = ["TkHook"]

MOST_DESCRIPTORS = 1024  # what select(), with which Tk watches them, can take
BUSY_INTERVAL, IDLE_INTERVAL = 15, 60  # milliseconds from one look to the next
BUSY_TIME = 2.0  # seconds after an event in which more are expected


class TkHook(Hook):
    """Runs callbacks in the event loop of a Tk root, `update()` included. Make it on the root's thread.

    Exceptions go to the root's `report_callback_exception`.
    """

    _polls: ClassVar[bool] = sys.platform == "win32"

    def __init__(self, root: tkinter.Misc | None = None) -> None:
        """Bind to a root.

        Args:
            root: The Tk root, or any widget below it; None: the default root.
        Raises:
            HookError: There is no root yet, or it belongs to another thread.
        """
        super().__init__()
        self._post: _Watch | _Poll | None = None
        widget: Any = _default_root() if root is None else root
        if widget is None:
            raise HookError("a TkHook needs a Tk root, and there is none yet")
        root = widget._root()
        try:
            self._post = _Poll(self, root.tk) if self._polls else _Watch(self, root.tk)
        except RuntimeError as error:
            raise HookError(f"a TkHook must be made on the thread of its Tk root: {error}") from error
        # A tag of its own leaves the application's bindings of the root alone.
        tag = f"urlrequest{id(self)}"
        root.bind_class(tag, "<Destroy>", weakly(self._see_destroy))
        root.bindtags((tag, *root.bindtags()))
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
        post = self._post
        if post is None:
            raise HookError("the Tk root was destroyed")
        post.ring()

    def handle_exception(self, error: BaseException) -> None:
        """Give the exception to the root's `report_callback_exception`."""
        self._loop.report_callback_exception(type(error), error, error.__traceback__)

    def close(self) -> None:
        """Give up the root: events go to `wait()` and `urlrequest.drain()` from now on. Any thread."""
        super().close()
        self._dismiss()

    def _dismiss(self) -> None:
        """Have Tk forget the post, on its own thread."""
        post, self._post = self._post, None
        if post is not None:
            post.is_dismissed = True
            post.ring()

    def _see_destroy(self) -> None:
        if self._post is not None:
            self._post.stop()
        self._post = None
        self._see_end()


class _Watch:
    """Has Tk watch a bell, which keeps the hook as long as others do."""

    def __init__(self, hook: TkHook, tk: Any) -> None:
        self._find_hook = ref(hook)
        self._tk = tk
        self._bell = Bell()
        self.is_dismissed = False
        tk.createfilehandler(self._bell.descriptor, tkinter.READABLE, self._come)

    def ring(self) -> None:
        self._bell.ring()

    def stop(self) -> None:
        self._tk.deletefilehandler(self._bell.descriptor)

    def _come(self, *_: object) -> None:
        self._bell.hush()
        hook = self._find_hook()
        if self.is_dismissed:
            self.stop()
        elif hook is not None:
            hook.run()


class _Poll:
    """Has Tk look now and then, more often while there is something to see."""

    def __init__(self, hook: TkHook, tk: Any) -> None:
        self._find_hook = ref(hook)
        self._tk = tk
        self._busy_until = monotonic() + BUSY_TIME
        self._is_rung = False
        self.is_dismissed = False
        self._timer = tk.createtimerhandler(BUSY_INTERVAL, self._come)

    def ring(self) -> None:
        self._is_rung = True

    def stop(self) -> None:
        self._timer.deletetimerhandler()

    def _come(self) -> None:
        hook = self._find_hook()
        if self.is_dismissed or hook is None:
            return
        now = monotonic()
        if self._is_rung:
            self._busy_until = now + BUSY_TIME
        # Before the callbacks, which may run a loop of their own.
        self._timer = self._tk.createtimerhandler(
            BUSY_INTERVAL if now < self._busy_until else IDLE_INTERVAL, self._come
        )
        if self._is_rung:
            self._is_rung = False
            hook.run()


def _default_root() -> Any:
    return getattr(tkinter, "_default_root", None)  # absent after NoDefaultRoot()
