"""Points in time: what a timeout becomes at the door, so that nothing further in adds up intervals.

Only `time.monotonic()` is used: setting the system's clock changes nothing.
"""

from __future__ import annotations

import sys
from time import monotonic

__all__ = ["NO_DEADLINE", "Deadline", "check_seconds", "earliest"]


def check_seconds(name: str, value: object) -> float | None:
    """Return a number of seconds given by the user, None and infinity meaning no limit.

    Raises:
        TypeError: It is no number (contract 15.1).
        ValueError: It is zero, negative or not a number at all (NaN).
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {type(value).__name__}; a number of seconds or None is needed")
    if not value > 0:
        raise ValueError(f"{name} is {value}; a number of seconds above 0 is needed")
    # A number that a float cannot hold is as good as infinite.
    return None if value > sys.float_info.max else float(value)


class Deadline:
    """A moment that must not be passed.

    Attributes:
        seconds: The interval it was made from, for messages; None: there is no such moment.
        at: The moment on `time.monotonic()`, or None.
    """

    __slots__ = ("at", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.at = None if seconds is None else monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, 0 when it has passed, None when there is no limit."""
        return None if self.at is None else max(0.0, self.at - monotonic())

    def has_passed(self) -> bool:
        return self.at is not None and monotonic() >= self.at


NO_DEADLINE = Deadline(None)


def earliest(first: float | None, second: float | None) -> float | None:
    """The earlier of two moments (or the shorter of two intervals), None meaning never."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
