"""ThreadFacade: what a request shows of a Thread, whichever thread runs it.

Thread safety. `_has_ended` and `_worker` are written by the worker (or by whoever withdraws the request from the queue)
and read by anybody. `_ended` is notified at the end. A thread that joins uses the notification up and gives it back,
for the next one to join; Ctrl-C can end its wait.
"""

from __future__ import annotations

import threading

from urlrequest._concurrency.deadline import Deadline, earliest
from urlrequest._concurrency.sync import MAX_SLEEP, Signal
from urlrequest._log import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["ThreadFacade"]


class ThreadFacade(threading.Thread):
    """A Thread to its user that was started when it was made, and that a worker runs (contract 2.2)."""

    name = ""  # Thread's own is a property of what its constructor makes

    def __init__(self, name: str) -> None:  # pyright: ignore[reportMissingSuperCall]
        # Thread's own constructor makes an event, a lock and a weak reference for a thread that is never started: more
        # than a quarter of the memory of a request that waits (measured: 1.7 of 5.0 KB).
        self.name = name
        self._worker: int | None = None  # ident of the thread that runs this
        self._has_ended = False
        self._ended = Signal()

    def start(self) -> NoReturn:
        """Refuse: the request has started when it was made."""
        raise RuntimeError("a request starts when it is made; start() must not be called")

    def is_alive(self) -> bool:
        """Whether the request waits for a worker or has one."""
        return not self._has_ended

    def join(self, timeout: float | None = None) -> None:
        """Wait until the worker has done all it does for this request. Runs no callback; see `wait()`.

        Raises:
            RuntimeError: It is called on the request's own worker.
        """
        if self._has_ended:
            return
        if self.ident == threading.get_ident():
            raise RuntimeError("cannot join the current thread")
        deadline = Deadline(None if timeout is None else max(0.0, timeout))
        try:
            while not self._ended.wait(earliest(MAX_SLEEP, deadline.remaining())):
                if deadline.has_passed():
                    return
        finally:
            if not self.is_alive():
                self._ended.notify()  # for the next to join; Ctrl-C may come at the moment the wait ends

    @property
    def ident(self) -> int | None:
        """The identifier of the thread that runs the request; None while it waits for one."""
        return self._worker

    @property
    def native_id(self) -> int | None:
        """The system's identifier of that thread; None when it has ended, too."""
        threads = {thread.ident: thread.native_id for thread in threading.enumerate()}
        return threads.get(self._worker)

    @property
    def daemon(self) -> bool:
        """Always True: a request does not hold up the end of the process."""
        return True

    @daemon.setter
    def daemon(self, _: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # Thread's is a property too
        raise RuntimeError("a request is a daemon, and is active from the beginning")

    def _begin(self) -> None:
        """The worker has come to this request."""
        self._worker = threading.get_ident()

    def _end(self) -> None:
        """Nothing more will be done for this request on any worker."""
        self._has_ended = True
        self._ended.notify()

    def _report(self, error: BaseException) -> None:
        report(error, self)
