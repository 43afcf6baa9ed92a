"""KivyHook: callbacks in Kivy's event loop, one frame after the event at the latest."""

from __future__ import annotations

from typing import Any

from urlrequest.errors import HookError

from ._base import Hook, import_toolkit

__all__ = ["KivyHook"]


class KivyHook(Hook):
    """Runs callbacks in Kivy's clock, from before the app starts until it stops."""

    def __init__(self) -> None:
        """Bind to the process's event loop.

        Raises:
            ImportError: Kivy is missing.
        """
        super().__init__()
        loop = import_toolkit("kivy.base", "Kivy").EventLoop
        # Kivy holds bound methods weakly; the trigger merges calls, and may be called on any thread.
        self._trigger = import_toolkit("kivy.clock", "Kivy").Clock.create_trigger(self._on_wakeup)
        loop.bind(on_stop=self._on_stop)
        self._bind(loop)

    @classmethod
    def detect(cls) -> KivyHook | None:
        """Return the hook of the process's event loop, unless it has stopped."""
        loop = import_toolkit("kivy.base", "Kivy").EventLoop
        return None if _has_ended(loop) else cls._of(loop) or cls()

    def wakeup(self) -> None:
        """Make the clock call `run()` with the next frame; HookError when the app has stopped."""
        if _has_ended(self._loop):
            raise HookError("the app has stopped")
        self._trigger()

    def _on_wakeup(self, _: float) -> None:
        self.run()

    def _on_stop(self, *_: object) -> None:
        self._on_loop_end()


def _has_ended(loop: Any) -> bool:
    # The clock's own `has_ended` stays set when an app is run again.
    return loop.status in {"stopped", "closed"}
