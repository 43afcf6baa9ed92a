"""KivyHook: callbacks in Kivy's Clock, with the frame after the event at the latest.

The Clock is the process's, and lasts as long as the process: an app that is run again goes on with it. Kivy replaces it
for a while where a `kivy.context.Context` is pushed, as test suites do. So a wake-up goes to the Clock of the moment.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from ._base import Hook, import_toolkit

__all__ = ["KivyHook"]


class KivyHook(Hook):
    """Runs callbacks in Kivy's Clock.

    What they raise goes to Kivy's ExceptionManager first, and to `sys.excepthook` where that says RAISE.
    """

    _reports_always = True  # under `async_run()` too

    def __init__(self) -> None:
        """Bind to Kivy's Clock.

        Raises:
            ImportError: Kivy is missing.
        """
        super().__init__()
        module = import_toolkit("kivy.clock", "Kivy")
        self._clock = module.Clock  # stands for the Clock of the moment
        self._woken: Any = None  # the Clock that was woken last
        self._bind(module)

    @classmethod
    def detect(cls) -> KivyHook | None:
        """Return the hook of the Clock; None where asyncio or trio runs on the main thread, and Kivy has not begun."""
        module = import_toolkit("kivy.clock", "Kivy")
        if not cls._is_ours(module) or (_runs_async_code() and not _has_begun(module)):
            return None
        hook = cls._of(module) or cls()
        hook._follow_clock()  # noqa: SLF001 - its own class
        return hook

    @classmethod
    def find(cls, thread: int) -> KivyHook | None:
        """Return the hook of the Clock once Kivy has begun to run: before, the program may have another loop."""
        return super().find(thread) if _has_begun(import_toolkit("kivy.clock", "Kivy")) else None

    def wakeup(self) -> None:
        """Make the Clock call `run()` with the next frame."""
        schedule = self._clock.schedule_once
        self._woken = schedule.__self__
        schedule(self._on_wakeup)  # Kivy holds bound methods weakly

    def _on_wakeup(self, _: float) -> None:
        self.run()

    def _follow_clock(self) -> None:
        """Wake the Clock of the moment from now on: the one that was woken last may never tick again."""
        if self._clock.schedule_once.__self__ is not self._woken:
            self.queue.expect_wakeup()
            self._is_called.clear()
            if self.queue.has_pending:
                self.wakeup()

    def handle_exception(self, error: BaseException) -> None:
        """Give the exception to Kivy's ExceptionManager, and to `sys.excepthook` where that says RAISE."""
        base = sys.modules.get("kivy.base")  # without it there are no handlers
        if base is None or base.ExceptionManager.handle_exception(error) == base.ExceptionManager.RAISE:
            super().handle_exception(error)


def _has_begun(module: Any) -> bool:
    """Whether there is an App, or the Clock has ticked."""
    app = sys.modules.get("kivy.app")
    return module.Clock.frames > 0 or (app is not None and app.App.get_running_app() is not None)


def _runs_async_code() -> bool:
    """Whether this is the main thread, and asyncio or trio runs on it."""
    if threading.current_thread() is not threading.main_thread():
        return False
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001 - as in AsyncioHook
        return True
    return trio is not None and trio.lowlevel.in_trio_run()
