"""Ears: how Tk hears a bell. They live on Tk's thread alone, and only Tk holds them."""

from __future__ import annotations

import tkinter as tk
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import ref

from ._base import REST, weakly

if TYPE_CHECKING:
    from ._bell import Bell, PipeBell
    from ._tk import TkHook

__all__ = ["MOST_DESCRIPTORS", "PollingEar", "WatchingEar"]

MOST_DESCRIPTORS = 1024  # what select(), with which Tk watches them, can take
BUSY_INTERVAL, IDLE_INTERVAL = 15, 60  # milliseconds from one look to the next
BUSY_TIME = 2.0  # seconds after an event in which more are expected


class _Ear:
    """What both have in common: they end with the root."""

    def __init__(self, hook: TkHook, root: Any, bell: Bell) -> None:
        self._find_hook = ref(hook)
        self._tk: Any = root.tk
        self._bell = bell
        # A tag of its own leaves the application's bindings of the root alone.
        tag = f"urlrequest{id(self)}"
        root.bind_class(tag, "<Destroy>", weakly(self._see_destroy))
        root.bindtags((tag, *root.bindtags()))

    def _see_destroy(self) -> None:
        self.stop()
        hook = self._find_hook()
        if hook is not None:
            hook._see_end()  # noqa: SLF001 - a part of the hook

    def stop(self) -> None:
        """Be forgotten by Tk."""
        raise NotImplementedError


class WatchingEar(_Ear):
    """Has Tk watch the bell's descriptor.

    While one is readable, Tk does not redraw; so a timer brings what is left when the budget is spent.
    """

    _rests = False  # a timer is on its way

    def __init__(self, hook: TkHook, root: Any, bell: PipeBell) -> None:
        self._descriptor = bell.descriptor
        root.tk.createfilehandler(self._descriptor, tk.READABLE, self._come)
        super().__init__(hook, root, bell)

    def stop(self) -> None:
        self._tk.deletefilehandler(self._descriptor)

    def _come(self, *_: object) -> None:
        self._bell.hush()
        hook = self._find_hook()
        if self._bell.is_dismissed:
            self.stop()
        elif hook is not None and not self._rests:
            try:
                hook.run()
            finally:
                if hook.queue.has_pending:
                    self._rests = True
                    self._tk.createtimerhandler(REST, self._resume)

    def _resume(self) -> None:
        self._rests = False
        self._come()


class PollingEar(_Ear):
    """Looks at the bell now and then, more often while there is something to see."""

    def __init__(self, hook: TkHook, root: Any, bell: Bell) -> None:
        self._busy_until = monotonic() + BUSY_TIME
        self._timer = root.tk.createtimerhandler(BUSY_INTERVAL, self._come)
        super().__init__(hook, root, bell)

    def stop(self) -> None:
        self._timer.deletetimerhandler()

    def _come(self) -> None:
        hook = self._find_hook()
        if self._bell.is_dismissed or hook is None:
            return
        now = monotonic()
        is_rung = self._bell.hush()
        if is_rung:
            self._busy_until = now + BUSY_TIME
        interval = BUSY_INTERVAL if now < self._busy_until else IDLE_INTERVAL
        self._timer = self._tk.createtimerhandler(interval, self._come)  # first: callbacks may run loops of their own
        if is_rung:
            hook.run()
