"""Pool: idle connections, kept for the next request that needs one like them.

Thread safety. `_lock` guards all attributes of a pool; while it is held there are only assignments: looking at a socket
and closing it come after. Workers take and put connections; any thread may close the session or change its limits.

Invariants:
    POOL-1  A connection is in the pool or with one worker, never both.
    POOL-2  An idle connection that has something to read is dead: nothing was asked.
    POOL-3  Connections that differ in anything (class, host, port, TLS, proxy) are never taken for each other: the key
            is the whole `Route`, and all that the TLS contexts are made from.
"""

from __future__ import annotations

import threading
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from urlrequest._http1.connection import HTTPConnection

__all__ = ["MAX_IDLE", "MAX_IDLE_TIME", "Pool"]

MAX_IDLE = 64  # connections in all
MAX_IDLE_PER_ROUTE = 16  # connections
MAX_IDLE_TIME = 60.0  # seconds; servers close after some 60 to 75
BURST_TIME = 30.0  # seconds for those beyond MAX_IDLE_PER_ROUTE, which many workers may need for the next burst


class Pool:
    """Idle connections, the latest first."""

    def __init__(self, limit: int = MAX_IDLE) -> None:
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
        self.close()  # its session was not closed

    def __len__(self) -> int:
        """How many connections are idle."""
        return self._count

    def take(self, key: Hashable) -> HTTPConnection | None:
        """Take out an idle connection that still lives; None: there is none."""
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
        """Keep a connection for the next request with the same key, for `idle_time` seconds."""
        now = monotonic()
        connection.become_idle(now, now + idle_time)
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
                if len(stack) > MAX_IDLE_PER_ROUTE:
                    self._shorten(stack[-MAX_IDLE_PER_ROUTE - 1], now)
                if self._count > self._limit:
                    surplus += self._pop_surplus()
        if surplus:
            _close(surplus)

    def _shorten(self, connection: HTTPConnection, now: float) -> None:
        """Keep a connection for a moment only, as its route has more than its share."""
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
        self._next_end = min(ends, default=now + MAX_IDLE_TIME)
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

    def reset_after_fork(self) -> None:
        """Start with an empty pool and a free lock: closing the copies of the sockets leaves the parent's alone."""
        self._lock = threading.Lock()
        was_closed = self._is_closed
        self.close()
        self._is_closed = was_closed


def _close(connections: Iterable[HTTPConnection]) -> None:
    for connection in connections:
        connection.close()
