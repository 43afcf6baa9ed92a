"""The calls that another thread is in: they show which loop turns there."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["calls_of"]


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
