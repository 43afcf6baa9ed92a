"""ManualHook: callbacks run when the program drains them."""

from __future__ import annotations

from ._base import Hook

__all__ = ["ManualHook"]


class ManualHook(Hook):
    """Keeps events until the program calls `drain()`, on the thread where it wants its callbacks."""

    def wakeup(self) -> None:
        """Do nothing: the program drains without being woken."""
