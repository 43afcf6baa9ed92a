"""The calls that another thread is in: they show which loop turns there."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any

__all__ = ["calls_of", "is_within"]


def calls_of(thread: int | None, package: str) -> Iterator[dict[str, Any]]:
    """Yield the variables of a package's own functions that a thread is in, those of the latest call first.

    Args:
        thread: Ident of the thread.
        package: The functions of other packages are left alone: to look at variables may keep their values alive.
    """
    frame = sys._current_frames().get(thread or 0)  # noqa: SLF001 - a documented function
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == package:
            yield dict(frame.f_locals)
        frame = frame.f_back


def is_within(code: set[CodeType]) -> bool:
    """Whether any thread is in a call of one of these functions, given by their code."""
    for latest in sys._current_frames().values():  # noqa: SLF001 - a documented function
        frame: FrameType | None = latest
        while frame is not None:
            if frame.f_code in code:
                return True
            frame = frame.f_back
    return False
