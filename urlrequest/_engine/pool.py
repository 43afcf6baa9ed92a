"""Pool: idle connections waiting for the next request; Lease: a connection in the hands of one request.

Thread safety. `_lock` guards all attributes of a pool; under it are assignments only, looking at a socket and closing
it come after. Workers come here, and whoever closes the session or changes its limits.

Invariants:
    P1  A connection is in the pool or with one worker, never both.
    P2  It comes back only when the request was sent as a whole, the content was read to its very end, and nothing went
        wrong (contract 17.10). One that has something to read while it is idle is dead.
    P3  Connections that differ in anything (class, host, port, TLS, proxy) are never taken for each other: the key is
        the whole `Route` and all that the TLS contexts are made from.
"""

from __future__ import annotations

import ssl
import threading
from time import monotonic

from urlrequest._defaults import defaults
from urlrequest._http.framing import idle_time, says_close
from urlrequest._http.retry import may_repeat
from urlrequest._http1.connection import HTTPConnection
from urlrequest._net.route import exchange, open_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from urlrequest._content.body import Body
    from urlrequest._http.fields import Fields
    from urlrequest._http1.response_reader import ResponseLike
    from urlrequest._net.cancel_scope import CancelScope
    from urlrequest._net.route import Route

__all__ = ["MOST_IDLE", "Lease", "Pool"]

MOST_IDLE = 64  # connections in all
MOST_IDLE_PER_ROUTE = 16  # connections
IDLE_TIME = 60.0  # seconds; servers close after some 60 to 75
BURST_TIME = 30.0  # seconds for those beyond MOST_IDLE_PER_ROUTE: many workers' connections, between two requests
REQUEST_TIMEOUT = 408


class Pool:
    """Idle connections, the latest first."""

    def __init__(self, limit: int = MOST_IDLE) -> None:
        """Make an empty pool.

        Args:
            limit: How many connections are kept in all.
        """
        self._limit = limit
        self._is_closed = False
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[HTTPConnection]] = {}  # by key, the latest last
        self._count = 0  # of all that are idle
        self._next_end = 0.0  # no connection's time is up before this moment

    def __del__(self) -> None:
        self.close()  # of a session that nobody closed

    def __len__(self) -> int:
        """How many connections are idle."""
        return self._count

    def take(self, key: Hashable) -> HTTPConnection | None:
        """Take out an idle connection that still lives, if there is one."""
        while True:
            now = monotonic()
            with self._lock:
                stale = self._pop_stale(now) if now >= self._next_end else None
                stack = self._idle.get(key)
                connection = stack.pop() if stack else None
                if connection is not None:
                    self._count -= 1
            if stale:
                _close(stale)
            if connection is None or not connection.sock.is_readable():
                return connection
            connection.close()

    def put(self, key: Hashable, connection: HTTPConnection, idle_time: float) -> None:
        """Keep a connection for the next request with the same key."""
        now = monotonic()
        connection.rest(now, now + idle_time)
        with self._lock:
            surplus = self._pop_stale(now) if now >= self._next_end else []
            if self._is_closed or idle_time <= 0:
                surplus.append(connection)
            else:
                stack = self._idle.get(key)
                if stack is None:
                    stack = self._idle[key] = []
                stack.append(connection)
                self._count += 1
                self._next_end = min(self._next_end, connection.idle_until)
                if len(stack) > MOST_IDLE_PER_ROUTE:
                    self._hurry(stack[-MOST_IDLE_PER_ROUTE - 1], now)
                if self._count > self._limit:
                    surplus += self._pop_surplus()
        if surplus:
            _close(surplus)

    def _hurry(self, connection: HTTPConnection, now: float) -> None:
        """Keep one for a moment only, when its route has more than its share."""
        assert self._lock.locked()
        connection.idle_until = min(connection.idle_until, now + BURST_TIME)
        self._next_end = min(self._next_end, connection.idle_until)

    def _pop_stale(self, now: float) -> list[HTTPConnection]:
        """Take out the connections whose time is up, whatever they are for."""
        assert self._lock.locked()
        stale: list[HTTPConnection] = []
        kept: dict[Hashable, list[HTTPConnection]] = {}
        for key, stack in self._idle.items():
            stale += [connection for connection in stack if connection.idle_until <= now]
            rest = [connection for connection in stack if connection.idle_until > now]
            if rest:
                kept[key] = rest
        self._idle = kept
        self._count -= len(stale)
        ends = [connection.idle_until for stack in kept.values() for connection in stack]
        self._next_end = min(ends, default=now + IDLE_TIME)
        return stale

    def _pop_surplus(self) -> list[HTTPConnection]:
        """Take out those that have been idle for the longest time, beyond the limit."""
        assert self._lock.locked()
        surplus = []
        while self._count > self._limit:
            stack = min(filter(None, self._idle.values()), key=lambda stack: stack[0].idle_since)
            surplus.append(stack.pop(0))
            self._count -= 1
        return surplus

    def change_limit(self, limit: int) -> None:
        """Keep more or fewer connections from now on."""
        with self._lock:
            self._limit = limit
            surplus = self._pop_surplus()
        _close(surplus)

    def close(self) -> None:
        """Close all idle connections, and keep no more."""
        with self._lock:
            self._is_closed = True
            stacks, self._idle = self._idle, {}
            self._count = 0
        for stack in stacks.values():
            _close(stack)

    def forget(self) -> None:
        """Start afresh. In a forked child: closing its copies of the sockets leaves the parent's alone."""
        self._lock = threading.Lock()
        was_closed = self._is_closed
        self.close()
        self._is_closed = was_closed


def _close(connections: Iterable[HTTPConnection]) -> None:
    for connection in connections:
        connection.close()


class Lease:
    """A connection in the hands of one request; use it as a context manager, which gives it back or closes it."""

    def __init__(self, pool: Pool, route: Route, scope: CancelScope) -> None:
        """Take an idle connection, or make one."""
        self._pool = pool
        self._route = route
        self._scope = scope
        self._response: ResponseLike | None = None
        self._is_last = False  # the request says that it closes the connection
        self._key = _key_of(route)
        connection = pool.take(self._key) if defaults.keep_alive else None
        self._is_used = connection is not None
        self._connection: Any = open_connection(route, scope) if connection is None else connection
        if connection is not None:
            connection.scope = scope

    def exchange(self, method: str, target: str, fields: Fields, body: Body | None) -> ResponseLike:
        """Send a request and read the head of its response.

        A connection that the server closed while it was idle is replaced, where the request may be sent a second time
        (RFC 9112, section 9.3.1); so is one on which the server has given up waiting, and says so (RFC 9110, section
        15.5.9).

        Raises:
            Exception: Whatever kept the response from coming.
        """
        may_replace = self._is_used and may_repeat(method, body)
        self._is_last = says_close(fields)
        try:
            response = self._response = exchange(self._connection, method, target, fields, body)
        except (ConnectionError, ssl.SSLError):
            if not may_replace or self._connection.has_answer:
                raise
        else:
            if (
                not may_replace
                or response.head.status != REQUEST_TIMEOUT
                or not says_close(response.head.headers.items())
            ):
                return response
        self._connection.close()
        self._is_used, self._response = False, None
        self._connection = open_connection(self._route, self._scope)
        response = self._response = exchange(self._connection, method, target, fields, body)
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, response = self._connection, self._response
        is_kept = kind is None and not self._is_last and isinstance(connection, HTTPConnection) and connection.is_intact
        if is_kept and response is not None and response.is_reusable and defaults.keep_alive:
            told = response.head.headers.get("Keep-Alive")
            self._pool.put(self._key, connection, IDLE_TIME if told is None else idle_time(told, IDLE_TIME))
        else:
            connection.close()

    def give_up(self) -> None:
        """Close the connection: something went wrong with it."""
        self._connection.close()


def _key_of(route: Route) -> Hashable:
    """What a connection must have in common with a route to serve it (P3)."""
    proxy_tls = None if route.proxy is None else route.proxy.tls
    if route.tls is None and proxy_tls is None:
        return route.key
    from urlrequest._net.tls_contexts import lazy_context  # plain http needs none of it

    context = None if route.tls is None else lazy_context(route.tls).key
    return route.key, context, None if proxy_tls is None else lazy_context(proxy_tls).key
