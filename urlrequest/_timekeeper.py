"""Timekeeper: calls for things that must happen at a time at which no thread of theirs exists.

A request that waits for a slot has no thread, yet its deadline must be kept (contract 15.2). One daemon thread sleeps
until the earliest of these moments, and ends when there is none left.

Thread safety. `_condition` guards `_alarms` and `_is_running`; the calls are made after it was let go of.
"""

from __future__ import annotations

import heapq
import threading
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Timekeeper"]


class Timekeeper:
    """Makes calls at given times, on a thread of its own."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._alarms: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._is_running = False

    def call_at(self, when: float, call: Callable[[], object]) -> None:
        """Have something called, once, on the timekeeper's thread.

        Args:
            when: On `time.monotonic()`.
            call: Quick, and must not raise.
        Raises:
            RuntimeError: The system gives no thread.
        """
        with self._condition:
            heapq.heappush(self._alarms, (when, next(self._numbers), call))
            self._condition.notify()
            must_start, self._is_running = not self._is_running, True
        if must_start:
            threading.Thread(target=self._run, name="urlrequest-timekeeper", daemon=True).start()

    def _run(self) -> None:
        while (call := self._next_call()) is not None:
            call()

    def _next_call(self) -> Callable[[], object] | None:
        with self._condition:
            while self._alarms:
                seconds = self._alarms[0][0] - monotonic()
                if seconds <= 0:
                    return heapq.heappop(self._alarms)[2]
                self._condition.wait(seconds)
            self._is_running = False
            return None

    def forget(self) -> None:
        """Start afresh. In a forked child, where the thread does not live on."""
        self.__init__()  # type: ignore[misc]  # everything is as new
