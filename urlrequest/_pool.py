"""Pool: idle connections waiting for the next request; Lease: a connection in the hands of one request.

Thread safety. `_lock` guards `_idle` and `_order`; under it are assignments only, looking at a socket and closing it
come after. Workers alone come here.

Invariants:
    P1  A connection is in the pool or with one worker, never both.
    P2  It comes back only when the request was sent as a whole, the content was read to its very end, and nothing went
        wrong (contract 17.10). One that has something to read while it is idle is dead.
    P3  Connections that differ in anything (class, host, port, TLS, proxy) are never taken for each other: the key is
        the whole `Route` and the TLS context itself.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from ._connection import HTTPConnection, exchange, open_connection
from ._defaults import defaults
from ._tls import context_for

if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType

    from typing_extensions import Self

    from ._body import Body
    from ._connection import Fields, Route
    from ._response import ResponseLike
    from ._waiter import Waiter

__all__ = ["Lease", "Pool"]

MOST_IDLE = 64  # connections in all
MOST_IDLE_PER_ROUTE = 16  # connections
IDLE_TIME = 60.0  # seconds; servers close after some 60 to 75

# RFC 9110, section 9.2.2: repeating them does nothing that doing them once would not.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})

_KEEP_ALIVE_TIME = re.compile(r"timeout\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)


class _Idle(NamedTuple):
    connection: HTTPConnection
    until: float  # on time.monotonic()


class Pool:
    """Idle connections, the latest first."""

    def __init__(self, limit: int = MOST_IDLE) -> None:
        """Make an empty pool.

        Args:
            limit: How many connections are kept in all.
        """
        self._limit = limit
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[_Idle]] = {}
        self._order: OrderedDict[int, Hashable] = OrderedDict()  # id of each idle connection -> its key, oldest first

    def lease(self, route: Route, waiter: Waiter) -> Lease:
        """Have a connection for one request."""
        return Lease(self, route, waiter)

    def take(self, key: Hashable) -> HTTPConnection | None:
        """Take out an idle connection that still lives, if there is one."""
        while True:
            with self._lock:
                stack = self._idle.get(key)
                if not stack:
                    return None
                idle = stack.pop()
                self._forget(idle, key)
            if idle.until > monotonic() and not idle.connection.sock.is_readable():
                return idle.connection
            idle.connection.close()

    def put(self, key: Hashable, connection: HTTPConnection, idle_time: float) -> None:
        """Keep a connection for the next request with the same key."""
        surplus: list[_Idle] = []
        with self._lock:
            stack = self._idle.setdefault(key, [])
            stack.append(_Idle(connection, monotonic() + idle_time))
            self._order[id(connection)] = key
            if len(stack) > MOST_IDLE_PER_ROUTE:
                surplus.append(self._pop_oldest(key))
            elif len(self._order) > self._limit:
                surplus.append(self._pop_oldest(next(iter(self._order.values()))))
        for idle in surplus:
            idle.connection.close()

    def _pop_oldest(self, key: Hashable) -> _Idle:
        assert self._lock.locked()
        idle = self._idle[key].pop(0)
        self._forget(idle, key)
        return idle

    def _forget(self, idle: _Idle, key: Hashable) -> None:
        assert self._lock.locked()
        del self._order[id(idle.connection)]
        if not self._idle[key]:
            del self._idle[key]

    def clear(self) -> None:
        """Close all idle connections."""
        with self._lock:
            stacks, self._idle = self._idle, {}
            self._order.clear()
        for stack in stacks.values():
            for idle in stack:
                idle.connection.close()

    def forget(self) -> None:
        """Start afresh. In a forked child: closing its copies of the sockets leaves the parent's alone."""
        self._lock = threading.Lock()
        self.clear()


class Lease:
    """A connection for one request; use it as a context manager, which gives it back or closes it."""

    def __init__(self, pool: Pool, route: Route, waiter: Waiter) -> None:
        self._pool = pool
        self._route = route
        self._waiter = waiter
        self._response: ResponseLike | None = None

    def __enter__(self) -> Self:
        route = self._route
        self._key = (route, None if route.tls is None else context_for(route.tls))
        connection = self._pool.take(self._key)
        self._is_reused = connection is not None
        self._connection: Any = open_connection(route, self._waiter) if connection is None else connection
        if connection is not None:
            connection.waiter = self._waiter
        return self

    def exchange(self, method: str, target: str, fields: Fields, body: Body | None) -> ResponseLike:
        """Send a request and read the head of its response.

        A connection that the server closed while it was idle is replaced, where the request may be sent a second time
        (RFC 9112, section 9.3.1).

        Raises:
            Exception: Whatever kept the response from coming.
        """
        try:
            self._response = exchange(self._connection, method, target, fields, body)
        except (ConnectionError, ssl.SSLError):
            if not self._is_reused or self._connection.has_answer or not may_repeat(method, body):
                raise
            self._connection.close()
            self._is_reused, self._connection = False, open_connection(self._route, self._waiter)
            self._response = exchange(self._connection, method, target, fields, body)
        return self._response

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, response = self._connection, self._response
        if kind is None and response is not None and response.is_reusable and self._is_worth_keeping(connection):
            connection.rest()
            self._pool.put(self._key, connection, _idle_time(response))
        else:
            connection.close()

    def _is_worth_keeping(self, connection: Any) -> bool:
        return defaults.keep_alive and isinstance(connection, HTTPConnection) and connection.is_intact


def may_repeat(method: str, body: Body | None) -> bool:
    """Whether sending a request twice is as good as sending it once, and possible (RFC 9110, section 9.2.2)."""
    return method in IDEMPOTENT_METHODS and (body is None or body.is_replayable)


def _idle_time(response: ResponseLike) -> float:
    """How long the server keeps the connection, a second less, so as not to meet its closing."""
    told = _KEEP_ALIVE_TIME.search(response.head.headers.get("Keep-Alive", ""))
    return IDLE_TIME if told is None else min(IDLE_TIME, int(told[1]) - 1.0)
