"""Locks, an atomic flag, a signal that one thread sleeps on, the start of a thread, and a watch for forks.

Flag and signal are made of one lock each. The primitives of `threading` would do the same, but `Event` and `Condition`
take locks in Python code, so that a signal handler which interrupts them could wait for ever; and they cost several
times as much. These are on the path of every request.

Thread safety. All operations but `Signal.wait()` and `ForkWatch.enter_child()` return at once, and may be called from
any thread and from signal handlers: a lock is tried, never waited for.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
from threading import Lock
from time import monotonic, sleep
from weakref import WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = [
    "AT_ONCE",
    "MAX_SLEEP",
    "AtomicFlag",
    "ForkWatch",
    "NoThreadError",
    "ReentrantLock",
    "ScopedLock",
    "Signal",
    "call_if_loaded",
    "forget_threads",
    "fork_watch",
    "insist",
    "is_own_thread",
    "join_threads",
    "snapshot",
    "start_thread",
]
NoThreadError = RuntimeError
"""What `Thread.start()` raises when the system gives no more threads, or the interpreter shuts down."""

START_TIME = 5.0  # seconds a new thread has for its first steps
MIN_START_TIME = 0.1  # seconds it has in any case
MEMORY_PAUSE = 0.01  # seconds until a thread that has had no memory tries again

# A thread that sleeps in a lock on Windows does not notice Ctrl-C before CPython 3.14 (gh-125541).
MAX_SLEEP = 0.25 if sys.platform == "win32" and sys.version_info < (3, 14) else None  # seconds


AT_ONCE = (False,)
"""`[has_it] = map(lock.acquire, AT_ONCE)` tries a lock, and Ctrl-C never falls between taking it and knowing so.

The interpreter may raise KeyboardInterrupt after each call, before its result is stored; it does not within an
unpacking, nor before the next call. A lock that was taken then would never be released. CPython 3.10 may do so where
it jumps, too: what follows a lock that was taken stands in `if has_it:`, and not behind `if not has_it: return`.
"""


class ReentrantLock(_thread.RLock):  # type: ignore[misc]  # at runtime it is not final
    """A lock for `with` statements, which may be nested, that Ctrl-C never leaves taken.

    CPython 3.14 may raise KeyboardInterrupt where a `with` statement begins: after the call of `__enter__()`, before it
    is sure that `__exit__()` will be called (gh-148874). It does so after the call of a function written in C, but not
    where a Python function returns. So this one takes the lock, and not by a call, for the reason given at `AT_ONCE`.
    """

    __slots__ = ()

    def __enter__(self) -> bool:  # type: ignore[override]  # it takes what a `with` statement gives
        [is_taken] = map(self.acquire, _WAITING)
        return is_taken


_WAITING = (True,)

ScopedLock: Callable[[], Lock] = ReentrantLock if sys.version_info[:2] == (3, 14) else Lock  # type: ignore[assignment]
"""Makes a lock for `with` statements, that Ctrl-C never leaves taken. Nothing relies on whether they may be nested."""


class AtomicFlag:
    """A flag, clear at first. Of several threads that set it at the same time, one finds it clear."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = Lock()  # held while the flag is set

    def test_and_set(self) -> bool:
        """Set the flag, and return whether it was set before."""
        return not self._lock.acquire(blocking=False)

    def clear(self) -> None:
        """Clear the flag, whether it was set or not."""
        if self._lock.locked():  # the flag is often clear, and looking costs less than an error
            try:
                self._lock.release()
            except RuntimeError:
                pass  # another thread has just cleared it

    def is_set(self) -> bool:
        return self._lock.locked()


class Signal:
    """Wakes one thread. Notifying it while nobody waits ends the next wait at once; doing so twice counts once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = Lock()  # free after notify(); a waiting thread wakes by taking it
        self._lock.acquire()

    def notify(self) -> None:
        """Wake the thread that waits, or the next one that does."""
        if self._lock.locked():  # a second notification is usual, and looking costs less than an error
            try:
                self._lock.release()
            except RuntimeError:
                pass  # another thread has just notified it

    def wait(self, timeout: float | None) -> bool:
        """Sleep until notified, and use the notification up.

        Args:
            timeout: The longest sleep, in seconds; None: no limit. One below 0 has passed already.
        Returns:
            False when the time ran out.
        """
        if timeout is None:
            return self._lock.acquire()
        if not 0 <= timeout <= threading.TIMEOUT_MAX:  # to the lock, -1 means for ever
            timeout = max(0.0, min(timeout, threading.TIMEOUT_MAX))
        return self._lock.acquire(True, timeout)  # by name it would cost a dictionary


_threads: WeakSet[threading.Thread] = WeakSet()  # those that `join_threads()` waits for


class _Started(threading.Event):
    """What `Thread.start()` waits for: here, for nothing, as `start_thread()` waits itself.

    Python waits for the thread without a limit: one that dies in its first steps, for want of memory, would never let
    its starter go on. (All versions up to 3.14 wait for this attribute. One that would not look at it loses nothing.)
    """

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - nobody gives one
        return True


def start_thread(run: Callable[[], object], name: str, *, is_joined: bool = True, until: float | None = None) -> None:
    """Start a daemon thread.

    Args:
        run: What it does. It is called again when it raises MemoryError, so that a thread which has begun is not lost
            with what it is to do.
        is_joined: `join_threads()` waits for it; False: nobody can make it end.
        until: When to give up, if that is before `START_TIME` is over, on `time.monotonic()`.
    Raises:
        NoThreadError: There is no thread for it, or no memory, or it has not begun in time; then it does nothing.
        KeyboardInterrupt: Ctrl-C; the thread may have started.
    """
    handled = sys.exc_info()[1]  # what the caller's `except` handles is the context of each error from here on
    seconds = START_TIME if until is None else min(max(MIN_START_TIME, until - monotonic()), START_TIME)
    begun = Lock()  # free once the thread's function has begun
    begun.acquire()
    claims = [True]  # who takes the one item decides whether the thread does its work
    lacks_memory = False
    try:
        thread = threading.Thread(target=_begin, args=(claims, begun, run), name=name, daemon=True)
        thread._started = _Started()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way
        if is_joined:
            _threads.add(thread)
        _start(thread)
        begun.acquire(timeout=seconds)
    except NoThreadError as error:
        # Ctrl-C while `start()` waits for the new thread: releasing a lock that is free then raises RuntimeError.
        interrupt = error.__context__
        if interrupt is None or interrupt is handled:
            raise
        raise interrupt from None
    except MemoryError:
        lacks_memory = True
    try:
        claims.pop()
    except IndexError:
        return  # it has begun
    reason = "has no memory to begin" if lacks_memory else f"has not begun within {seconds:.3g} s"
    raise NoThreadError(f"the new thread {name} {reason}")


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except BaseException:
        # What a signal handler raises may leave the lock of Python's list of threads taken (see `ReentrantLock`). No
        # other thread of the program could ever begin.
        lock: Any = getattr(threading, "_active_limbo_lock", None)
        if sys.version_info[:2] == (3, 14) and lock._is_owned():  # noqa: SLF001
            lock.release()
        raise


def _begin(claims: list[bool], begun: Lock, run: Callable[[], object]) -> None:
    """What a new thread does."""
    try:
        claims.pop()
    except IndexError:
        return  # its starter has given it up
    begun.release()
    has_failed = False
    while True:  # as `insist()` does, but a call of that may lack memory itself
        try:
            if has_failed:
                sleep(MEMORY_PAUSE)
            run()
        except MemoryError:
            has_failed = True
        else:
            return


def insist(do: Callable[..., T], *arguments: Any) -> T:
    """Call a function, and call it again for as long as it raises MemoryError. For threads of the library alone."""
    has_failed = False
    while True:
        try:
            if has_failed:
                sleep(MEMORY_PAUSE)
            return do(*arguments)
        except MemoryError:
            has_failed = True


def snapshot(container: Iterable[T]) -> list[T]:
    """What a container holds now, whatever other threads add and remove meanwhile.

    That ends an iteration by a RuntimeError: over a set of weak references; over the items of a dictionary, where the
    garbage collector may run, and with it other threads, at each pair that is made; without the GIL over any container.
    """
    while True:
        try:
            return list(container)
        except RuntimeError:
            pass


def join_threads(until: float) -> None:
    """Wait for the threads of the library to end, at most until a time on `time.monotonic()`."""
    for thread in snapshot(_threads):
        try:
            thread.join(max(0.0, until - monotonic()))
        except RuntimeError:
            pass  # it has not started


def is_own_thread(ident: int) -> bool:
    """Whether a thread is one of the library that has not ended."""
    return any(thread.ident == ident and thread.is_alive() for thread in snapshot(_threads))


def forget_threads() -> None:
    """Wait for none of the threads so far. In a forked child, where they do not live on."""
    _threads.clear()


def call_if_loaded(module: str, function: str, *arguments: Any) -> Any:
    """Call a function of a module of ours that not every program loads, unless another thread is still importing it.

    Args:
        module: Its name within the package.
    Returns:
        What the function returns; None where it was not called.
    """
    found = getattr(sys.modules.get(f"urlrequest.{module}"), function, None)
    return None if found is None else found(*arguments)


class ForkWatch:
    """Notices that this process is a forked child, also where no hook of Python has run, as under uWSGI.

    Whatever a program calls first in a child calls `check()` before anything else, as what belongs to the threads of
    the parent must be forgotten before it is used. (A request compares `pid` itself: that is one call in C.)

    Attributes:
        pid: Of the process that the library's state belongs to.
    """

    __slots__ = ("_locks", "_reset", "_resetting", "pid")

    def __init__(self) -> None:
        self.pid = os.getpid()
        # By process, as a thread of the parent may have held that of the parent.
        self._locks: dict[int, ReentrantLock] = {}
        self._resetting: int | None = None  # the process that is being reset
        self._reset: Callable[[], object] = int

    def on_fork(self, reset: Callable[[], object]) -> None:
        """Set what is called in a forked child, once."""
        self._reset = reset

    def check(self) -> None:
        """Reset the library if this process is a child that has not done so."""
        if os.getpid() != self.pid:
            self.enter_child()

    def enter_child(self) -> None:
        """Reset the library in a forked child, unless that was done; other threads of the child wait until it is."""
        pid = os.getpid()
        with self._locks.setdefault(pid, ReentrantLock()):
            if pid in (self.pid, self._resetting):  # the reset itself may come here
                return
            self._resetting = pid
            try:
                self._reset()
            finally:
                self.pid, self._resetting = pid, None


fork_watch = ForkWatch()
"""The one of this process."""
