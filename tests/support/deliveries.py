"""Requests without a network, whose events a dispatch queue delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from urlrequest._client.callbacks import Callbacks, run_progress
from urlrequest._concurrency.interest_list import new_interest_list
from urlrequest._delivery.events import ProgressRun
from urlrequest._delivery.lifecycle import Lifecycle
from urlrequest._delivery.mailbox import Mailbox
from urlrequest._delivery.queue import DispatchQueue
from urlrequest.hooks import ManualHook

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Loop", "ReadingHook", "Request"]


class Request(Callbacks):
    """A receiver with its mailbox in a queue; it notes its events in a common log."""

    def __init__(self, name: str, queue: DispatchQueue, log: list[Any], *, callbacks: bool = True) -> None:
        self.name, self.log, self.callbacks = name, log, callbacks
        self.lifecycle = Lifecycle()
        self.during: Callable[[Any], object] = lambda event: None
        self.on_progress = lambda _, current, _total: self._note(current)
        self.mailbox = Mailbox(self, queue)

    def has_callback(self) -> bool:
        return self.callbacks

    def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
        return run_progress(self, run, most, until, self.lifecycle)

    def _note(self, current: int) -> None:
        self.log.append((self.name, current))
        self.during(current)

    def deliver_chunk(self, chunk: bytes) -> None:
        self.log.append((self.name, chunk))

    def deliver_outcome(self) -> None:
        self.mailbox.is_ending = True
        self.log.append((self.name, "end"))
        self.during("end")

    def publish_outcome(self) -> bool:
        self.log.append((self.name, "published"))
        return True

    def progress(self, count: int = 1) -> None:
        self.mailbox.post_progress(ProgressRun(0, 1, count, -1))

    def settle(self) -> None:
        self.lifecycle.is_settled = True
        self.mailbox.post_outcome()


class Loop:
    """A queue and the number of its wake-ups."""

    def __init__(self) -> None:
        self.wakeups = 0
        self.queue = DispatchQueue(self.wake)
        self.log: list[Any] = []

    def wake(self) -> None:
        self.wakeups += 1

    def request(self, name: str = "a", **options: Any) -> Request:
        return Request(name, self.queue, self.log, **options)


class ReadingHook(ManualHook):
    """A loop that reads responses itself, when it is drained, where the system has epoll."""

    def __init__(self) -> None:
        super().__init__()
        self.queue.interest_list = self.interest_list = new_interest_list(lambda: None)  # a loop keeps it, no queue
