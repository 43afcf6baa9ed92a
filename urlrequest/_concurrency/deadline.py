"""Points in time. A number of seconds becomes one where a request begins, so that no later step adds up intervals.

Deadlines are on `time.monotonic()`: setting the system's clock changes nothing. It may stand still while the machine
sleeps. What the other side counts too, as the time that a connection is idle, is on `suspend_clock()`.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from time import monotonic

__all__ = ["NO_DEADLINE", "Deadline", "check_seconds", "earliest", "suspend_clock"]


def _find_suspend_clock() -> partial[float] | None:
    """The clock that goes on while the machine sleeps; None: `time.monotonic()` does, or there is none that does."""
    # Linux has CLOCK_BOOTTIME; the CLOCK_MONOTONIC of macOS goes on, but `time.monotonic()` is another clock there.
    number = getattr(time, "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME", None)
    if number is None:
        return None
    try:
        time.clock_gettime(number)
    except OSError:  # an old kernel, or a sandbox
        return None
    return partial(time.clock_gettime, number)


suspend_clock = _find_suspend_clock() or monotonic
"""Seconds since some moment, the time that the machine was suspended included where the system counts it."""


def check_seconds(name: str, value: object) -> float | None:
    """Check a number of seconds given by the user, and return it as a float; None and infinity mean no limit.

    Raises:
        TypeError: It is not a number (contract 15.1).
        ValueError: It is zero, negative or NaN.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {type(value).__name__}; a number of seconds or None is needed")
    if not value > 0:
        raise ValueError(f"{name} is {value}; a number of seconds above 0 is needed")
    # An int may be too large for a float; such a time never passes.
    return None if value > sys.float_info.max else float(value)


class Deadline:
    """A point in time at which something must be over.

    Attributes:
        seconds: The interval it was made from, for messages; None: no limit.
        at: The time on `time.monotonic()`, or None.
    """

    __slots__ = ("at", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float | None = seconds
        self.at: float | None = None if seconds is None else monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds left: 0 when it has passed, None when there is no limit."""
        return None if self.at is None else max(0.0, self.at - monotonic())

    def has_passed(self) -> bool:
        return self.at is not None and monotonic() >= self.at


NO_DEADLINE = Deadline(None)


def earliest(first: float | None, second: float | None) -> float | None:
    """Return the earlier of two times (or the shorter of two intervals); None means never."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
