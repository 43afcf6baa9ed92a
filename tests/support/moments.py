"""An exception at the Nth moment of a thread at which the interpreter may raise one.

CPython looks for signals where a function begins, and after each call, before anything else is done with its result; a
call may also end because of one. The function that `sys.setprofile()` takes is called in just these moments, and what
it raises takes the same way as Ctrl-C. (Functions for `sys.settrace()` are called between bytecodes, where a `with`
statement that ends would leave its lock taken, which no signal can do.)
"""

from __future__ import annotations

import _weakrefset
import gc
import itertools
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urlrequest._concurrency import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    import pytest
    from typing_extensions import Self

__all__ = ["FailingCalls", "LackOfMemory", "Moments", "count_moments", "interrupt_starts", "kill_starts"]

BLOCKING = {"acquire", "poll", "sleep", "select", "recv", "recv_into", "send", "connect", "accept", "read", "write"}

# What is raised within a finalizer or the callback of a weak reference is lost; and if a function for
# `sys.setprofile()` raises it in CPython 3.11, the interrupted function may go on with wrong values on its stack
# ("'traceback' object is not callable"). So no garbage is collected meanwhile, and these callbacks are left alone.
SKIPPED = {__file__, _weakrefset.__file__}


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
        gc.disable()
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        gc.enable()

    def _look(self, frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code.co_filename in SKIPPED or (event == "c_call" and argument.__name__ not in BLOCKING):
            return
        if event == "return" and frame.f_code is sync.ReentrantLock.__enter__.__code__:
            return  # where CPython 3.14, for which it is made, looks for no signals
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


SYSTEM_CALLS = {
    *("connect", "connect_ex", "getaddrinfo", "getpeername", "getsockopt", "recv", "recv_into", "send", "setsockopt"),
    *("dup", "eventfd", "fchmod", "flock", "fstat", "fstatvfs", "fsync", "lstat", "open", "replace", "stat", "unlink"),
    *("do_handshake", "load_verify_locations", "poll", "read", "start_joinable_thread", "start_new_thread", "write"),
}
CLOSING_CALLS = {"close", "eventfd_read", "eventfd_write", "shutdown"}  # they have their effect, and report an error


class FailingCalls:
    """Makes the Nth call of the system fail, on threads that begin within a `with` statement.

    Attributes:
        place: Which one failed, or None.
    """

    def __init__(self, number: int, error: BaseException) -> None:
        self._number = number
        self._errors = [error]  # taken out, as its traceback refers to what was open
        self._count = itertools.count(1)
        self.place: str | None = None

    def __enter__(self) -> Self:
        threading.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        threading.setprofile(None)

    def _look(self, frame: FrameType, event: str, argument: Any) -> None:
        calls = {"c_call": SYSTEM_CALLS, "c_return": CLOSING_CALLS}.get(event)
        if calls is None or argument.__name__ not in calls or "urlrequest" not in frame.f_code.co_filename:
            return
        if next(self._count) == self._number:
            self.place = f"{argument.__qualname__} in {frame.f_code.co_filename}:{frame.f_lineno}"
            raise self._errors.pop()


NEEDS_NO_MEMORY = {"__exit__", "clear", "discard", "isinstance", "locked", "pop", "popleft", "release", "remove"}


PACKAGE = str(Path(sync.__file__).parents[1])


class LackOfMemory:
    """Raises MemoryError before the Nth call that the library makes on threads of its own that begin meanwhile.

    The first call that counts is the one that a thread makes once it has begun; a thread that dies before that is the
    matter of `kill_starts()`.

    Attributes:
        is_burst: Several calls fail, one after the other.
        place: Where it was raised, or None.
    """

    def __init__(self, number: int, name: str, times: int = 1) -> None:
        """Raise before the call with that number, from 1, on threads with that name, and before the calls after it.

        Args:
            times: How many calls fail in all.
        """
        self.is_burst = times > 1
        self._numbers = range(number, number + times)
        self._name = name
        self._count = itertools.count(1)
        self._counted: set[int] = set()  # threads that have begun
        self.place: str | None = None

    def __enter__(self) -> Self:
        gc.disable()
        threading.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        threading.setprofile(None)
        self._numbers = range(0)
        gc.enable()

    def _look(self, frame: FrameType, event: str, argument: Any) -> None:
        caller, thread = frame.f_back if event == "call" else frame, threading.get_ident()
        if event not in {"call", "c_call"} or caller is None or not caller.f_code.co_filename.startswith(PACKAGE):
            return
        name = frame.f_code.co_name if event == "call" else argument.__name__
        if thread not in self._counted:
            if caller.f_code.co_name == "_begin" and name == "release":
                self._counted.add(thread)
            return
        if event == "c_call" and name in NEEDS_NO_MEMORY:
            return
        if not threading.current_thread().name.startswith(self._name):
            return
        if next(self._count) in self._numbers:
            self.place = f"{name} in {caller.f_code.co_filename}:{caller.f_lineno} ({caller.f_code.co_name})"
            raise MemoryError("made to fail")


def kill_starts(monkeypatch: pytest.MonkeyPatch, name: str = "urlrequest-", seconds: float = 0.01) -> None:
    """Let new threads of the library die in their first steps, as where there is no memory.

    Args:
        name: What the names of these threads begin with.
        seconds: The time that a thread has for its start, where nothing shortens it.
    """
    monkeypatch.setattr(sync, "START_TIME", seconds)
    monkeypatch.setattr(sync, "MIN_START_TIME", 0.01)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    bootstrap = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]  # what a new thread does first

    def die(thread: threading.Thread) -> None:
        if not thread.name.startswith(name):
            bootstrap(thread)
            return
        threading._limbo.pop(thread, None)  # type: ignore[attr-defined]  # Python leaves it in its list for ever
        raise MemoryError

    monkeypatch.setattr(threading.Thread, "_bootstrap_inner", die)


def interrupt_starts(monkeypatch: pytest.MonkeyPatch, *, runs: bool) -> list[threading.Thread]:
    """Have Ctrl-C come to whoever waits for a thread to start, in the moment that makes RuntimeError of it.

    Args:
        runs: The thread has started; False: it has not.
    Returns:
        The threads that have started.
    """
    start, started = threading.Thread.start, []

    def interrupted(thread: threading.Thread) -> None:
        if runs:
            started.append(thread)
            start(thread)
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()  # RuntimeError, as where `Condition.wait()` is interrupted

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    return started
