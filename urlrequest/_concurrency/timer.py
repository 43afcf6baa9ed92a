"""TimerThread: calls for things that must happen at a time at which no thread of theirs exists.

A request that waits for a slot has no thread, yet its deadline must be kept (contract 15.2). One daemon thread sleeps
until the earliest of these moments, and ends when there is none left.

Thread safety. `_lock` guards `_is_running` and the thread's decision to end. `drop()` takes no lock, since a canceller
may have interrupted a holder of it: taking a key out of `_alarms` is atomic, and whoever got it out has the call.

Invariant:
    K1  The thread never sleeps beyond an alarm: `_next` is infinite while it looks at the alarms, so that one which
        comes meanwhile rings the bell.
"""

from __future__ import annotations

import threading
from math import inf
from time import monotonic

from .sync import Signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["TimerThread"]


class TimerThread:
    """Makes calls at given times, on a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alarms: dict[Hashable, tuple[float, Callable[[], object]]] = {}
        self._next = inf  # when the thread will look again
        self._changed = Signal()  # the thread must look again
        self._is_running = False

    def call_at(self, when: float, key: Hashable, call: Callable[[], object]) -> None:
        """Have something called, once, on the timer's thread.

        Args:
            when: On `time.monotonic()`.
            key: For `drop()`.
            call: Quick, and must not raise.
        Raises:
            RuntimeError: The system gives no thread.
        """
        with self._lock:
            self._alarms[key] = (when, call)
            must_start, self._is_running = not self._is_running, True
        if must_start:
            try:
                threading.Thread(target=self._run, name="urlrequest-timer", daemon=True).start()
            except RuntimeError:
                with self._lock:
                    self._is_running = False
                self.drop(key)
                raise
        elif when < self._next:
            self._changed.notify()

    def drop(self, key: Hashable) -> None:
        """Do without a call. Any thread; never blocks."""
        if self._alarms.pop(key, None) is not None and not self._alarms:
            self._changed.notify()  # the thread has nothing left to wait for

    def _run(self) -> None:
        while self._is_needed():
            self._next = inf
            alarms = list(self._alarms.items())
            now = monotonic()
            due = [key for key, (when, _) in alarms if when <= now]
            for key in due:
                alarm = self._alarms.pop(key, None)
                if alarm is not None:
                    alarm[1]()
            if alarms and not due:
                self._next = min(when for _, (when, _) in alarms)
                self._changed.wait(self._next - now)

    def _is_needed(self) -> bool:
        with self._lock:
            self._is_running = bool(self._alarms)
            return self._is_running

    def forget(self) -> None:
        """Start afresh. In a forked child, where the thread does not live on."""
        self.__init__()  # type: ignore[misc]  # everything is as new
