"""The calls that another thread is in: they show which loop turns there.

Before CPython 3.12, the garbage collector may run where the interpreter makes the object of a frame, and with it other
threads. In 3.11 the thread that is looked at may then have left the call before its frame has the object, which points
into memory of another call from there on; to read it ends the process. And `sys._current_frames()` holds a lock of the
interpreter that a thread needs to end (gh-106883). So the collector rests while frames are read.

Without the GIL, the calls of a thread that runs cannot be read: it may leave them at any moment (gh-152355). Then
only what a thread tells of itself shows its loop.

Thread safety. `_reader.lock` guards the state of the collector. A signal handler may come here while its thread has the
lock. Nothing is waited for under it.
"""

from __future__ import annotations

import gc
import sys
import threading

from urlrequest._concurrency.sync import ReentrantLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["HAS_GIL", "calls_of", "reset_after_fork", "running_threads"]

HAS_GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()


class _Reader:
    """Calls what reads frames.

    Attributes:
        needs_rest: The collector must not run meanwhile.
        has_stopped: It rests, and is to go on.
    """

    needs_rest = sys.version_info < (3, 12)

    def __init__(self) -> None:
        self.lock = ReentrantLock()
        self.has_stopped = False

    def read(self, what: Callable[..., T], *arguments: object) -> T:
        with self.lock:
            if not (self.needs_rest and gc.isenabled()):
                return what(*arguments)
            try:
                self.has_stopped = True
                gc.disable()
                return what(*arguments)
            finally:
                gc.enable()
                self.has_stopped = False

    def reset_after_fork(self) -> None:
        """Do what a thread that the fork has not copied can no longer do. In a forked child."""
        if self.has_stopped:
            gc.enable()
        self.lock, self.has_stopped = ReentrantLock(), False


_reader = _Reader()
reset_after_fork = _reader.reset_after_fork


def running_threads() -> list[int]:
    """The idents of all threads that are in Python code, whoever has started them."""
    if not HAS_GIL:
        return [thread.ident for thread in threading.enumerate() if thread.ident is not None]
    return list(_reader.read(sys._current_frames))  # noqa: SLF001 - a documented function


def calls_of(thread: int | None, package: str) -> list[dict[str, Any]]:
    """The variables of a package's own functions that a thread is in, those of the latest call first; none without GIL.

    Args:
        thread: Ident of the thread.
        package: The functions of other packages are left alone: to look at variables may keep their values alive.
    """
    return _reader.read(_calls_of, thread or 0, package) if HAS_GIL else []


def _calls_of(thread: int, package: str) -> list[dict[str, Any]]:
    calls = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - as above
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == package:
            calls.append(dict(frame.f_locals))
        frame = frame.f_back
    return calls
