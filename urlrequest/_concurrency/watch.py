"""Watch: one thread that waits for the bytes of many sockets at once, so that none of them needs a thread of its own.

It knows nothing of requests. It calls `look()` of what was added to it, once, when there may be something to read, or
at the time that the item names; an item that is to be watched on adds itself again. A look that finds nothing must do
no harm: another thread may have read the socket meanwhile, or the descriptor may belong to another socket by now.

Something that another thread reads as a rule, within microseconds, is added by `add_later()`: to arm the system's
poller for it each time would cost a third of a small request (measured: 30 of 85 us on one core). The thread adds it
itself if it is still to be read after `GRACE`.

Thread safety. Any thread may call the methods, and a signal handler `look_at()`. What they add goes into deques, whose
single operations are atomic; then they wake the thread if it may not see that by itself. Before it sleeps, the thread
first says so (`_is_asleep`, `_next_end`) and then looks at the deques once more; so at least one side sees the other.
`_lock` guards the start of the thread alone, which goes on for as long as the process. Nobody waits for it, since that
may take seconds where there is no memory.

`_watched` belongs to the thread. A descriptor goes from one item to the next as quickly as a connection is used again:
a thread that adds the first one late must not put it in the place of the second. The thread takes over what was added
before it looks at what is readable, and leaves out what is over by then. So it knows each item of which it hears.

Invariants:
    WATCH-1  What was added is looked at when there is something to read, or at its time, or sooner, on every system. It
             is taken out before it is looked at.
    WATCH-2  Nothing is lost when the thread fails, for want of memory: an item is in one of the lists, or `_at_hand`,
             until its look has returned. After a failure the thread looks at everything that it has, as it may have
             lost what the system reported, or a time.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from math import inf
from time import monotonic, sleep

from urlrequest._log import report

from .sync import AT_ONCE, MEMORY_PAUSE, start_thread
from .wakeup import new_waker, sleep_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from .wakeup import DescriptorWaker

    class Watched(Protocol):
        """Something with a socket.

        Attributes:
            until: When to look although nothing has come, on `time.monotonic()`; None: never.
        """

        until: float | None

        def fileno(self) -> int:
            """The descriptor of the socket; -1 when there is nothing to wait for any more."""
            ...

        def look(self) -> None:
            """Read what has come, if anything has. On the watch's thread; must not block.

            It is called again when it raises, so it must do that only for want of memory.
            """
            ...


__all__ = ["Watch", "arm", "watch"]

GRACE = 0.02  # seconds that another thread has for what was added by `add_later()`; then the watch wakes up
RESOLUTION = 0.01  # seconds from one look at all times to the next
MAX_ADDED = 64  # items that the thread has not taken over; beyond it they wake it, as most of them are over
MAX_SELECTED = 400  # sockets; select() of Windows takes 512


class _EpollPoller:
    """Sockets in a set of the system (Linux). Each is reported once, until it is armed again."""

    needs_waking = False  # what is armed counts at once, also for a wait that has begun
    most = None

    def __init__(self, waker: int) -> None:
        self._epoll = select.epoll()
        self._epoll.register(waker, select.EPOLLIN)

    def arm(self, descriptor: int) -> None:
        """Report a descriptor once. Any thread."""
        arm(self._epoll, descriptor)

    def wait(self, _: dict[int, Watched], seconds: float) -> list[int]:
        """Return the descriptors that are readable, once there is one or the time is over."""
        return [descriptor for descriptor, _ in self._epoll.poll(seconds)]

    def close(self) -> None:
        self._epoll.close()


def arm(epoll: select.epoll, descriptor: int) -> None:
    """Let a set of the system report a descriptor once it is readable. Any thread."""
    try:
        epoll.modify(descriptor, select.EPOLLIN | select.EPOLLONESHOT)
    except FileNotFoundError:  # it was not in the set, as the first time
        epoll.register(descriptor, select.EPOLLIN | select.EPOLLONESHOT)


class _PollPoller:
    """Sockets that are named for each wait anew, by poll()."""

    needs_waking = True
    most: int | None = None

    def __init__(self, waker: int) -> None:
        self._waker = waker

    def arm(self, descriptor: int) -> None:
        """Leave it to the next wait."""

    def wait(self, watched: dict[int, Watched], seconds: float) -> list[int]:
        return self._poll(self._descriptors(watched), seconds)

    def _descriptors(self, watched: dict[int, Watched]) -> list[int]:
        """The waker and what is watched; what was read by another thread leaves."""
        items = list(watched.items())
        for descriptor, item in items:
            if item.fileno() != descriptor:
                del watched[descriptor]
        return [self._waker, *(descriptor for descriptor, item in items if item.fileno() == descriptor)]

    def _poll(self, descriptors: list[int], seconds: float) -> list[int]:
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        # Rounded up: waking a moment too early would make a busy loop of the last millisecond.
        return [descriptor for descriptor, _ in poll.poll(seconds * 1000 + 0.5)]

    def close(self) -> None:
        """Do nothing: there is nothing open."""


class _SelectPoller(_PollPoller):
    """The same by select(), for Windows."""

    most = MAX_SELECTED

    def _poll(self, descriptors: list[int], seconds: float) -> list[int]:
        try:
            return select.select(descriptors, [], [], seconds)[0]
        except (OSError, ValueError):  # one was closed in this moment: all are looked at
            return descriptors


def new_poller(waker: int) -> _EpollPoller | _PollPoller:
    """Make the best poller that the system has; OSError when the process has no descriptor left."""
    if hasattr(select, "epoll"):
        return _EpollPoller(waker)
    return _PollPoller(waker) if hasattr(select, "poll") else _SelectPoller(waker)


class Watch:
    """Calls `look()` of what is readable, on a thread of its own."""

    _is_running = False
    _has_ended = False
    _has_poller = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._poller: _EpollPoller | _PollPoller  # once `_has_poller`
        self._waker: DescriptorWaker
        self._claims = [True]  # the thread that takes the one item is the one that runs
        self._watched: dict[int, Watched] = {}  # by descriptor
        self._added: deque[Watched] = deque()  # to `_watched`; armed already
        self._later: deque[Watched] = deque()
        self._called: deque[Watched] = deque()
        self._at_hand: Watched | None = None  # what is being looked at; the thread's
        self._failure: BaseException | None = None  # after which the thread must look at everything
        self._ends: deque[float] = deque()  # times of what was added since the thread has looked
        self._is_asleep = False  # the thread does not look at `_later` before it is woken
        self._next_end = inf  # what has an earlier time than this wakes the thread

    def start(self, until: float | None = None) -> bool:
        """Start the thread, unless it runs; whether there is room for one more to be watched.

        There is none after `end()`, nor while another thread starts it.

        Args:
            until: When to give up a thread that does not begin, as of `start_thread()`.
        Raises:
            RuntimeError: The system gives no thread. OSError: The process has no descriptor left.
        """
        if not self._is_running:
            if self._has_ended:
                return False
            [is_first] = map(self._lock.acquire, AT_ONCE)
            if is_first:
                try:
                    self._start_thread(until)
                finally:
                    self._lock.release()
            else:
                return False
        most = self._poller.most
        return most is None or len(self._watched) + len(self._added) + len(self._later) < most

    def try_start(self, until: float | None = None) -> bool:
        """The same; False also where the system gives no thread, or no descriptor."""
        try:
            return self.start(until)
        except (RuntimeError, OSError):
            return False

    def _start_thread(self, until: float | None) -> None:
        assert self._lock.locked()
        if self._is_running:  # another thread has just started it
            return
        if not self._has_poller:
            self._waker = new_waker()
            self._poller = new_poller(self._waker.descriptor)
            self._has_poller = True
        try:
            start_thread(self._run, "urlrequest-watch", until=until)
        except BaseException:  # Ctrl-C; if the thread begins later, and there is another by then, it ends at once
            self._is_running = not self._claims
            raise
        self._is_running = True

    # For any thread, once `start()` was called

    def add(self, item: Watched) -> None:
        """Look at something as soon as it is readable, or at its time."""
        descriptor, until = item.fileno(), item.until
        if descriptor < 0:
            return
        self._added.append(item)
        try:
            self._poller.arm(descriptor)
        except OSError:  # closed in this moment; or the system's set is full, and the item is looked at again and again
            self._called.append(item)
            until = monotonic() + RESOLUTION
        if until is not None:
            self._ends.append(until)
        is_full = len(self._added) > MAX_ADDED
        if is_full or self._poller.needs_waking or (until is not None and until < self._next_end):
            self._waker.wake()

    def add_later(self, item: Watched) -> None:
        """The same for something that another thread has read in a moment, as a rule."""
        self._later.append(item)
        if self._is_asleep:
            self._is_asleep = False
            self._waker.wake()

    def look_at(self, item: Watched) -> None:
        """Look at something now. Never blocks."""
        self._called.append(item)
        self._waker.wake()

    def end(self) -> None:
        """Watch nothing any more, so that the thread ends. At the end of the process."""
        self._has_ended = True
        if self._is_running:
            self._is_running = False
            self._waker.wake()

    # The thread

    def _run(self) -> None:
        try:
            self._claims.pop()
        except IndexError:
            return
        while not self._has_ended:
            try:
                if self._failure is not None:
                    self._look_at_all(self._failure)
                self._watch_on()
            except BaseException as error:  # noqa: BLE001 - whatever it is, others rely on this thread
                self._failure = error

    def _watch_on(self) -> None:
        """Look at what is readable or due, until the end."""
        grace_end = end = inf
        while not self._has_ended:
            self._next_end = inf
            while self._ends:
                end = min(end, self._ends.popleft())
            self._next_end = end
            self._take_over()
            self._is_asleep = grace_end == inf
            if self._later and self._is_asleep:
                self._is_asleep, grace_end = False, monotonic() + GRACE
            self._wait(min(grace_end, end))
            now = monotonic()
            if now >= grace_end:
                grace_end = inf
                self._add_late()
            if now >= end:
                end = self._look_at_due(now)

    def _wait(self, until: float) -> None:
        """Sleep until there is something to look at, or `until`, and look at it."""
        waker = self._waker
        ready = self._poller.wait(self._watched, sleep_time(until - monotonic()))
        self._is_asleep = False
        if waker.descriptor in ready:
            waker.drain()
        self._take_over()
        self._look_at(ready)

    def _look_at(self, descriptors: Iterable[int]) -> None:
        """Look at what was asked for, and at what is watched on these descriptors."""
        for _ in range(len(self._called)):
            item = self._at_hand = self._called.popleft()
            item.look()
            self._at_hand = None
        for descriptor in descriptors:
            found = self._at_hand = self._watched.pop(descriptor, None)
            if found is not None:  # else it is the waker, or was looked at already
                found.look()
                self._at_hand = None

    def _take_over(self) -> None:
        """Take what was added into `_watched`."""
        while self._added:
            item = self._added[0]
            descriptor = item.fileno()
            if descriptor >= 0:
                self._watched[descriptor] = item
            self._added.popleft()

    def _add_late(self) -> None:
        for _ in range(len(self._later)):
            self.add(self._later[0])
            self._later.popleft()

    def _look_at_due(self, now: float) -> float:
        """Look at everything whose time has come; return when to do so again."""
        ends = [(descriptor, item.until) for descriptor, item in self._watched.items() if item.until is not None]
        self._look_at([descriptor for descriptor, until in ends if until <= now])
        return max(min((until for _, until in ends if until > now), default=inf), now + RESOLUTION)

    def _look_at_all(self, failure: BaseException) -> None:
        """Look at everything, after a failure."""
        sleep(MEMORY_PAUSE)
        if self._at_hand is not None:
            self._called.append(self._at_hand)  # behind the others, in case its look fails again
            self._at_hand = None
        self._take_over()
        self._look_at(list(self._watched))
        self._failure = None
        if not isinstance(failure, MemoryError):
            report(failure, threading.current_thread())

    def reset_after_fork(self) -> None:
        """Start afresh, with a poller and a waker of its own. In a forked child, where the thread does not live on.

        The parent's set is closed and not changed: it is shared.
        """
        if self._has_poller:
            self._poller.close()
        self._is_running = self._has_ended = self._has_poller = False
        self.__init__()  # type: ignore[misc]  # as new


watch = Watch()
"""The one of this process."""
