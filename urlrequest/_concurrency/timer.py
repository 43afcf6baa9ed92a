"""TimerThread: runs a callback at a time, for what has no thread.

A request that is queued has none, and its deadline must be kept, too (contract 15.2); nor has an idle connection, which
must be closed when its time is up (contract 17.10). One daemon thread sleeps until the earliest of these times. When
there is none left it goes on for a moment, as starting it anew costs more than a small request, and then it ends.

Thread safety. `_lock` guards `_turn`, and with it the thread's decision to end. `cancel()` takes no lock, since a
canceller may have interrupted the thread that holds it (in a signal handler): taking a key out of `_calls` is atomic,
and the thread that gets the key out has the call.

Invariants:
    TIMER-1  The thread never sleeps beyond the time of a call: `_next` is infinite while it looks at the calls, so that
             a call which is added meanwhile notifies it.
    TIMER-2  When `call_at()` returns, there is a thread that knows the call. `_turn` is held by the thread that is at
             work, from its first step on. Who finds it free starts a thread, also while others do so, as theirs may
             come to nothing; of several threads one gets the turn, and the others end.
    TIMER-3  A call that was taken out of `_calls` is `_at_hand` until it has been made, whatever memory it lacks.
"""

from __future__ import annotations

from math import inf
from threading import Lock, current_thread
from time import monotonic, sleep

from urlrequest._log import report

from .sync import AT_ONCE, MEMORY_PAUSE, NoThreadError, ScopedLock, Signal, snapshot, start_thread

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
        self._turn = Lock()  # held by the thread that is at work
        self._at_hand: Callable[[], object] | None = None  # the call that is being made; the thread's
        self._has_ended = False

    def call_at(self, when: float, key: Hashable, call: Callable[[], object], *, until: float | None = None) -> None:
        """Call a function once, at a time, on the timer's thread.

        Args:
            when: On `time.monotonic()`.
            key: For `cancel()`.
            call: Quick, and must not raise. It is made again if it lacks memory.
            until: When to give up a thread that does not begin, as of `start_thread()`.
        Raises:
            NoThreadError: There is no thread for it.
        """
        try:
            with self._lock:
                self._calls[key] = (when, call)
                must_start = not self._turn.locked()
            if must_start:
                start_thread(self._run, "urlrequest-timer", until=until)
            if when < self._next:
                self._changed.notify()
        except NoThreadError:
            if not self._turn.locked():  # else another thread has got one
                self.cancel(key)
                raise
            self._changed.notify()

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
        [has_turn] = map(self._turn.acquire, AT_ONCE)
        has_rested = has_failed = False  # rested: since the last call
        while has_turn:
            try:
                with self._lock:
                    if not (self._calls or self._at_hand) and (has_rested or self._has_ended):
                        self._turn.release()
                        return
                if has_failed:
                    sleep(MEMORY_PAUSE)
                    has_failed = False
                self._next = inf
                end = self._make_due_calls()
                has_rested = end is None
                self._next = until = monotonic() + REST_TIME if end is None else end
                self._changed.wait(until - monotonic())
            except MemoryError:  # there may be more of it in a moment
                has_failed = True

    def _make_due_calls(self) -> float | None:
        """Make the calls whose time has come, and return when the next one may be due; None: there is none.

        A thread that sleeps refers to no call, so that one which is cancelled keeps nothing alive.
        """
        self._make_call()
        calls = snapshot(self._calls.items())
        now = monotonic()
        due = [key for key, (when, _) in calls if when <= now]
        for key in due:
            found = self._calls.pop(key, None)
            if found is not None:
                self._at_hand = found[1]
                self._make_call()
        if due:
            return now  # what they did may have taken a while
        return min((when for _, (when, _) in calls), default=None)

    def _make_call(self) -> None:
        """Make the call at hand, if there is one."""
        if self._at_hand is not None:
            try:
                self._at_hand()
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - the other calls are to be made all the same
                report(error, current_thread())
            self._at_hand = None

    def reset_after_fork(self) -> None:
        """Start afresh. In a forked child, where the thread does not live on."""
        self._reset()


timer = TimerThread()
"""The one of this process."""
