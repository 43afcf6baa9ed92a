"""GLibHook: callbacks in a GLib main context, as in GTK and GStreamer programs."""

from __future__ import annotations

from threading import get_ident
from typing import Any
from weakref import WeakValueDictionary

from ._base import Hook, import_toolkit

__all__ = ["GLibHook"]

_hooks: WeakValueDictionary[int, GLibHook] = WeakValueDictionary()  # by context; a hook keeps its context alive


class GLibHook(Hook):
    """Runs callbacks where a main context is iterated.

    Wake-ups are idle sources, which start a poll at once. Their priority is below GTK's resizing and redrawing and
    above that of idle callbacks: a flood of events freezes no window.
    """

    def __init__(self, context: Any = None) -> None:
        """Bind to a main context; its loop may run or not.

        Args:
            context: A GLib.MainContext; None: the default one.
        Raises:
            ImportError: PyGObject is missing.
        """
        super().__init__()
        self._glib = import_toolkit("gi.repository.GLib", "PyGObject")
        self._context = self._glib.MainContext.default() if context is None else context
        self._priority = self._glib.PRIORITY_HIGH_IDLE + 30  # GTK redraws at +20
        other = _hooks.get(hash(self._context))
        if other is None or other.is_lost:
            _hooks[hash(self._context)] = self

    @classmethod
    def detect(cls) -> GLibHook | None:
        """Return the hook of this thread's own context, or else of the default one."""
        module = import_toolkit("gi.repository.GLib", "PyGObject")
        if not {"Idle", "MainContext"} <= vars(module).keys():
            return (
                None  # another thread still imports it, and to ask it for a class now would keep that class half made
            )
        contexts = module.MainContext
        context = contexts.get_thread_default() or contexts.default()
        hook = _hooks.get(hash(context))
        if hook is not None and hook._is_left_behind:  # noqa: SLF001 - its own class
            return None
        return cls(context) if hook is None or hook.is_lost else hook

    def _home(self) -> int:
        is_own = self._context != self._glib.MainContext.default()
        return get_ident() if is_own else super()._home()

    def wakeup(self) -> None:
        """Add an idle source that calls `run()` once."""
        source = self._glib.Idle(priority=self._priority)
        source.set_callback(self._on_wakeup)
        source.attach(self._context)

    def _on_wakeup(self, *_: object) -> bool:
        self.run()
        return False  # once
