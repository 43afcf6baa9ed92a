"""ManualHook: callbacks run when the program says so."""

from __future__ import annotations

from ._base import Hook

__all__ = ["ManualHook"]


class ManualHook(Hook):
    """Collects events until the program calls `drain()`, on the thread where it wants its callbacks."""

    def wakeup(self) -> None:
        """Do nothing: whoever drains comes without being called."""
