"""TkHook: callbacks in Tk's event loop.

A worker must not call Tk: such a call waits until Tk turns. Only a thread that does nothing else may, see
`TkHook.find()`. Where Tk can watch a descriptor (all but Windows) a wake-up makes one readable; elsewhere a timer looks
for wake-ups.

Invariants:
    TK-1  What other threads may refer to, a hook and its `SharedWaker`, refers to nothing of Tk: to free the Tcl
          interpreter on another thread than its own ends the process.
    TK-2  While another thread looks for a root's hook, `_visited` keeps the root. It lets go of it on the thread of a
          root, when no such thread is left.
"""

from __future__ import annotations

import sys
from _thread import start_new_thread
from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar

from urlrequest._concurrency.sync import ScopedLock
from urlrequest._concurrency.wakeup import LockWaker, new_waker
from urlrequest.errors import HookError

from ._base import PAUSE_MS, YieldingHook, import_toolkit, weak_callback
from ._frames import calls_of, running_threads
from ._tk_wakeup import MAX_DESCRIPTOR, FileHandler, Poller, SharedWaker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TkHook"]

# Not by an import statement: PyInstaller and Nuitka would put Tcl, Tk and X11, 13 MB, into every program.
tk = import_toolkit("tkinter", "tkinter")

_asking = ScopedLock()  # held while Tk's thread is being asked
_visitors: set[int] = set()  # idents of other threads than Tk's that use a root now
_visited: list[Any] = []  # the roots that they use, or have used


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
        """Return the hook of the root in use. Only the root's own thread makes it; before, other threads have none."""
        root = _root_in_use(get_ident())
        return None if root is None else cls._detect_of(root)

    @classmethod
    def _detect_of(cls, root: Any) -> TkHook | None:
        if not cls._is_ours(root):
            return None
        try:
            return cls._of(root) or cls(root)
        except HookError:
            return None

    @classmethod
    def find(cls, thread: int) -> TkHook | None:  # noqa: ARG003 - Tk belongs to one thread, whichever asks
        """Return the hook of the root in use. If it has none, Tk is asked to make it, which it does once it turns."""
        return _visit(cls._find_or_ask)

    @classmethod
    def _find_or_ask(cls, root: Any) -> TkHook | None:
        hook = cls._detect_of(root)
        if hook is None and cls._is_ours(root) and not _asking.locked():
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


def reset_after_fork() -> None:
    """Start afresh. In a forked child, where the threads that use a root do not live on."""
    global _asking
    _asking = ScopedLock()
    _visitors.clear()


def _default_root() -> Any:
    return getattr(tk, "_default_root", None)  # absent after NoDefaultRoot()


def _root_in_use(*threads: int) -> Any:
    """Return the default root; where there is none, the root of a widget that one of these threads is in a call of."""
    root = _default_root()
    if root is not None:
        return root
    for thread in threads:
        for variables in calls_of(thread, "tkinter"):
            caller: Any = variables.get("self")  # a widget, or what calls a handler of it
            widget: Any = caller.widget if isinstance(caller, tk.CallWrapper) else caller
            if isinstance(widget, tk.Misc):
                return widget._root()  # noqa: SLF001 - winfo_toplevel() may be another window, and calls Tk
    return None


def _visit(use: Callable[[Any], TkHook | None]) -> TkHook | None:
    """Call something with the root in use, on another thread than its own (TK-2)."""
    _visitors.add(get_ident())
    try:
        return _use_root(use)
    finally:
        _visitors.discard(get_ident())  # by now, this thread refers to no root


def _use_root(use: Callable[[Any], TkHook | None]) -> TkHook | None:
    root = _root_in_use(*running_threads())
    if root is None:
        return None
    if root not in _visited:
        _visited.append(root)
    return use(root)


def _let_go() -> None:
    """Forget the roots that no other thread uses any more. On the thread of a root."""
    count = len(_visited)  # a thread that comes in behind this line is in `_visitors` before it adds a root
    if not _visitors:
        del _visited[:count]


def _ask_for_hook(root: Any) -> None:
    """Have the thread of a root make its hook. On a thread that may wait for it."""
    with _asking, suppress(RuntimeError, tk.TclError, AttributeError):  # the root has gone meanwhile, or is half made
        root.tk.willdispatch()  # else the call fails where a program's own loop calls update()
        root.after(0, TkHook.detect)
