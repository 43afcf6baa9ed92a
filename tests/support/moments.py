"""An exception at the Nth moment of a thread at which the interpreter may raise one.

CPython looks for signals where a function begins, and after each call, before anything else is done with its result; a
call may also end because of one. The function that `sys.setprofile()` takes is called in just these moments, and what
it raises takes the same way as Ctrl-C. (Functions for `sys.settrace()` are called between bytecodes, where a `with`
statement that ends would leave its lock taken, which no signal can do.)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from typing_extensions import Self

__all__ = ["Moments", "count_moments"]

BLOCKING = {"acquire", "poll", "sleep", "select", "recv", "recv_into", "send", "connect", "accept", "read", "write"}


class Moments:
    """Counts the moments of this thread in a `with` statement, and raises an exception in one of them.

    Attributes:
        place: Where it was raised, or None.
    """

    def __init__(self, number: int, error: type[BaseException]) -> None:
        """Raise in the moment with that number, from 1; 0: in none."""
        self._number = number
        self._error = error
        self.count = 0
        self.place: str | None = None

    def __enter__(self) -> Self:
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code.co_filename == __file__ or (event == "c_call" and argument.__name__ not in BLOCKING):
            return
        self.count += 1
        if self.count == self._number:
            sys.setprofile(None)
            called = getattr(argument, "__qualname__", "") if event.startswith("c_") else ""
            self.place = f"{event} {called} in {frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
            raise self._error


def count_moments(run: Callable[[], object]) -> int:
    """How many moments a function has."""
    with Moments(0, KeyboardInterrupt) as moments:
        run()
    return moments.count
