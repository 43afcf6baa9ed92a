"""How Tk notices a wake-up: it watches a descriptor, or a timer looks for it.

Both objects live on Tk's thread, and only Tk refers to them. What a hook shares with them refers to nothing of Tk.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import ref

from ._base import import_toolkit, weak_callback

if TYPE_CHECKING:
    from urlrequest._concurrency.wakeup import DescriptorWaker, LockWaker

    from ._base import YieldingHook

__all__ = ["MAX_DESCRIPTOR", "FileHandler", "Poller", "SharedWaker"]

tk = import_toolkit("tkinter", "tkinter")  # see `_tk`

MAX_DESCRIPTOR = 1023  # Tk watches descriptors with select(), which takes none above
BUSY_INTERVAL, IDLE_INTERVAL = 15, 60  # milliseconds from one look to the next
BUSY_TIME = 2.0  # seconds after an event in which more are expected


class SharedWaker:
    """What a hook wakes Tk by. Any thread.

    Attributes:
        is_closed: The hook has been closed or freed: Tk's side ends with the wake-up that follows.
    """

    __slots__ = ("is_closed", "waker")

    def __init__(self, waker: DescriptorWaker | LockWaker) -> None:
        self.waker = waker
        self.is_closed = False

    def close(self) -> None:
        """Make Tk's side end, on Tk's thread."""
        self.is_closed = True
        self.waker.wake()


class _TkSide:
    """What both ways have in common: they end with the root."""

    def __init__(self, hook: YieldingHook, root: Any, shared: SharedWaker) -> None:
        self._find_hook = ref(hook)
        self._tk: Any = root.tk
        self._shared = shared
        # A tag of its own leaves the application's bindings of the root alone.
        tag = f"urlrequest{id(self)}"
        root.bind_class(tag, "<Destroy>", weak_callback(self._on_destroy))
        root.bindtags((tag, *root.bindtags()))

    def _on_destroy(self) -> None:
        self.stop()
        hook = self._find_hook()
        if hook is not None:
            hook._on_loop_end()  # noqa: SLF001 - a part of the hook

    def stop(self) -> None:
        """Unregister from Tk, which frees this object."""
        raise NotImplementedError


class FileHandler(_TkSide):
    """Makes Tk watch the waker's descriptor.

    While one is readable, Tk does not redraw; so the hook pauses when its budget is spent (see `YieldingHook`).
    """

    def __init__(self, hook: YieldingHook, root: Any, shared: SharedWaker, descriptor: int) -> None:
        self._descriptor = descriptor
        root.tk.createfilehandler(descriptor, tk.READABLE, self._on_readable)
        super().__init__(hook, root, shared)

    def stop(self) -> None:
        self._tk.deletefilehandler(self._descriptor)

    def _on_readable(self, *_: object) -> None:
        self._shared.waker.drain()
        hook = self._find_hook()
        if self._shared.is_closed:
            self.stop()
        elif hook is not None:
            hook._on_wakeup()  # noqa: SLF001 - a part of the hook


class Poller(_TkSide):
    """Looks for a wake-up now and then, more often while there are some."""

    def __init__(self, hook: YieldingHook, root: Any, shared: SharedWaker) -> None:
        self._busy_until = monotonic() + BUSY_TIME
        self._timer = root.tk.createtimerhandler(BUSY_INTERVAL, self._look)
        super().__init__(hook, root, shared)

    def stop(self) -> None:
        self._timer.deletetimerhandler()

    def _look(self) -> None:
        hook = self._find_hook()
        if self._shared.is_closed or hook is None:
            return
        now = monotonic()
        is_woken = self._shared.waker.drain()
        if is_woken:
            self._busy_until = now + BUSY_TIME
        interval = BUSY_INTERVAL if now < self._busy_until else IDLE_INTERVAL
        self._timer = self._tk.createtimerhandler(interval, self._look)  # first: callbacks may run loops of their own
        if is_woken:
            hook.run()
