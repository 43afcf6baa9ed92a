"""connect_to_host(): from host and port to a connected socket, by a race between the host's addresses (RFC 8305).

Runs on the worker. The sockets do not block; one wait covers all of them, and it ends with the request (SCOPE-1).
`connect_to_host()` closes every socket but the winner's before it returns or raises.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from contextlib import suppress
from time import monotonic

from . import loopback
from .cancel_scope import WRITE, CancelScope
from .resolver import FAMILY_NAMES, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from .resolver import Address

__all__ = ["check_address_family", "check_keepalive", "connect_socket", "connect_to_host", "error_text", "watch_peer"]

MAX_KEEPALIVE = 32767  # seconds; Linux takes no more
PROBES = 3  # unanswered questions of the system after which a peer counts as gone
# What was sent and is not acknowledged for so many times `tcp_keepalive` ends the connection. A server that does not
# read for a while, as it writes to a slow disk, must not be taken for gone.
USER_TIMEOUT = 4
ATTEMPT_DELAY = 0.25  # seconds until the next address is tried (RFC 8305, section 5)
MAX_ATTEMPTS = 4  # at once: a name may have hundreds of addresses
# Seconds that an attempt has in any case, where another address waits for its place: the system has asked again after
# one and after three.
ATTEMPT_TIME = 5.0

_IN_PROGRESS = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, getattr(errno, "WSAEWOULDBLOCK", 0)}


def connect_to_host(host: str, port: int, scope: CancelScope, family: int = 0) -> socket.socket:
    """Connect to a host over TCP; a new address is tried every 250 ms until one connects (contract 15.3; RFC 8305).

    The scope's timeout holds for the whole race, not for each address. Small packets are sent at once (TCP_NODELAY).

    Args:
        family: AF_INET or AF_INET6, for addresses of that family alone; 0: of any.
    Raises:
        OSError: All addresses failed. It is the error of the first; its attribute `errors` has the others.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    addresses = resolve(host, port, scope, family)
    began = monotonic()
    sock = _Race(f"{host}:{port}", addresses, scope).run()
    scope.timings["connect"] = monotonic() - began
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:  # the connection was reset just now
        sock.close()
        raise
    loopback.note(host, port, family, sock)
    return sock


def check_address_family(name: object) -> int:
    """Return AF_INET for "IPv4", AF_INET6 for "IPv6", and 0 for "any", in any letters.

    Raises:
        TypeError, ValueError: It is none of them.
    """
    if not isinstance(name, str):
        raise TypeError(f'address_family is {type(name).__name__}; "any", "IPv4" or "IPv6" is needed')
    families = {"any": 0} | {known.lower(): family for family, known in FAMILY_NAMES.items()}
    if name.lower() not in families:
        raise ValueError(f'address_family is {name[:40]!r}; "any", "IPv4" or "IPv6" is needed')
    return families[name.lower()]


def check_keepalive(seconds: object) -> float:
    """Check a value of `tcp_keepalive`, and return it.

    Raises:
        TypeError, ValueError: It is no number of seconds.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"tcp_keepalive is {type(seconds).__name__}; a number of seconds, or 0 for none, is needed")
    if not 0 <= seconds <= MAX_KEEPALIVE:
        raise ValueError(f"tcp_keepalive is {seconds}; a number of seconds from 0 to {MAX_KEEPALIVE} is needed")
    return seconds


def watch_peer(sock: socket.socket, seconds: float) -> None:
    """Let the system notice that the peer of a connection is gone, as after a power failure: nobody says so then.

    What a system has no option for, it does not do.

    Args:
        seconds: How long nothing comes before the system asks; 0: it never does.
    """
    if not seconds or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    idle = max(1, round(seconds))
    _set_option(sock, socket.SOL_SOCKET, "SO_KEEPALIVE", 1)
    _set_option(sock, socket.IPPROTO_TCP, "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", idle)
    _set_option(sock, socket.IPPROTO_TCP, "TCP_KEEPINTVL", max(1, idle // PROBES))
    _set_option(sock, socket.IPPROTO_TCP, "TCP_KEEPCNT", PROBES)
    _set_option(sock, socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", USER_TIMEOUT * idle * 1000)


def _set_option(sock: socket.socket, level: int, name: str, value: int) -> None:
    option = getattr(socket, name, None)
    if option is not None:
        with suppress(OSError):
            sock.setsockopt(level, option, value)


class _Race:
    """Connection attempts; the first one that succeeds wins."""

    def __init__(self, peer: str, addresses: Sequence[Address], scope: CancelScope) -> None:
        self._peer = peer
        self._untried = deque(addresses if len(addresses) < 2 else _interleaved(addresses))
        self._scope = scope
        self._attempts: dict[int, tuple[socket.socket, Any, float]] = {}  # descriptor -> socket, address, beginning
        self._errors: list[OSError] = []  # of the attempts that failed, in that order

    def run(self) -> socket.socket:
        until = self._scope.step_end()
        try:
            while self._untried:
                self._start_next()
                while self._attempts and not self._is_next_due():
                    winner = self._await_attempts(until)
                    if winner is not None:
                        return winner
            raise self._failure()
        finally:
            for sock, _, _ in self._attempts.values():
                sock.close()

    def _start_next(self) -> None:
        if len(self._attempts) == MAX_ATTEMPTS:
            self._give_up_oldest()
        now = monotonic()
        self._next_due = now + ATTEMPT_DELAY
        family, kind, protocol, _, address = self._untried.popleft()
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            self._add_error(error, address)
            return
        self._attempts[sock.fileno()] = (sock, address, now)  # so that it is closed whatever fails
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code not in _IN_PROGRESS:
            del self._attempts[sock.fileno()]
            sock.close()
            self._add_error(OSError(code, error_text(code)), address)
        elif len(self._attempts) == MAX_ATTEMPTS:
            _, _, began = next(iter(self._attempts.values()))
            self._next_due = max(self._next_due, began + ATTEMPT_TIME)

    def _give_up_oldest(self) -> None:
        descriptor = next(iter(self._attempts))
        sock, address, _ = self._attempts.pop(descriptor)
        sock.close()
        self._add_error(OSError(errno.ETIMEDOUT, error_text(errno.ETIMEDOUT)), address)

    def _is_next_due(self) -> bool:
        return bool(self._untried) and monotonic() >= self._next_due

    def _await_attempts(self, until: float | None) -> socket.socket | None:
        """Wait until an attempt ends or the next one is due. After a failure the next one is due at once."""
        interest = dict.fromkeys(self._attempts, WRITE)
        what = f"connecting to {self._peer}"
        is_next_sooner = bool(self._untried) and (until is None or self._next_due < until)
        ready = self._scope.wait(interest, self._next_due if is_next_sooner else until, what, is_pause=is_next_sooner)
        for descriptor in ready:
            sock, address, _ = self._attempts[descriptor]
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            del self._attempts[descriptor]
            if code == 0:
                return sock
            sock.close()
            self._add_error(OSError(code, error_text(code)), address)
            self._next_due = 0.0
        return None

    def _add_error(self, error: OSError, address: Any) -> None:
        # A URL that names the address itself shows it once.
        place = self._peer if self._peer.startswith(address[0]) else f"{self._peer} ({address[0]})"
        self._errors.append(OSError(error.errno, f"connecting to {place}: {error.strerror}"))

    def _failure(self) -> OSError:
        if not self._errors:
            return OSError(f"connecting to {self._peer}: the name has no address")
        first, *others = self._errors
        first.errors = others  # type: ignore[attr-defined]  # documented: the errors of the other addresses
        return first


def _interleaved(addresses: Iterable[Address]) -> list[Address]:
    """Alternate between the address families, the system's first choice first (RFC 8305, section 4)."""
    families: dict[int, deque[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], deque()).append(address)
    mixed: list[Address] = []
    while any(families.values()):
        mixed.extend(queue.popleft() for queue in families.values() if queue)
    return mixed


def error_text(code: int) -> str:
    """What the system says of an error of a socket; of those of Windows, `os.strerror()` says "Unknown error"."""
    texts: dict[int, str] = getattr(socket, "errorTab", {})
    return texts.get(code, "").rstrip(".") or os.strerror(code)


def connect_socket(sock: socket.socket, address: Any, scope: CancelScope) -> None:
    """Connect a socket of any address family, for the `open_socket()` of a user's connection class.

    Raises:
        OSError: It failed; the socket is left to the caller.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    sock.setblocking(False)
    code = sock.connect_ex(address)
    until = scope.step_end()
    # A Unix socket whose server is busy gives EAGAIN, and the system does not report when to try again.
    while code == errno.EAGAIN and sock.family != socket.AF_INET:
        scope.pause(0.005)
        code = sock.connect_ex(address)
    if code in _IN_PROGRESS - {0}:
        while not scope.wait({sock.fileno(): WRITE}, until, f"connecting to {address}"):
            pass
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, f"connecting to {address}: {error_text(code)}")
