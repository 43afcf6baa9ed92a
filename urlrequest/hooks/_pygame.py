"""PygameHook: callbacks in the frame loop of a game."""

from __future__ import annotations

from urlrequest.errors import HookError

from ._base import Hook, import_toolkit, weak_callback

__all__ = ["PygameHook"]


class PygameHook(Hook):
    """Runs callbacks where a game calls `run()`: once a frame, whatever events there are.

    A wake-up posts an event, so that a game that sleeps in `pygame.event.wait()` goes on at once.

    Attributes:
        event_type: The type of that event; a game may ignore it.
    """

    def __init__(self) -> None:
        """Bind to pygame, initialised or not.

        Raises:
            ImportError: pygame or pygame-ce is missing.
        """
        super().__init__()
        self._pygame = import_toolkit("pygame", "pygame-ce (or pygame)")
        self.event_type: int = self._pygame.event.custom_type()
        self._has_ended = False
        self._pygame.register_quit(weak_callback(self._on_quit))

    def wakeup(self) -> None:
        """Post the event; HookError after `pygame.quit()`."""
        if self._has_ended:
            raise HookError("pygame.quit() was called")
        try:
            self._pygame.event.post(self._pygame.event.Event(self.event_type))
        except self._pygame.error:
            pass  # pygame is not initialised, or its queue is full: in neither case does the game sleep

    def _on_quit(self) -> None:
        self._has_ended = True
        self._on_loop_end()
