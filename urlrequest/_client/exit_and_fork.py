"""What happens at the end of the process, and in a child that it forks, each in a fixed order.

At exit: cancel all requests, wait a little for their workers, wait for the TLS loaders, close the idle connections. In
a child: reset resolver, TLS, timer, places, sessions and the default queue, then settle the requests, then reset the
wakers.

Thread safety. Exit runs on the main thread while workers still run; what it uses may be used by any thread. In a forked
child there is one thread.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from time import monotonic

from urlrequest._concurrency import wakeup
from urlrequest._concurrency.timer import timer
from urlrequest._delivery.queue import default_queue
from urlrequest._engine import places

from .active import cancel_all
from .call import active_calls
from .shared import sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .call import Call

__all__ = ["end_at_exit", "register", "reset_after_fork"]

MAX_EXIT_TIME = 1.0  # seconds by which the end of the process may be delayed, so that temporary files are removed


def register() -> None:
    """Make the interpreter call the two functions below."""
    atexit.register(end_at_exit)
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=reset_after_fork)


def end_at_exit() -> None:
    """Let the workers remove their temporary files: a daemon thread's `finally` does not run as the process ends."""
    running = list(active_calls)
    try:
        cancel_all()
    finally:  # whatever the cancel() of a subclass raises
        _end_threads(running)


def _end_threads(running: list[Call]) -> None:
    """Wait a little for the threads of cancelled requests and for the TLS loaders, and close the idle connections."""
    until = monotonic() + MAX_EXIT_TIME
    for call in running:
        call.join(max(0.0, until - monotonic()))
    _call_if_loaded("tls_contexts", "join_loaders", max(0.0, until - monotonic()))
    for session in list(sessions):
        session.pool.close()  # or the interpreter would warn of idle sockets that were not closed


def reset_after_fork() -> None:
    """Reset everything that belongs to threads, which a fork does not copy; settle the parent's requests here."""
    _call_if_loaded("resolver", "reset_after_fork")
    _call_if_loaded("tls_sessions", "reset_after_fork")
    _call_if_loaded("tls_contexts", "reset_after_fork")
    timer.reset_after_fork()
    places.reset_after_fork()
    for session in list(sessions):
        session.reset_after_fork()
    default_queue.reset_after_fork()
    for call in list(active_calls):
        call.fail_forked(threading.get_ident())
    wakeup.reset_after_fork()  # last: the requests have returned their wakers, which are the parent's, too


def _call_if_loaded(module: str, function: str, *arguments: Any) -> None:
    """Call a function of a module of `_net` that only requests load, unless another thread is still importing it."""
    found = getattr(sys.modules.get(f"urlrequest._net.{module}"), function, None)
    if found is not None:
        found(*arguments)
