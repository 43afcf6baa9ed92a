"""TimerThread: runs a callback at a time, for what has no thread.

A request that is queued has none, and its deadline must be kept, too (contract 15.2); nor has an idle connection, which
must be closed when its time is up (contract 17.10). One daemon thread sleeps until the earliest of these times. When
there is none left it goes on for a moment, as starting it anew costs more than a small request, and then it ends.

Thread safety. `_lock` guards `_is_running` and the thread's decision to end. `cancel()` takes no lock, since a
canceller may have interrupted the thread that holds it (in a signal handler): taking a key out of `_calls` is atomic,
and the thread that gets the key out has the call.

Invariant:
    TIMER-1  The thread never sleeps beyond the time of a call: `_next` is infinite while it looks at the calls, so that
             a call which is added meanwhile notifies it.
"""

from __future__ import annotations

from math import inf
from time import monotonic

from .sync import NoThreadError, ScopedLock, Signal, snapshot, start_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["TimerThread", "timer"]

REST_TIME = 1.0  # seconds for which the thread goes on without a call


class TimerThread:
    """Calls functions at given times, on a thread of its own."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = ScopedLock()
        self._calls: dict[Hashable, tuple[float, Callable[[], object]]] = {}
        self._next = inf  # when the thread will look again
        self._changed = Signal()  # the thread must look again
        self._is_running = False
        self._has_ended = False

    def call_at(self, when: float, key: Hashable, call: Callable[[], object], *, until: float | None = None) -> None:
        """Call a function once, at a time, on the timer's thread.

        Args:
            when: On `time.monotonic()`.
            key: For `cancel()`.
            call: Quick, and must not raise.
            until: When to give up a thread that does not begin, as of `start_thread()`.
        Raises:
            NoThreadError: There is no thread for it.
        """
        try:
            with self._lock:
                self._calls[key] = (when, call)
                must_start, self._is_running = not self._is_running, True
            if must_start:
                start_thread(self._run, "urlrequest-timer", until=until)
            elif when < self._next:
                self._changed.notify()
        except BaseException as error:  # or Ctrl-C: if a thread runs nevertheless, there are two, which does no harm
            self._is_running = False
            if isinstance(error, NoThreadError):
                self.cancel(key)
            raise

    def cancel(self, key: Hashable) -> None:
        """Do not make a call, if it was not made yet. Any thread; never blocks."""
        is_last = self._calls.pop(key, None) is not None and not self._calls
        if is_last and self._next > monotonic() + REST_TIME:
            self._changed.notify()  # the thread has nothing left to wait for so long

    def end(self) -> None:
        """Make no call any more, so that the thread ends. At the end of the process."""
        self._has_ended = True
        self._calls.clear()
        self._changed.notify()

    def _run(self) -> None:
        has_rested = False  # since the last call
        while self._is_needed(has_rested=has_rested):
            self._next = inf
            try:
                end = self._make_due_calls()
            except MemoryError:  # there may be more of it in a moment
                end = monotonic() + REST_TIME
            has_rested = end is None
            self._next = until = monotonic() + REST_TIME if end is None else end
            self._changed.wait(until - monotonic())

    def _make_due_calls(self) -> float | None:
        """Make the calls whose time has come, and return when the next one may be due; None: there is none.

        A thread that sleeps refers to no call, so that one which is cancelled keeps nothing alive.
        """
        calls = snapshot(self._calls.items())
        now = monotonic()
        due = [key for key, (when, _) in calls if when <= now]
        for key in due:
            found = self._calls.pop(key, None)
            if found is not None:
                found[1]()
        if due:
            return now  # what they did may have taken a while
        return min((when for _, (when, _) in calls), default=None)

    def _is_needed(self, *, has_rested: bool) -> bool:
        with self._lock:
            self._is_running = bool(self._calls) or not (has_rested or self._has_ended)
            return self._is_running

    def reset_after_fork(self) -> None:
        """Start afresh. In a forked child, where the thread does not live on."""
        self._reset()


timer = TimerThread()
"""The one of this process."""
