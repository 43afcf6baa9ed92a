"""resolve(): from a host name to its addresses, by `getaddrinfo()` on resolver threads, at most 16 in a process.

No system can interrupt `getaddrinfo()`. So a cancelled request leaves its look-up behind: the resolver thread finishes
it, and the result is dropped. The threads are daemons of our own, because those of an executor would hold up the end of
the process.

Requests that ask for the same name meanwhile share a look-up. But one that began when the network was down may hang
long after it is up again. So a request that has shared a look-up for a second, or finds one that is older, asks the
system once more; the first answer counts for all.

Thread safety. `_lock` guards `_lookups`, `_waiting`, `_thread_count`, and the scopes and attempts of each look-up. It
is held for assignments only, by workers and resolver threads; `cancel()` never takes it. A resolver thread writes the
result of a look-up before `is_done`, and workers read it after `is_done`.
"""

from __future__ import annotations

import socket
from collections import deque
from functools import partial
from time import monotonic

from urlrequest._concurrency.sync import NoThreadError, ScopedLock, insist, start_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .cancel_scope import CancelScope

    Address = tuple[int, int, int, str, Any]  # as of socket.getaddrinfo()

__all__ = ["FAMILY_NAMES", "asks_system", "resolve"]

MAX_THREADS = 16  # resolver threads
MAX_ATTEMPTS = 4  # of them for one host at a time, so that a name that hangs leaves some to the others
FAMILY_NAMES: dict[int, str] = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
PATIENCE = 1.0  # seconds that a request shares an attempt of another one that does not end


class _GivenUpError(RuntimeError):
    """The thread for a look-up had not begun at the deadline of the request that started it."""


class _Lookup:
    """One host and port being looked up, for one address family or any; shared by all requests that need it meanwhile.

    Attributes:
        scopes: Of the requests that wait for it.
        attempts: How often the system is being asked, or will be, at present.
        began: When it was asked last, on `time.monotonic()`.
        addresses, error: The result, once `is_done`.
    """

    def __init__(self, host: str, port: int, family: int) -> None:
        self.host = host
        self.port = port
        self.family = family
        self.scopes: list[CancelScope] = []
        self.attempts = 0
        self.began = monotonic()
        self.addresses: Sequence[Address] = []
        self.error: Exception | None = None
        self.is_done = False

    def is_overdue(self) -> bool:
        """Whether it is time to ask the system once more."""
        return monotonic() - self.began >= PATIENCE and self.attempts < MAX_ATTEMPTS

    def ask(self) -> tuple[Sequence[Address], Exception | None]:
        """Ask the system; return addresses, or an error."""
        try:
            host = _as_argument(self.host)
            return socket.getaddrinfo(host, self.port, family=self.family, type=socket.SOCK_STREAM), None
        except Exception as error:  # noqa: BLE001 - whatever the system raises is raised again to the requests
            return [], error


_lock = ScopedLock()
_lookups: dict[tuple[str, int, int], _Lookup] = {}  # all that are not done
_waiting: deque[_Lookup] = deque()  # attempts that no thread has begun
_thread_count = 0


def resolve(host: str, port: int, scope: CancelScope, family: int = 0) -> Sequence[Address]:
    """Return the addresses of a host, in the system's order of preference (RFC 6724). Worker only.

    Args:
        family: AF_INET or AF_INET6, for addresses of that family alone; 0: of any.
    Raises:
        OSError: `socket.gaierror`, from the system's resolver.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    is_literal = is_ip_literal(host)
    if is_literal and family:
        _check_family(host, family)
    if is_literal and "%" not in host:
        return [_address_of(host, port)]
    if is_literal:  # only the system knows the number of an interface
        return socket.getaddrinfo(_as_argument(host), port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    began, until = monotonic(), scope.step_end()
    scope.arm()  # before the look-up can be done: else its wake-up could come before the first wait, and be lost
    lookup, has_asked = _join_lookup(host, port, family, scope)
    try:
        while not lookup.is_done:
            again = None if has_asked else lookup.began + PATIENCE
            is_sooner = again is not None and (until is None or again < until)
            scope.wait({}, again if is_sooner else until, f"resolving {host}", is_pause=is_sooner)
            if again is not None and monotonic() >= again:
                has_asked = _ask_again(lookup, scope)
    finally:
        with _lock:
            lookup.scopes.remove(scope)
            while not lookup.scopes and lookup in _waiting:  # no request waits for it any more
                _waiting.remove(lookup)
                lookup.attempts -= 1
                if not lookup.attempts and not lookup.is_done:
                    del _lookups[host, port, family]
    scope.timings["dns"] = monotonic() - began
    if isinstance(lookup.error, _GivenUpError):
        scope.check()  # the deadline may have been another request's
        return resolve(host, port, scope, family)
    if lookup.error is not None:
        raise _with_host(lookup.error, host, family) from lookup.error
    return lookup.addresses


def _as_argument(host: str) -> str | bytes:
    """The host, for `getaddrinfo()`: in bytes, which saves a process 5 ms; or in text, for a function of the program's.

    Of text the system's function makes bytes itself, by a codec that takes so long to load.
    """
    if asks_system():
        return host.encode("ascii")
    # It would be imported anyway; if no descriptor is left then, the import fails there once and for all.
    import encodings.idna  # noqa: F401  # pyright: ignore[reportUnusedImport]

    return host


def asks_system() -> bool:
    """Whether it is the system that is asked, and no function that the program has put in the place of Python's."""
    function = socket.getaddrinfo
    return function.__module__ == "socket" and not hasattr(function, "__wrapped__")


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


def _check_family(literal: str, family: int) -> None:
    """Refuse an address of the other family.

    Raises:
        socket.gaierror: It is one, as the system's resolver would say of a name that has such addresses only.
    """
    if family != (socket.AF_INET6 if ":" in literal else socket.AF_INET):
        raise socket.gaierror(socket.EAI_NONAME, f"connecting to {literal}: it is no {FAMILY_NAMES[family]} address")


def _with_host(error: Exception, host: str, family: int) -> Exception:
    """The error of the system's resolver, with the name that it was about."""
    if isinstance(error, socket.gaierror):
        wanted = f" (address_family is {FAMILY_NAMES[family]})" if family else ""
        return socket.gaierror(error.errno, f"resolving {host}: {error.strerror}{wanted}")
    return error


def _join_lookup(host: str, port: int, family: int, scope: CancelScope) -> tuple[_Lookup, bool]:
    """Add a request to the look-up of its host; begin one if there is none.

    Returns:
        The look-up, and whether the system is being asked for this request.
    """
    with _lock:
        lookup = _lookups.get((host, port, family))
        must_ask = lookup is None or lookup.is_overdue()
        if lookup is None:
            lookup = _lookups[host, port, family] = _Lookup(host, port, family)
        lookup.scopes.append(scope)
        needs_thread = must_ask and _add_attempt(lookup)
    if needs_thread:
        _start_thread(lookup, scope.deadline.at)
    return lookup, must_ask


def _ask_again(lookup: _Lookup, scope: CancelScope) -> bool:
    """Ask the system once more if the last attempt is old; return whether that is the end of the matter."""
    with _lock:
        must_ask = not lookup.is_done and lookup.is_overdue()
        needs_thread = must_ask and _add_attempt(lookup)
        is_end = must_ask or lookup.attempts >= MAX_ATTEMPTS
    if needs_thread:
        _start_thread(lookup, scope.deadline.at)
    return is_end


def _add_attempt(lookup: _Lookup) -> bool:
    """Count another attempt; return whether a thread must be started for it. Else it waits for one."""
    global _thread_count
    assert _lock.locked()
    lookup.began = monotonic()
    has_room = _thread_count < MAX_THREADS
    if has_room:
        _thread_count += 1
    else:
        _waiting.append(lookup)
    lookup.attempts += 1  # last, as what comes before it may lack memory
    return has_room


def _start_thread(lookup: _Lookup | None, until: float | None) -> None:
    """Start a resolver thread, which `_thread_count` includes already; without one, the attempt fails.

    Args:
        until: The deadline of the request that asks.
    """
    global _thread_count
    while lookup is not None:
        try:
            start_thread(partial(_run_lookups, [lookup]), "urlrequest-resolver", is_joined=False, until=until)
        except (NoThreadError, MemoryError) as error:
            is_given_up = until is not None and monotonic() >= until
            _complete(lookup, [], _GivenUpError() if is_given_up else error)
            insist(_wake, lookup)
        else:
            return
        with _lock:
            # Without another resolver thread, nothing would begin the look-ups that wait.
            lookup = _waiting.popleft() if _waiting and _thread_count == 1 else None
            if lookup is None:
                _thread_count -= 1


def _run_lookups(mine: list[_Lookup]) -> None:
    """Make an attempt and then those that wait. A resolver thread runs it, again where it has lacked memory.

    Args:
        mine: The look-up of the attempt; empty at the end.
    """
    global _thread_count
    while mine:
        lookup = mine[0]
        if not lookup.is_done:
            addresses, error = lookup.ask()
            _complete(lookup, addresses, error)
        if lookup.is_done:
            _wake(lookup)
        with _lock:
            if _waiting:
                mine[0] = _waiting.popleft()
            else:
                _thread_count -= 1
                del mine[:]


def _complete(lookup: _Lookup, addresses: Sequence[Address], error: Exception | None) -> None:
    """End an attempt, and publish its result unless another one may do better; then `_wake()` follows."""
    with _lock:
        if not lookup.is_done and (error is None or lookup.attempts == 1):
            key = lookup.host, lookup.port, lookup.family
            if _lookups.get(key) is lookup:  # not in a forked child
                del _lookups[key]
            lookup.addresses, lookup.error = addresses, error
            lookup.is_done = True
        lookup.attempts -= 1  # last: what lacks memory before this is repeated


def _wake(lookup: _Lookup) -> None:
    """Wake the workers that wait for a result. May be repeated."""
    with _lock:
        scopes = list(lookup.scopes)
    for scope in scopes:
        scope.wake()


def reset_after_fork() -> None:
    """Start without look-ups and threads, and with a free lock. In a forked child, which has no resolver threads."""
    global _lock, _thread_count
    _lock = ScopedLock()
    _lookups.clear()
    _waiting.clear()
    _thread_count = 0
