"""WxHook: callbacks in the main loop of wxPython."""

from __future__ import annotations

import atexit

from urlrequest.errors import HookError

from ._base import PAUSE_MS, YieldingHook, import_toolkit, weak_callback

__all__ = ["WxHook"]


class WxHook(YieldingHook):
    """Runs callbacks in the wx.App's main loop, and in the loops of modal dialogs.

    Wake-ups are events for a receiver of its own, which is there whatever windows are closed. While there are such
    events, wx does nothing else; so the hook pauses when its budget is spent.
    """

    def __init__(self) -> None:
        """Bind to the wx.App.

        Raises:
            HookError: There is none yet.
            ImportError: wxPython is missing.
        """
        super().__init__()
        self._wx = import_toolkit("wx", "wxPython")
        app = self._wx.GetApp()
        if app is None:
            raise HookError("a WxHook needs a wx.App, and there is none yet")
        self._kind = self._wx.NewEventType()
        self._receiver = self._wx.EvtHandler()
        self._receiver.Connect(-1, -1, self._kind, weak_callback(self._on_wakeup))
        # A wx object that is freed while the interpreter shuts down would abort the process.
        atexit.register(weak_callback(self._release_receiver))
        self._bind(app)

    def _release_receiver(self) -> None:
        self._receiver = None

    @classmethod
    def detect(cls) -> WxHook | None:
        """Return the hook of the wx.App, if there is one."""
        app = import_toolkit("wx", "wxPython").GetApp()
        return (cls._of(app) or cls()) if app is not None and cls._is_ours(app) else None

    @classmethod
    def find(cls, thread: int) -> WxHook | None:
        """Return the hook of the wx.App once its main loop runs: before, it may still be in the making."""
        app = import_toolkit("wx", "wxPython").GetApp()
        return super().find(thread) if app is not None and app.IsMainLoopRunning() else None

    def wakeup(self) -> None:
        """Queue an event that calls `run()`; HookError when the wx.App is gone."""
        if self._wx.GetApp() is not self._loop:
            raise HookError("the wx.App was destroyed")
        self._wx.QueueEvent(self._receiver, self._wx.PyEvent(0, self._kind))

    def _pause(self) -> None:
        self._wx.CallLater(PAUSE_MS, self._resume)
