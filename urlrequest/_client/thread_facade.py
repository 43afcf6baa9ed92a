"""ThreadFacade: what a request shows of a Thread, whichever thread runs it.

Thread safety. All state is in the request's `Call`.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .call import Call

__all__ = ["ThreadFacade"]


class ThreadFacade(threading.Thread):
    """A Thread to its user that was started when it was made, and that a worker runs (contract 2.2).

    Thread's own constructor is never called. It would make an event, a lock and a weak reference for a thread that is
    never started: more than a quarter of the memory of a queued request (measured: 1.7 of 5.0 KB).
    """

    _urlrequest_call: Call
    name = ""  # Thread's own is a property of what its constructor makes

    def start(self) -> NoReturn:
        """Refuse: the request has started when it was made."""
        raise RuntimeError("a request starts when it is made; start() must not be called")

    def is_alive(self) -> bool:
        """Whether the request waits for a worker or has one."""
        return not self._urlrequest_call.has_ended

    def join(self, timeout: float | None = None) -> None:
        """Wait until the worker has done all it does for this request. Runs no callback; see `wait()`.

        Raises:
            RuntimeError: It is called on the request's own worker.
        """
        self._urlrequest_call.join(timeout)

    @property
    def ident(self) -> int | None:
        """The identifier of the thread that runs the request; None while it waits for one."""
        return self._urlrequest_call.worker

    @property
    def native_id(self) -> int | None:
        """The system's identifier of that thread; None when it has ended, too."""
        threads = {thread.ident: thread.native_id for thread in threading.enumerate()}
        return threads.get(self._urlrequest_call.worker)

    @property
    def daemon(self) -> bool:
        """Always True: a request does not hold up the end of the process."""
        return True

    @daemon.setter
    def daemon(self, _: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # Thread's is a property too
        raise RuntimeError("a request is a daemon, and is active from the beginning")
