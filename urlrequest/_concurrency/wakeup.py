"""Alarms: what wakes a thread that sleeps, on descriptors or on nothing else.

A worker sleeps on its sockets and an alarm (see `_net.cancel_scope`); a thread that waits for requests sleeps on a
bell, which is an alarm too where the system has a quick one. Then whoever rings has let go of the interpreter
meanwhile, and the thread that wakes finds it free; of a lock it would find the ringer still running, and sleep once
more (measured on one core: three changes of threads for each request instead of seven, 6 of 80 us).

Thread safety. `ring()` may be called from any thread and from signal handlers; `sleep()` and `silence()` are the
sleeper's. Spare alarms are in a deque, whose single operations are atomic. An alarm is used again: a ring that comes
late, for what is over, only wakes the next sleeper for nothing.
"""

from __future__ import annotations

import os
import select
import socket
import weakref
from collections import deque

from .sync import Signal

__all__ = [
    "Alarm",
    "Bell",
    "forget_alarms",
    "give_alarm_back",
    "give_bell_back",
    "part_alarms",
    "sleep_time",
    "take_alarm",
    "take_bell",
]

MOST_SPARE = 64  # alarms; beyond it the oldest falls out and closes itself
LONGEST_POLL = 24 * 60 * 60.0  # seconds; poll() takes no more than 2**31 milliseconds

_events: weakref.WeakSet[EventFdWaker] = weakref.WeakSet()


class EventFdWaker:
    """Wakes a sleeping thread (Linux). The descriptor is closed when the last holder lets go of the object.

    So a canceller that is about to ring can never write to a descriptor that has been closed and given to another file.
    """

    __slots__ = ("__weakref__", "_poll", "descriptor")

    def __init__(self) -> None:
        self.descriptor = _open_event()
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)
        _events.add(self)

    def part(self) -> None:
        """Be another one from now on, under the same descriptor. In a forked child, which has the parent's."""
        os.close(self.descriptor)  # first, as there may be no room for one more
        event = _open_event()
        if event != self.descriptor:
            os.dup2(event, self.descriptor, inheritable=False)
            os.close(event)

    def ring(self) -> None:
        try:
            os.eventfd_write(self.descriptor, 1)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        except OSError:
            pass  # it is ringing already, so loud that the counter is full

    def silence(self) -> None:
        try:
            os.eventfd_read(self.descriptor)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        except OSError:
            pass  # it was not ringing

    def sleep(self, seconds: float | None) -> None:
        """Sleep until it rings, or the time is over; None: for a day. It is silent then."""
        # Rounded up: waking a moment too early would make a busy loop of the last millisecond.
        if self._poll.poll(sleep_time(seconds) * 1000 + 0.5):
            self.silence()

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):  # else there was none left
            os.close(self.descriptor)


def sleep_time(seconds: float | None) -> float:
    """How long to sleep in one go, in seconds, when so many are left; None: for ever. Whoever wakes looks again."""
    return LONGEST_POLL if seconds is None else min(max(0.0, seconds), LONGEST_POLL)


def _open_event() -> int:
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # type: ignore[attr-defined,no-any-return,unused-ignore]  # Linux only


class SocketPairWaker:
    """The same where there is no eventfd."""

    __slots__ = ("_bell", "_ear", "descriptor")

    def __init__(self) -> None:
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self.descriptor = self._ear.fileno()

    def ring(self) -> None:
        try:
            self._bell.send(b"!")
        except OSError:
            pass  # the buffer is full of rings

    def silence(self) -> None:
        try:
            self._ear.recv(4096)
        except OSError:
            pass  # it was not ringing

    def __del__(self) -> None:
        if hasattr(self, "_ear"):  # as above
            self._ear.close()
            self._bell.close()


class LockWaker:
    """A bell that needs no descriptor."""

    __slots__ = ("_signal", "ring")

    def __init__(self) -> None:
        self._signal = Signal()
        self.ring = self._signal.notify

    def sleep(self, seconds: float | None) -> None:
        """Sleep until it rings, or the time is over; None: no limit."""
        self._signal.wait(seconds)


Alarm = EventFdWaker | SocketPairWaker
Bell = EventFdWaker | LockWaker

_HAS_EVENTS = hasattr(os, "eventfd")
_make_alarm: type[Alarm] = EventFdWaker if _HAS_EVENTS else SocketPairWaker
_spare: deque[Alarm] = deque(maxlen=MOST_SPARE)


def take_alarm() -> Alarm:
    """An alarm; a spare one, or a new one.

    Raises:
        OSError: The process has no descriptor left.
    """
    try:
        return _spare.pop()
    except IndexError:
        return _make_alarm()


def give_alarm_back(alarm: Alarm) -> None:
    """Let others use it."""
    _spare.append(alarm)


def take_bell() -> Bell:
    """What a thread can sleep on that waits for nothing but rings."""
    if _HAS_EVENTS:
        try:
            alarm = take_alarm()
        except OSError:
            return LockWaker()  # there is no descriptor left; the thread must hear of what fails because of that
        if isinstance(alarm, EventFdWaker):
            return alarm
    return LockWaker()


def give_bell_back(bell: Bell) -> None:
    """Let others use it."""
    if isinstance(bell, EventFdWaker):
        give_alarm_back(bell)


def forget_alarms() -> None:
    """Let go of the spare alarms."""
    _spare.clear()


def part_alarms() -> None:
    """Share no alarm with the parent any more, whose rings a thread of this process could take. In a forked child."""
    forget_alarms()
    for alarm in list(_events):
        alarm.part()
