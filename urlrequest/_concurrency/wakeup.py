"""Wakers: what wakes a sleeping thread, or an event loop that watches a descriptor.

All have the same methods: `wake()` from any thread, `drain()` once awake. A worker sleeps on its sockets and the
descriptor of a waker (see `_net.cancel_scope`), and Tk can watch such a descriptor. A thread that waits for requests
sleeps on the waker alone (`sleep()`): on an `EventFdWaker` where the system has eventfds, else on a `LockWaker`.
Writing to a descriptor releases the GIL, so that the woken thread can run at once; releasing a lock does not, and the
woken thread would have to sleep once more (measured on one core: three changes of threads for each request instead of
seven, 6 of 80 us).

Thread safety. `wake()` may be called from any thread and from signal handlers; `sleep()` and `drain()` belong to the
thread that is woken. Spare wakers are in a deque, whose single operations are atomic. A waker is used again: a wake-up
that comes late, for a request that is over, only wakes the next sleeper for nothing.

Invariant:
    WAKE-1  A descriptor is closed when the last holder lets go of its waker. So a thread that is about to call `wake()`
            can never write to a descriptor that was closed and given to another file.
"""

from __future__ import annotations

import os
import select
import socket
import weakref
from collections import deque

from .sync import Signal, snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "DescriptorWaker",
    "EventFdWaker",
    "LockWaker",
    "SocketPairWaker",
    "ThreadWaker",
    "borrowed_waker",
    "drop_spare_wakers",
    "new_waker",
    "reset_after_fork",
    "return_waker",
    "sleep_time",
    "take_waker",
]

MAX_SPARE = 64  # wakers; beyond it the oldest falls out and closes itself
MAX_POLL = 24 * 60 * 60.0  # seconds; poll() takes no more than 2**31 milliseconds

_EVENTFD = (0,), (getattr(os, "EFD_NONBLOCK", 0) | getattr(os, "EFD_CLOEXEC", 0),)  # arguments, one iterable for each

_event_wakers: weakref.WeakSet[EventFdWaker] = weakref.WeakSet()


class EventFdWaker:
    """Wakes by an eventfd (Linux).

    Attributes:
        descriptor: Readable from `wake()` until `drain()`.
    """

    __slots__ = ("__weakref__", "_poll", "descriptor")

    def __init__(self) -> None:
        """Open the descriptor; OSError when the process has none left."""
        self.descriptor: int
        # Not by a plain call: Ctrl-C behind it would lose the number (see `AT_ONCE`), and nothing could close it.
        [self.descriptor] = map(os.eventfd, *_EVENTFD)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)
        _event_wakers.add(self)

    def wake(self) -> None:
        """Wake the sleeper, or make its next sleep end at once."""
        try:
            os.eventfd_write(self.descriptor, 1)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        except OSError:
            pass  # the counter is full: the descriptor is readable as it is

    def drain(self) -> bool:
        """Use up all wake-ups so far; whether there was one."""
        try:
            os.eventfd_read(self.descriptor)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        except OSError:
            return False
        return True

    def sleep(self, seconds: float | None) -> bool:
        """Sleep until a wake-up, which is used up, or until the time is over; None: for a day. Whether it was woken."""
        # Rounded up: waking a moment too early would make a busy loop of the last millisecond.
        return bool(self._poll.poll(sleep_time(seconds) * 1000 + 0.5)) and self.drain()

    def sleep_beside(self, descriptor: int, seconds: float | None) -> bool:
        """As `sleep()`, or until another descriptor can be read from; whether it can."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        poll.register(descriptor, select.POLLIN)
        ready = [number for number, _ in poll.poll(sleep_time(seconds) * 1000 + 0.5)]
        if self.descriptor in ready:
            self.drain()
        return descriptor in ready

    def reopen_after_fork(self) -> None:
        """Put a new eventfd in the place of the old one, which a forked child shares with the parent."""
        os.close(self.descriptor)  # first, as there may be no room for one more
        [event] = map(os.eventfd, *_EVENTFD)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        if event != self.descriptor:
            os.dup2(event, self.descriptor, inheritable=False)
            os.close(event)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # the process may have emptied the module `os`
        if hasattr(self, "descriptor"):  # else there was none left to open
            close(self.descriptor)


def sleep_time(seconds: float | None) -> float:
    """How long to sleep in one go, in seconds, when so many are left; None: no limit. The woken thread looks again."""
    return MAX_POLL if seconds is None else min(max(0.0, seconds), MAX_POLL)


class SocketPairWaker:
    """Wakes by a pair of connected sockets, where there is no eventfd.

    Attributes:
        descriptor: Readable from `wake()` until `drain()`.
    """

    __slots__ = ("_reader", "_writer", "descriptor")

    def __init__(self) -> None:
        """Open the sockets; OSError when the process has no descriptors left."""
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.descriptor: int = self._reader.fileno()

    def wake(self) -> None:
        """Wake the sleeper, or make its next sleep end at once."""
        try:
            self._writer.send(b"!")
        except OSError:
            pass  # the buffer is full: the descriptor is readable as it is

    def drain(self) -> bool:
        """Use up the wake-ups so far, 4096 at the most; whether there was one."""
        try:
            self._reader.recv(4096)
        except OSError:
            return False
        return True

    def __del__(self) -> None:
        if hasattr(self, "_reader"):  # else there were none left to open
            self._reader.close()
            self._writer.close()


class LockWaker:
    """Wakes by a lock: it needs no descriptor."""

    __slots__ = ("_signal", "wake")

    def __init__(self) -> None:
        self._signal = Signal()
        self.wake = self._signal.notify

    def drain(self) -> bool:
        """Use up all wake-ups so far; whether there was one."""
        return self._signal.wait(0)

    def sleep(self, seconds: float | None) -> bool:
        """Sleep until a wake-up, which is used up, or until the time is over; None: no limit. Whether it was woken."""
        return self._signal.wait(seconds)


DescriptorWaker = EventFdWaker | SocketPairWaker
ThreadWaker = EventFdWaker | LockWaker

_HAS_EVENTFD = hasattr(os, "eventfd") and hasattr(select, "poll")  # eventlet takes poll() away
_spare: deque[DescriptorWaker] = deque(maxlen=MAX_SPARE)


def new_waker() -> DescriptorWaker:
    """Make a waker with a descriptor.

    Raises:
        OSError: The process has no descriptor left.
    """
    return EventFdWaker() if _HAS_EVENTFD else SocketPairWaker()


def take_waker() -> DescriptorWaker:
    """Return a spare waker with a descriptor, or a new one; for `return_waker()`.

    Raises:
        OSError: The process has no descriptor left.
    """
    try:
        return _spare.pop()
    except IndexError:
        return new_waker()


def return_waker(waker: DescriptorWaker) -> None:
    """Let other threads use a waker; the caller must not sleep on it any more."""
    _spare.append(waker)


class borrowed_waker:  # noqa: N801 - read as a function: `with borrowed_waker() as waker`
    """Lends a waker to a thread that sleeps on nothing else.

    Ctrl-C may come anywhere: a waker that is not given back is freed, as any object is.
    """

    __slots__ = ("_waker",)

    def __enter__(self) -> ThreadWaker:
        waker: DescriptorWaker | None = None
        if _HAS_EVENTFD:
            try:
                waker = take_waker()
            except OSError:
                pass  # no descriptor is left; requests fail because of that, and the thread must be woken for them
        self._waker: ThreadWaker = waker if isinstance(waker, EventFdWaker) else LockWaker()
        return self._waker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._waker, EventFdWaker):
            _spare.append(self._waker)


def drop_spare_wakers() -> None:
    """Close the spare wakers."""
    _spare.clear()


def reset_after_fork() -> None:
    """Share no waker with the parent, whose wake-ups a thread of this process could use up. In a forked child."""
    drop_spare_wakers()
    for waker in snapshot(_event_wakers):
        waker.reopen_after_fork()
        waker.wake()  # once more, as the thread that has forked may not have noticed an earlier wake-up yet
