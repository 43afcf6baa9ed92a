"""What all requests of a program have in common unless they say otherwise."""

from __future__ import annotations

__all__ = ["Defaults", "defaults"]


class Defaults:
    """Settings of the whole program; change them before making requests.

    Attributes:
        detect_hook: Look for a running event loop or a GUI toolkit when a request without a hook is made (contract
            8.2).
        keep_alive: Use connections again (contract 17.10).
        fsync: Have the system write a finished download to the disk before its success is told.
    """

    __slots__ = ("detect_hook", "fsync", "keep_alive")

    def __init__(self) -> None:
        self.detect_hook = True
        self.keep_alive = True
        self.fsync = False


defaults = Defaults()
