"""Name resolution that can be left: `getaddrinfo()` in daemon threads, a bounded number of them.

No system can interrupt `getaddrinfo()`, so a cancelled request leaves its look-up behind: the thread finishes alone and
its result is dropped. Daemon threads of our own, because an executor's would hold up the end of the process.

Thread safety. `_lock` guards `_lookups`, `_waiting` and `_thread_count`; it is held for assignments only, by workers
and look-up threads, never by a canceller. A look-up's result is written before `is_done`, and read after it.
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

THREAD_LIMIT = 16


class _Lookup:
    """One host and port being looked up, shared by all who ask for it meanwhile."""

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
        except Exception as error:  # noqa: BLE001 - whatever the system's resolver raises is the answer of those who asked
            self.error = error


_lock = threading.Lock()
_lookups: dict[tuple[str, int], _Lookup] = {}
_waiting: deque[_Lookup] = deque()
_thread_count = 0


def resolve(host: str, port: int, scope: CancelScope) -> Sequence[Address]:
    """Return the addresses of a host, in the system's order of preference (RFC 6724).

    Raises:
        OSError: `socket.gaierror`, from the system's resolver.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    is_literal = is_ip_literal(host)
    if is_literal and "%" not in host:
        return [_address_of(host, port)]
    # The system's call imports it all the same; without a descriptor left it would fail there, and for good.
    import encodings.idna  # noqa: F401  # pyright: ignore[reportUnusedImport]

    if is_literal:  # what number an interface has is the system's to say
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    began, until = monotonic(), scope.step_end()
    scope.arm()  # a look-up that is faster than the first wait must not wake in vain
    lookup = _join_lookup(host, port, scope)
    try:
        while not lookup.is_done:
            scope.wait({}, until, f"resolving {host}")
    finally:
        with _lock:
            lookup.scopes.remove(scope)
            if not lookup.scopes and lookup in _waiting:  # nobody wants it any more, and no thread has begun with it
                _waiting.remove(lookup)
                del _lookups[host, port]
    scope.timings[Phase.DNS] = monotonic() - began
    if lookup.error is not None:
        raise _explained(lookup.error, host) from lookup.error
    return lookup.addresses


def is_ip_literal(host: str) -> bool:
    """Whether the host is an address, so that no name has to be looked up."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host.partition("%")[0])
    except OSError:
        return False
    return True


def _address_of(literal: str, port: int) -> Address:
    """The address that a literal is, as `getaddrinfo()` has it, which takes longer and imports what only names need."""
    if ":" in literal:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (literal, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (literal, port)


def _explained(error: Exception, host: str) -> Exception:
    if isinstance(error, socket.gaierror):
        return socket.gaierror(error.errno, f"resolving {host}: {error.strerror}")
    return error


def _join_lookup(host: str, port: int, scope: CancelScope) -> _Lookup:
    global _thread_count
    with _lock:
        lookup = _lookups.get((host, port))
        is_new = lookup is None
        if lookup is None:
            lookup = _lookups[host, port] = _Lookup(host, port)
        lookup.scopes.append(scope)
        needs_thread = is_new and _thread_count < THREAD_LIMIT
        if needs_thread:
            _thread_count += 1
        elif is_new:
            _waiting.append(lookup)
    if needs_thread:
        _start_thread(lookup)
    return lookup


def _start_thread(lookup: _Lookup | None) -> None:
    global _thread_count
    while lookup is not None:
        try:
            threading.Thread(target=_work, args=(lookup,), name="urlrequest-resolver", daemon=True).start()
        except RuntimeError as error:  # the system gives no more threads
            lookup.error = error
            _finish(lookup)
        else:
            return
        with _lock:
            # Without another thread, nobody would come for those that wait.
            lookup = _waiting.popleft() if _waiting and _thread_count == 1 else None
            if lookup is None:
                _thread_count -= 1


def _work(lookup: _Lookup | None) -> None:
    global _thread_count
    while lookup is not None:
        lookup.run()
        _finish(lookup)
        with _lock:
            lookup = _waiting.popleft() if _waiting else None
            if lookup is None:
                _thread_count -= 1


def _finish(lookup: _Lookup) -> None:
    with _lock:
        del _lookups[lookup.host, lookup.port]
        lookup.is_done = True
        scopes = list(lookup.scopes)
    for scope in scopes:
        scope.wake()


def reset_after_fork() -> None:
    """Start afresh. In a forked child, where no look-up thread lives on."""
    global _lock, _thread_count
    _lock = threading.Lock()
    _lookups.clear()
    _waiting.clear()
    _thread_count = 0
