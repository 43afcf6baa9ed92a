"""TkHook: callbacks in Tk's event loop.

A worker must not call Tk: such a call waits for the main loop. Only a thread that does nothing else may, see
`TkHook.find()`. Where Tk can watch a descriptor (all but Windows) a wake-up makes one readable; elsewhere a timer looks
for wake-ups.

Invariants:
    TK-1  What other threads may refer to, a hook and its `SharedWaker`, refers to nothing of Tk: to free the Tcl
          interpreter on another thread than its own ends the process.
    TK-2  While another thread looks for the default root's hook, `_visited` keeps the root. It lets go of it on the
          thread of a root, when no such thread is left.
"""

from __future__ import annotations

import sys
from _thread import start_new_thread
from contextlib import suppress
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, ClassVar

from urlrequest._concurrency.wakeup import LockWaker, new_waker
from urlrequest.errors import HookError

from ._base import PAUSE_MS, YieldingHook, import_toolkit, weak_callback
from ._frames import is_within
from ._tk_wakeup import MAX_DESCRIPTOR, FileHandler, Poller, SharedWaker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TkHook"]

# Not by an import statement: PyInstaller and Nuitka would put Tcl, Tk and X11, 13 MB, into every program.
tk = import_toolkit("tkinter", "tkinter")

_MAIN_LOOPS = {tk.Misc.mainloop.__code__, tk.mainloop.__code__}
_asking = Lock()  # held while Tk's thread is being asked
_visitors: set[int] = set()  # idents of other threads than Tk's that use a root now
_visited: list[Any] = []  # what they use, or have used


class TkHook(YieldingHook):
    """Runs callbacks in the event loop of a Tk root, `update()` included. Make it on the root's thread.

    Exceptions go to the root's `report_callback_exception`.
    """

    _polls: ClassVar[bool] = sys.platform == "win32"
    _shared: SharedWaker | None = None

    def __init__(self, root: Any = None) -> None:
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
        waker = LockWaker() if self._polls else new_waker()
        shared = SharedWaker(waker)
        try:
            if not isinstance(waker, LockWaker) and waker.descriptor <= MAX_DESCRIPTOR:
                FileHandler(self, root, shared, waker.descriptor)
            else:
                Poller(self, root, shared)
        except RuntimeError as error:
            raise HookError(f"a TkHook must be made on the thread of its Tk root: {error}") from error
        self._shared = shared
        self._thread = get_ident()
        self._bind(root)
        _let_go()

    def __del__(self) -> None:
        self._close_tk_side()

    @classmethod
    def detect(cls) -> TkHook | None:
        """Return the default root's hook. Only the root's own thread makes it; before, other threads have none."""
        root = _default_root()
        if root is None or not cls._is_ours(root):
            return None
        try:
            return cls._of(root) or cls(root)
        except HookError:
            return None

    @classmethod
    def find(cls, thread: int) -> TkHook | None:  # noqa: ARG003 - Tk belongs to one thread, whichever asks
        """Return the default root's hook. If it has none, Tk is asked to make it while `mainloop()` runs, for later."""
        hook = _visit(cls.detect)
        if hook is None and not _asking.locked() and is_within(_MAIN_LOOPS):
            start_new_thread(_visit, (_ask_for_hook,))  # it waits for Tk's thread, which may be busy
        return hook

    def _home(self) -> int:
        return self._thread

    def wakeup(self) -> None:
        """Wake Tk; HookError when the root was destroyed."""
        shared = self._shared
        if shared is None:
            raise HookError("the Tk root was destroyed")
        shared.waker.wake()

    def _pause(self) -> None:
        root = self._find_loop()
        if root is not None:  # else it has just been destroyed, which the wake-up for what is pending notices
            root.tk.createtimerhandler(PAUSE_MS, weak_callback(self._resume))

    def handle_exception(self, error: BaseException) -> None:
        """Give the exception to the root's `report_callback_exception`."""
        self._loop.report_callback_exception(type(error), error, error.__traceback__)

    def close(self) -> None:
        """Leave the root: from now on `wait()` and `urlrequest.drain()` run the callbacks. Any thread."""
        super().close()
        self._close_tk_side()

    def _on_loop_end(self) -> None:
        self._close_tk_side()
        super()._on_loop_end()

    def _close_tk_side(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.close()


def _default_root() -> Any:
    return getattr(tk, "_default_root", None)  # absent after NoDefaultRoot()


def _visit(look: Callable[[], TkHook | None]) -> TkHook | None:
    """Call something that uses the default root, on another thread than its own (TK-2)."""
    _visitors.add(get_ident())
    try:
        _visited.extend(root for root in [_default_root()] if root is not None and root not in _visited)
        return look()
    finally:
        _visitors.discard(get_ident())  # by now, this thread refers to no root


def _let_go() -> None:
    """Forget the roots that no other thread uses any more. On the thread of a root."""
    count = len(_visited)  # a thread that comes in behind this line is in `_visitors` before it adds a root
    if not _visitors:
        del _visited[:count]


def _ask_for_hook() -> None:
    """Have the thread of the default root make its hook. On a thread that may wait for it."""
    with _asking, suppress(RuntimeError, tk.TclError, AttributeError):  # the main loop, or the root, has gone meanwhile
        _default_root().after(0, TkHook.detect)
