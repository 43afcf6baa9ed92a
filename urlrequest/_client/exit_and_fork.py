"""What happens at the end of the process, and in a child that it forks, each in a fixed order.

At exit: leave the event loops, cancel all requests, close the idle connections, and end the threads, for which it waits
a little: a daemon thread that goes on may end the process by an abort, as where a program has changed its root folder
(the C library loads a file for `pthread_exit()`), and does so when a subinterpreter ends. In a child: reset resolver,
TLS, timer, watch, places, sessions, the default queue and hooks, then settle the requests, then reset the wakers.
Before a fork: wait a little for threads whose work would stay half done in the child for good.

Where Python's hooks do not run, because C code forks (uWSGI), `fork_watch` resets the child at its first use of the
library.

Thread safety. Exit runs on the main thread while workers still run; what it uses may be used by any thread. In a forked
child there is one thread.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from time import monotonic, sleep

from urlrequest._concurrency import wakeup
from urlrequest._concurrency.sync import (
    call_if_loaded,
    forget_threads,
    fork_watch,
    is_own_thread,
    join_threads,
    snapshot,
)
from urlrequest._concurrency.timer import timer
from urlrequest._concurrency.watch import watch
from urlrequest._delivery.queue import default_queue
from urlrequest._engine import places
from urlrequest._log import log
from urlrequest.hooks import end_at_exit as end_hooks_at_exit
from urlrequest.hooks import is_watched
from urlrequest.hooks import reset_after_fork as reset_hooks_after_fork

from .active import cancel_all
from .call import active_calls
from .shared import all_shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .call import Call

__all__ = ["end_at_exit", "prepare_fork", "register", "reset_after_fork"]

MAX_EXIT_TIME = 1.0  # seconds by which the end of the process may be delayed, so that temporary files are removed
MAX_FORK_DELAY = 1.0  # seconds by which a fork may be delayed, so that the child can import what a thread imports now

# Packages whose modules the library imports when they are first needed.
_IMPORTED = sys.stdlib_module_names | {
    "backports",
    "brotli",
    "brotlicffi",
    "certifi",
    "idna",
    "urlrequest",
    "zstandard",
}


def register() -> None:
    """Make the interpreter call the functions below."""
    atexit.register(end_at_exit)
    fork_watch.on_fork(reset_after_fork)
    if sys.platform != "win32":
        os.register_at_fork(before=prepare_fork, after_in_child=_enter_child)


def end_at_exit() -> None:
    """Let the workers remove their temporary files: a daemon thread's `finally` does not run as the process ends."""
    fork_watch.check()
    running = snapshot(active_calls)
    _warn_unfinished(running)
    end_hooks_at_exit()
    try:
        cancel_all()
    finally:  # whatever the cancel() of a subclass raises
        _end_threads(running)


def _warn_unfinished(calls: list[Call]) -> None:
    """Log the requests that no loop was there for, and nobody waited for; a program that fails has said enough."""
    if hasattr(sys, "last_value"):
        return
    calls = [call for call in calls if not (call.mailbox.has_loop or call.is_quiet or call.lifecycle.is_cancelled)]
    if calls:
        from urlrequest._tracebacks import shown  # most programs end well

        first = shown(calls[0].request)  # as text: it may finish while `logging` is imported
        what = "the program ends with unfinished requests (%d), such as %s%s: call wait(), or run an event loop"
        log("WARNING", f"{what} (join() runs no callbacks)", len(calls), first, _place_of(calls[0]))


def _place_of(call: Call) -> str:
    """Where the request was made, for the line above."""
    return f" (made at {call.place})" if call.place else ""


def _end_threads(running: list[Call]) -> None:
    """End all threads, wait a little until they have, and close the idle connections."""
    until = monotonic() + MAX_EXIT_TIME
    for call in running:
        call.join(max(0.0, until - monotonic()))
    for shared in snapshot(all_shared):
        shared.workers.shut_down()
        shared.pool.close()  # or the interpreter would warn of idle sockets; it closes what workers put back later
    timer.end()
    watch.end()
    join_threads(until)
    while is_watched() and monotonic() < until:
        sleep(0.001)


def prepare_fork() -> None:
    """Wait a little while threads import modules for the library, or read certificates.

    A thread that imports holds the lock of the module, and OpenSSL has locks of its own. The child would inherit them
    as they are, without the thread that could release them.
    """
    until = monotonic() + MAX_FORK_DELAY
    while (_is_importing() or call_if_loaded("_net.tls_contexts", "is_loading")) and monotonic() < until:
        sleep(0.001)


def _is_importing() -> bool:
    """Whether another thread imports a module that requests may need, or any module on a thread of the library.

    The locks of the modules tell, not the frames of the threads: to read the frames of a thread that runs has ended
    processes (see `urlrequest.hooks._frames`). A program's own imports do not count: one may last as long as it runs.
    """
    this = threading.get_ident()
    for name, reference in snapshot(_module_locks().items()):
        owner = getattr(reference(), "owner", None)
        if owner is None or owner == this:
            continue
        if name.partition(".")[0] in _IMPORTED or is_own_thread(owner):
            return True
    return False


def _module_locks() -> dict[str, Any]:
    """The locks of modules that are being imported, as weak references, by the names of the modules."""
    # They have this name and these attributes in all versions so far; where they have not, a fork does not wait.
    return getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})


def _enter_child() -> None:
    _forget_imports()
    fork_watch.enter_child()


def _forget_imports() -> None:
    """Let a child import what other threads of its parent were importing: an import may begin after the look above.

    Such a thread does not live on, so nobody would release the lock of its module, nor bring the module to its end. The
    child makes a new lock, and imports the module from its beginning.
    """
    locks, this = _module_locks(), threading.get_ident()
    for name, reference in snapshot(locks.items()):
        if getattr(reference(), "owner", None) == this:
            continue
        locks.pop(name, None)
        if getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False):
            sys.modules.pop(name, None)


def reset_after_fork() -> None:
    """Reset everything that belongs to threads, which a fork does not copy; settle the parent's requests here."""
    call_if_loaded("_net.resolver", "reset_after_fork")
    call_if_loaded("_net.tls_sessions", "reset_after_fork")
    call_if_loaded("_net.tls_contexts", "reset_after_fork")
    timer.reset_after_fork()
    forget_threads()
    call_if_loaded("_client.flight", "reset_after_fork")
    places.reset_after_fork()
    for shared in snapshot(all_shared):
        shared.reset_after_fork()
    default_queue.reset_after_fork()
    reset_hooks_after_fork()
    for call in snapshot(active_calls):
        call.fail_forked(threading.get_ident())
    wakeup.reset_after_fork()  # last: the requests have returned their wakers, which are the parent's, too
