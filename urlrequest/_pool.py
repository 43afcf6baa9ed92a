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

import re
import ssl
import threading
from collections import OrderedDict
from time import monotonic
from typing import NamedTuple

from ._connection import HTTPConnection
from ._defaults import defaults
from ._retry import may_repeat
from ._route import exchange, open_connection
from ._tls import pending_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._body import Body
    from ._connection import Fields
    from ._response import ResponseLike
    from ._route import Route
    from ._waiter import Waiter

__all__ = ["MOST_IDLE", "Lease", "Pool", "idle_time"]

MOST_IDLE = 64  # connections in all
MOST_IDLE_PER_ROUTE = 16  # connections
IDLE_TIME = 60.0  # seconds; servers close after some 60 to 75
BURST_TIME = 30.0  # seconds for those beyond MOST_IDLE_PER_ROUTE: many workers' connections, between two requests
REQUEST_TIMEOUT = 408

_TOLD_TIME = r"(?i)timeout\s*=\s*\"?([0-9]{1,6})"  # compiled with its first use: many servers do not tell


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
        self._is_closed = False
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[_Idle]] = {}
        self._order: OrderedDict[int, Hashable] = OrderedDict()  # id of each idle connection -> its key, oldest first
        self._next_end = 0.0  # no connection's time is up before this moment

    def __del__(self) -> None:
        self.close()  # of a session that nobody closed

    def __len__(self) -> int:
        """How many connections are idle."""
        return len(self._order)

    def lease(self, route: Route, waiter: Waiter) -> Lease:
        """Have a connection for one request."""
        return Lease(self, route, waiter)

    def take(self, key: Hashable) -> HTTPConnection | None:
        """Take out an idle connection that still lives, if there is one."""
        while True:
            with self._lock:
                stale = self._pop_stale() if monotonic() >= self._next_end else []
                stack = self._idle.get(key)
                idle = stack[-1] if stack else None
                if idle is not None:
                    self._remove(key, -1)
            if stale:
                _close(stale)
            if idle is None or not idle.connection.sock.is_readable():
                return None if idle is None else idle.connection
            idle.connection.close()

    def put(self, key: Hashable, connection: HTTPConnection, idle_time: float) -> None:
        """Keep a connection for the next request with the same key."""
        idle = _Idle(connection, monotonic() + idle_time)
        with self._lock:
            surplus = self._pop_stale() if monotonic() >= self._next_end else []
            if self._is_closed or idle_time <= 0:
                surplus.append(idle)
            else:
                stack = self._idle.setdefault(key, [])
                stack.append(idle)
                self._order[id(connection)] = key
                self._next_end = min(self._next_end, idle.until)
                if len(stack) > MOST_IDLE_PER_ROUTE:
                    self._hurry(stack)
                if len(self._order) > self._limit:
                    surplus += self._pop_surplus()
        if surplus:
            _close(surplus)

    def _hurry(self, stack: list[_Idle]) -> None:
        """Keep the oldest for a moment only, when a route has more than its share."""
        assert self._lock.locked()
        oldest = stack[-MOST_IDLE_PER_ROUTE - 1]
        until = min(oldest.until, monotonic() + BURST_TIME)
        stack[-MOST_IDLE_PER_ROUTE - 1] = oldest._replace(until=until)
        self._next_end = min(self._next_end, until)

    def _pop_stale(self) -> list[_Idle]:
        """Take out the connections whose time is up, whatever they are for."""
        assert self._lock.locked()
        now = monotonic()
        stale: list[_Idle] = []
        for key, stack in list(self._idle.items()):
            places = [place for place, idle in enumerate(stack) if idle.until <= now]
            stale += [self._remove(key, place) for place in reversed(places)]
        ends = [idle.until for stack in self._idle.values() for idle in stack]
        self._next_end = min(ends, default=now + IDLE_TIME)
        return stale

    def _pop_surplus(self) -> list[_Idle]:
        assert self._lock.locked()
        surplus = []
        while len(self._order) > self._limit:
            surplus.append(self._remove(next(iter(self._order.values())), 0))
        return surplus

    def _remove(self, key: Hashable, place: int) -> _Idle:
        assert self._lock.locked()
        idle = self._idle[key].pop(place)
        del self._order[id(idle.connection)]
        if not self._idle[key]:
            del self._idle[key]
        return idle

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
            self._order.clear()
        for stack in stacks.values():
            _close(stack)

    def forget(self) -> None:
        """Start afresh. In a forked child: closing its copies of the sockets leaves the parent's alone."""
        self._lock = threading.Lock()
        was_closed = self._is_closed
        self.close()
        self._is_closed = was_closed


def _close(connections: Iterable[_Idle]) -> None:
    for idle in connections:
        idle.connection.close()


class Lease:
    """A connection for one request; use it as a context manager, which gives it back or closes it."""

    def __init__(self, pool: Pool, route: Route, waiter: Waiter) -> None:
        self._pool = pool
        self._route = route
        self._waiter = waiter
        self._response: ResponseLike | None = None
        self._key = _key_of(route)
        connection = pool.take(self._key) if defaults.keep_alive else None
        self._is_reused = connection is not None
        self._connection: Any = open_connection(route, waiter) if connection is None else connection
        if connection is not None:
            connection.waiter = waiter

    def __enter__(self) -> Self:
        return self

    def exchange(self, method: str, target: str, fields: Fields, body: Body | None) -> ResponseLike:
        """Send a request and read the head of its response.

        A connection that the server closed while it was idle is replaced, where the request may be sent a second time
        (RFC 9112, section 9.3.1); so is one on which the server has given up waiting, and says so (RFC 9110, section
        15.5.9).

        Raises:
            Exception: Whatever kept the response from coming.
        """
        if self._is_reused and may_repeat(method, body):
            if self._exchange_over_used(method, target, fields, body):
                assert self._response is not None, "that is what it says"
                return self._response
            self._connection.close()
            self._is_reused, self._connection = False, open_connection(self._route, self._waiter)
        self._response = exchange(self._connection, method, target, fields, body)
        return self._response

    def _exchange_over_used(self, method: str, target: str, fields: Fields, body: Body | None) -> bool:
        """The same over a connection that may have died meanwhile; False when it has."""
        try:
            response = exchange(self._connection, method, target, fields, body)
        except (ConnectionError, ssl.SSLError):
            if self._connection.has_answer:
                raise
            return False
        has_given_up = response.head.status == REQUEST_TIMEOUT
        if has_given_up and "close" in response.head.headers.get("Connection", "").lower():
            return False
        self._response = response
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, response = self._connection, self._response
        if kind is None and response is not None and response.is_reusable and self._is_worth_keeping(connection):
            connection.rest()
            self._pool.put(self._key, connection, idle_time(response.head.headers.get("Keep-Alive", "")))
        else:
            connection.close()

    def give_up(self) -> None:
        """Close the connection: something went wrong with it."""
        self._connection.close()

    def _is_worth_keeping(self, connection: Any) -> bool:
        return defaults.keep_alive and isinstance(connection, HTTPConnection) and connection.is_intact


def _key_of(route: Route) -> Hashable:
    """What a connection must have in common with a route to serve it (P3)."""
    proxy_tls = None if route.proxy is None else route.proxy.tls
    if route.tls is None and proxy_tls is None:
        return route
    context = None if route.tls is None else pending_context(route.tls).key
    return route, context, None if proxy_tls is None else pending_context(proxy_tls).key


def idle_time(keep_alive: str) -> float:
    """How long a connection is worth keeping, in seconds: a second less than the server keeps it, if it tells.

    Args:
        keep_alive: The response's Keep-Alive field (RFC 2068, section 19.7.1.1).
    """
    told = re.search(_TOLD_TIME, keep_alive) if keep_alive else None
    return IDLE_TIME if told is None else min(IDLE_TIME, int(told[1]) - 1.0)
