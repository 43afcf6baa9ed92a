"""Waiting for what notifies nobody: other programs, the garbage collector, a worker that tidies up.

Where something does notify, tests wait for that instead (`server.wait`, events, conditions).
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable

__all__ = ["PATIENCE", "becomes", "is_collected", "wait_until"]

PATIENCE = 30.0  # seconds; only a failing test waits that long
INTERVAL = 0.002  # seconds between two looks


def becomes(is_so: Callable[[], object]) -> bool:
    """Whether something is so, now or soon."""
    limit = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > limit:
            return False
        time.sleep(INTERVAL)
    return True


def wait_until(is_so: Callable[[], object], what: str = "it did not happen") -> None:
    """Return as soon as something is so; `what` is the message of the assertion that fails otherwise."""
    assert becomes(is_so), what


def is_collected(dead: weakref.ref[Any]) -> bool:
    """Whether an object is gone, as soon as other threads have returned from the last lines that use it."""

    def is_gone() -> bool:
        if dead() is not None:
            gc.collect()  # of a circle of references
        return dead() is None

    return becomes(is_gone)
