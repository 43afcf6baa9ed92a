"""ThreadFacade: the interface of `threading.Thread` on a request, which a worker thread runs.

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
    """The interface of a Thread that was started when it was made (contract 2.2).

    Thread's own constructor is never called. It would make an event, a lock and a weak reference for a thread that is
    never started: more than a quarter of the memory of a queued request (measured: 1.7 of 5.0 KB).
    """

    _urlrequest_call: Call
    name = ""  # Thread's own is a property of what its constructor makes

    def start(self) -> NoReturn:
        """Raise RuntimeError: a request starts when it is made."""
        raise RuntimeError("a request starts when it is made; start() must not be called")

    def is_alive(self) -> bool:
        """Whether the request is queued, in flight, or has a worker thread."""
        return not self._urlrequest_call.has_ended

    def join(self, timeout: float | None = None) -> None:
        """Wait until the worker thread has ended its work for this request. Runs no callback; see `wait()`.

        Args:
            timeout: When to give up, in seconds; None: never. `is_alive()` says whether the request has ended.
        Raises:
            RuntimeError: It is called on the request's own worker thread.
        """
        call = self._urlrequest_call
        call.join(timeout)
        if call.has_ended and call.mailbox.is_stranded and not call.lifecycle.is_cancelled:
            from .unheard import warn_of_join  # most programs join nothing

            warn_of_join(self)

    @property
    def ident(self) -> int | None:
        """The identifier of the worker thread that runs the request; None while it has none."""
        return self._urlrequest_call.worker

    @property
    def native_id(self) -> int | None:
        """The system's identifier of the worker thread; None while the request has none, or the thread is gone."""
        threads = {thread.ident: thread.native_id for thread in threading.enumerate()}
        return threads.get(self._urlrequest_call.worker)

    @property
    def daemon(self) -> bool:
        """Always True: a request does not delay the end of the process."""
        return True

    @daemon.setter
    def daemon(self, _: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # Thread's is a property too
        raise RuntimeError("a request is a daemon, and is active from the beginning")
