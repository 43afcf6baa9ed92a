"""resolve(): from a host name to its addresses, by `getaddrinfo()` on resolver threads, at most 16 in a process.

No system can interrupt `getaddrinfo()`. So a cancelled request leaves its look-up behind: the resolver thread finishes
it, and the result is dropped. The threads are daemons of our own, because those of an executor would hold up the end of
the process.

Thread safety. `_lock` guards `_lookups`, `_waiting`, `_thread_count` and the scopes of each look-up. It is held for
assignments only, by workers and resolver threads; `cancel()` never takes it. A resolver thread writes the result of a
look-up before `is_done`, and workers read it after `is_done`.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from time import monotonic

from .cancel_scope import Phase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .cancel_scope import CancelScope

    Address = tuple[int, int, int, str, Any]  # as of socket.getaddrinfo()

__all__ = ["resolve"]

MAX_THREADS = 16  # resolver threads


class _Lookup:
    """One host and port being looked up, shared by all requests that need it meanwhile.

    Attributes:
        scopes: Of the requests that wait for it.
        addresses, error: The result, once `is_done`.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.scopes: list[CancelScope] = []
        self.addresses: Sequence[Address] = []
        self.error: Exception | None = None
        self.is_done = False

    def run(self) -> None:
        try:
            self.addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001 - whatever the system raises is raised again to the requests
            self.error = error


_lock = threading.Lock()
_lookups: dict[tuple[str, int], _Lookup] = {}  # all that are not done
_waiting: deque[_Lookup] = deque()  # those of them that no thread has begun
_thread_count = 0


def resolve(host: str, port: int, scope: CancelScope) -> Sequence[Address]:
    """Return the addresses of a host, in the system's order of preference (RFC 6724). Worker only.

    Raises:
        OSError: `socket.gaierror`, from the system's resolver.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    is_literal = is_ip_literal(host)
    if is_literal and "%" not in host:
        return [_address_of(host, port)]
    # getaddrinfo() imports this anyway; if no descriptor is left then, the import fails there once and for all.
    import encodings.idna  # noqa: F401  # pyright: ignore[reportUnusedImport]

    if is_literal:  # only the system knows the number of an interface
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    began, until = monotonic(), scope.step_end()
    scope.arm()  # before the look-up can be done: else its wake-up could come before the first wait, and be lost
    lookup = _join_lookup(host, port, scope)
    try:
        while not lookup.is_done:
            scope.wait({}, until, f"resolving {host}")
    finally:
        with _lock:
            lookup.scopes.remove(scope)
            if not lookup.scopes and lookup in _waiting:  # no request waits for it any more, and no thread has begun it
                _waiting.remove(lookup)
                del _lookups[host, port]
    scope.timings[Phase.DNS] = monotonic() - began
    if lookup.error is not None:
        raise _with_host(lookup.error, host) from lookup.error
    return lookup.addresses


def is_ip_literal(host: str) -> bool:
    """Whether the host is an address, which need not be looked up."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host.partition("%")[0])
    except OSError:
        return False
    return True


def _address_of(literal: str, port: int) -> Address:
    """What `getaddrinfo()` returns for an address; the call takes longer, and imports what only names need."""
    if ":" in literal:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (literal, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (literal, port)


def _with_host(error: Exception, host: str) -> Exception:
    """The error of the system's resolver, with the name that it was about."""
    if isinstance(error, socket.gaierror):
        return socket.gaierror(error.errno, f"resolving {host}: {error.strerror}")
    return error


def _join_lookup(host: str, port: int, scope: CancelScope) -> _Lookup:
    """Add a request to the look-up of its host; begin one if there is none."""
    global _thread_count
    with _lock:
        lookup = _lookups.get((host, port))
        is_new = lookup is None
        if lookup is None:
            lookup = _lookups[host, port] = _Lookup(host, port)
        lookup.scopes.append(scope)
        needs_thread = is_new and _thread_count < MAX_THREADS
        if needs_thread:
            _thread_count += 1
        elif is_new:
            _waiting.append(lookup)
    if needs_thread:
        _start_thread(lookup)
    return lookup


def _start_thread(lookup: _Lookup | None) -> None:
    """Start a resolver thread, which `_thread_count` includes already; without one, the look-up fails."""
    global _thread_count
    while lookup is not None:
        try:
            threading.Thread(target=_run_lookups, args=(lookup,), name="urlrequest-resolver", daemon=True).start()
        except RuntimeError as error:  # the system gives no more threads
            lookup.error = error
            _complete(lookup)
        else:
            return
        with _lock:
            # Without another resolver thread, nothing would begin the look-ups that wait.
            lookup = _waiting.popleft() if _waiting and _thread_count == 1 else None
            if lookup is None:
                _thread_count -= 1


def _run_lookups(lookup: _Lookup | None) -> None:
    """Make this look-up and then those that wait. A resolver thread runs it."""
    global _thread_count
    while lookup is not None:
        lookup.run()
        _complete(lookup)
        with _lock:
            lookup = _waiting.popleft() if _waiting else None
            if lookup is None:
                _thread_count -= 1


def _complete(lookup: _Lookup) -> None:
    """Publish the result of a look-up, and wake the workers that wait for it."""
    with _lock:
        del _lookups[lookup.host, lookup.port]
        lookup.is_done = True
        scopes = list(lookup.scopes)
    for scope in scopes:
        scope.wake()


def reset_after_fork() -> None:
    """Start without look-ups and threads, and with a free lock. In a forked child, which has no resolver threads."""
    global _lock, _thread_count
    _lock = threading.Lock()
    _lookups.clear()
    _waiting.clear()
    _thread_count = 0
