"""The requests that are not finished yet: what keeps them alive, and what is done with all of them at once.

Thread safety. `live_requests` is a dictionary whose single operations are atomic; whoever looks at all of them takes a
copy first.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from time import monotonic

from urlrequest._concurrency import wakeup
from urlrequest._delivery.queue import default_queue, wait_for
from urlrequest._net import resolver

from .session import sessions, timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, overload

    from .request import UrlRequest

__all__ = ["LiveRequests", "cancel_all", "g_requests", "live_requests", "wait_all"]

EXIT_TIME = 1.0  # seconds that the end of the process may be held up, so that temporary files are removed

live_requests: dict[UrlRequest, None] = {}  # in the order in which they were made (contract 3.7)


class LiveRequests(Sequence["UrlRequest"]):
    """A live, read-only view of the requests that are not finished yet (contract 1.4)."""

    def __len__(self) -> int:
        return len(live_requests)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> UrlRequest: ...
        @overload
        def __getitem__(self, index: slice) -> list[UrlRequest]: ...

    def __getitem__(self, index: int | slice) -> Any:
        return list(live_requests)[index]

    def __repr__(self) -> str:
        return f"<live requests: {list(live_requests)!r}>"


g_requests = LiveRequests()


def wait_all(requests: Iterable[UrlRequest], timeout: float | None = None) -> bool:
    """Run the callbacks of these requests on the calling thread until all of them are finished (contract 6.4).

    Args:
        timeout: When to give up, in seconds; None: never.
    Returns:
        True when all are finished, whatever their outcomes; False when the time ran out.
    Raises:
        BaseException: What a callback raised; the others go on, and it may be called again.
    """
    return wait_for([request.mailbox for request in requests], delay=0.5, timeout=timeout)


def cancel_all() -> int:
    """Cancel all requests that are not finished yet. Any thread; returns at once.

    Returns:
        How many it cancelled.
    """
    return sum(request.cancel() for request in reversed(list(live_requests)))  # those that wait must not begin


def _call_if_loaded(module: str, function: str, *arguments: Any) -> None:
    """Call a function of a module of `_net` that only https loads; not where another thread is just importing it."""
    found = getattr(sys.modules.get(f"urlrequest._net.{module}"), function, None)
    if found is not None:
        found(*arguments)


def _at_exit() -> None:
    """Have the workers remove their temporary files.

    A daemon thread's `finally` does not run at the end of the process.
    """
    running = list(live_requests)
    cancel_all()
    until = monotonic() + EXIT_TIME
    for request in running:
        request.join(max(0.0, until - monotonic()))
    _call_if_loaded("tls_contexts", "join_loaders", max(0.0, until - monotonic()))
    for session in list(sessions):
        session.pool.close()  # or the interpreter would warn of idle sockets that nobody has closed


def _in_forked_child() -> None:
    """Forget everything that lives in threads, which a fork does not copy."""
    resolver.reset_after_fork()
    _call_if_loaded("tls_sessions", "reset_after_fork")
    _call_if_loaded("tls_contexts", "reset_after_fork")
    timer.reset_after_fork()
    for session in list(sessions):
        session.forget()
    default_queue.forget()
    for request in list(live_requests):
        request.fail_forked(threading.get_ident())
    wakeup.reset_after_fork()  # last: the requests have given theirs back, which are the parent's too


atexit.register(_at_exit)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_in_forked_child)
