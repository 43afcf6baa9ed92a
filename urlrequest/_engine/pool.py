"""Pool: idle connections, kept for the next request that needs one like them.

A server may close an idle connection at any time, and says nothing of it before. A request that may be sent twice does
not mind: it is sent again. For one that may not, the pool gives out a connection only if it is *proven*: another one of
the same route was seen open after a longer idle time. So a pool remembers of each route how long its connections last.

A connection whose time is up is closed by the next use of the pool, or else by the timer thread.

Thread safety. `_lock` guards all attributes of a pool; while it is held there are only assignments: looking at a socket
and closing it come after. Workers take and put connections; the timer thread and waiting requests close them; any
thread may close the session or change its limits.

Invariants:
    POOL-1  A connection is in the pool or with one worker, never both.
    POOL-2  An idle connection that has something to read is dead: nothing was asked.
    POOL-3  Connections that differ in anything (class, host, port, TLS, proxy) are never taken for each other: the key
            is the whole `Route`, and all that the TLS contexts are made from.
    POOL-4  A connection that was left after HEAD, 204 or 304 was quiet for `SETTLING_TIME` before it is used again, or
            another one of its route was after such a status: some servers send a body all the same, a moment later.
    POOL-5  A connection that `take_proven()` returns was idle for less than half the time that another one of its route
            was seen to last, and that time is at least `SETTLING_TIME`.
    POOL-6  `count` is the number of connections in `_idle`, after Ctrl-C as well, which may come to a thread
            that waits and reads: between the lines that change the two there is no call.
"""

from __future__ import annotations

import weakref
from functools import partial
from math import inf
from time import monotonic

from urlrequest._concurrency.deadline import suspend_clock
from urlrequest._concurrency.sync import NoThreadError, ScopedLock
from urlrequest._concurrency.timer import timer

from . import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from urlrequest._http1.connection import Connection
    from urlrequest._net.cancel_scope import CancelScope

    from .places import Place

__all__ = ["AFTER_HEAD", "AFTER_STATUS", "MAX_IDLE", "MAX_IDLE_TIME", "SETTLING_TIME", "Pool"]

MAX_IDLE = 64  # connections in all
MAX_IDLE_PER_ROUTE = 16  # connections
MAX_IDLE_TIME = 60.0  # seconds; servers close after some 60 to 75
BURST_TIME = 30.0  # seconds for those beyond MAX_IDLE_PER_ROUTE, which many workers may need for the next burst
NARROW_IDLE_TIME = 1.0  # seconds, where a server has few places: other programs need them as well
SETTLING_TIME = 0.1  # seconds; a server that closes soon after its response has done so by then
AFTER_HEAD, AFTER_STATUS = "HEAD", "204 or 304"  # the last response on a connection had no body
SILENT_TIME = 600.0  # seconds for which it is remembered that a route sends no 100 Continue
MAX_HISTORIES = 256  # routes of which something is remembered


class _History:
    """How long the idle connections of a route last.

    Attributes:
        lasted: The longest idle time after which one was seen open, in seconds, since one was last seen closed.
        ends_early: The last one that was watched from the beginning ended within `SETTLING_TIME`.
        is_quiet: One was seen to be quiet for `SETTLING_TIME` after a 204 or 304.
        silent_until: Until when no 100 Continue is waited for, on `suspend_clock()`.
        has_rests: Something came on one after a response that had ended.
    """

    __slots__ = ("ends_early", "has_rests", "is_quiet", "lasted", "silent_until")

    def __init__(self) -> None:
        self.lasted = self.silent_until = 0.0
        self.ends_early = self.is_quiet = self.has_rests = False

    def has_lasted(self, seconds: float) -> None:
        self.lasted = max(self.lasted, seconds)
        if seconds >= SETTLING_TIME:
            self.ends_early = False

    def has_ended(self, seconds: float) -> None:
        """Forget the past: the server was started anew, or it closes earlier than it used to."""
        self.lasted = 0.0
        self.ends_early = self.ends_early or seconds < SETTLING_TIME

    def proves(self, seconds: float) -> bool:
        """Whether a connection that has been idle for so long is still open when a request arrives.

        Servers look at their clocks once in a while only, so the same server closes now sooner, now later; hence the
        half. The settling time is for the way of the request.
        """
        return 2 * seconds + SETTLING_TIME <= self.lasted


class Pool:
    """Idle connections, the latest first.

    Attributes:
        count: Of all that are idle.
    """

    def __init__(self, limit: int = MAX_IDLE) -> None:
        """Make an empty pool.

        Args:
            limit: How many connections are kept in all.
        """
        self._limit = limit
        self._is_closed = False
        self._lock = ScopedLock()
        self._idle: dict[Hashable, list[Connection]] = {}  # by key, the latest last
        self.count = 0
        self._next_end = 0.0  # no connection's time is up before this moment
        self._timer_key = object()
        self._timer_at = inf  # when the timer will look for connections whose time is up
        self._histories: dict[Hashable, _History] = {}  # by key
        places.pools.add(self)

    def __del__(self) -> None:
        if not self._is_closed:  # its session was not closed
            self.close()

    def take(self, key: Hashable, scope: CancelScope | None) -> Connection | None:
        """Take out an idle connection that still lives, for a request that may be sent twice; None: there is none.

        Args:
            scope: Ends the wait for one to settle, which happens once for a route. None: one that may have to settle is
                left where it is.
        Raises:
            RequestCancelled, DeadlineExceeded: From the scope.
        """
        while True:
            now = suspend_clock()
            with self._lock:
                stale = self._pop_stale(now) if now >= self._next_end else None
                stack = self._idle.get(key)
                connection = stack[-1] if stack and (scope is not None or not stack[-1].after) else None
                if stack and connection is not None:
                    self.count -= 1  # no call from here to the end of the block (POOL-6)
                    del stack[-1]
            if stale:
                _close(stale)
            if connection is None:
                return None
            if scope is not None and connection.after and not self._is_settled(key, connection, scope):
                continue
            if not connection.sock.is_readable():
                return connection
            self._drop_dead(key, connection, now)

    def _is_settled(self, key: Hashable, connection: Connection, scope: CancelScope) -> bool:
        """Whether nothing can come any more on a connection that was left after a response without a body (POOL-4).

        If not, it has been closed.
        """
        history = self._history(key)
        if suspend_clock() - connection.idle_since < SETTLING_TIME:
            if connection.after == AFTER_HEAD or history.has_rests:
                connection.close()
                return False
            if history.is_quiet:
                return True
        if self._settles(key, connection, scope):
            history.is_quiet = history.is_quiet or connection.after == AFTER_STATUS
            return True
        return False

    def _settles(self, key: Hashable, connection: Connection, scope: CancelScope) -> bool:
        """Watch a connection for the rest of its settling time; return whether it stays open and quiet.

        If not, it has been closed.
        """
        left = SETTLING_TIME - (suspend_clock() - connection.idle_since)
        stream = connection.sock
        idle_scope, stream.scope = stream.scope, scope
        try:
            is_readable = stream.await_readable(monotonic() + left) if left > 0 else stream.is_readable()
        except BaseException:
            connection.close()
            raise
        stream.scope = idle_scope
        if is_readable:
            if connection.after:
                self._history(key).has_rests = True
            self._drop_dead(key, connection, suspend_clock())
        return not is_readable

    def expects_continue(self, key: Hashable) -> bool:
        """Whether a route may send 100 Continue; False: it lately did not."""
        return self._history(key).silent_until <= suspend_clock()

    def note_silence(self, key: Hashable) -> None:
        """Remember that a route has sent no 100 Continue in time."""
        self._history(key).silent_until = suspend_clock() + SILENT_TIME

    def note_rest(self, key: Hashable) -> None:
        """Remember that something came on a connection which was no response to what was asked."""
        history = self._history(key)
        history.has_rests, history.is_quiet = True, False

    def take_proven(self, key: Hashable, scope: CancelScope) -> Connection | None:
        """Take out an idle connection for a request that must be sent once; None: none is safe enough (POOL-5).

        Nothing is known of a route at first, and the second request opens a second connection. If the third comes in
        quick succession, it watches the first connection for the rest of its settling time; this happens once.

        Args:
            scope: Ends the wait.
        Raises:
            RequestCancelled, DeadlineExceeded: From the scope.
        """
        history = self._history(key)
        while True:
            oldest, newest = self._pop_ends(key)
            if newest is None:
                return None
            if oldest is not None:
                try:
                    self._examine(key, oldest, history, scope)
                except BaseException:
                    newest.close()
                    raise
            if newest.sock.is_readable():
                self._drop_dead(key, newest, suspend_clock())
                continue
            age = suspend_clock() - newest.idle_since
            if history.proves(age):
                if not newest.after or self._is_settled(key, newest, scope):
                    return newest
                continue
            if history.ends_early and age < SETTLING_TIME:
                newest.close()  # the server is about to do so
                continue
            history.has_lasted(age)
            if places.is_narrow((newest.host, newest.port)):
                newest.close()  # it would hold the place that the new one needs
                continue
            self._restore(key, newest)
            return None

    def _pop_ends(self, key: Hashable) -> tuple[Connection | None, Connection | None]:
        """Take out the oldest and the latest connection with a key; the oldest is None where it is the latest, too."""
        now = suspend_clock()
        with self._lock:
            stale = self._pop_stale(now)
            stack = self._idle.get(key)
            newest = stack.pop() if stack else None
            oldest = stack.pop(0) if stack else None
            self.count -= (newest is not None) + (oldest is not None)
        _close(stale)
        return oldest, newest

    def _restore(self, key: Hashable, connection: Connection) -> None:
        """Put a connection back that was only looked at: in its place, for as long as was said."""
        with self._lock:
            is_closed = self._is_closed
            if not is_closed:
                stack = self._idle.setdefault(key, [])
                place = sum(other.idle_since <= connection.idle_since for other in stack)
                stack.insert(place, connection)
                self.count += 1
                self._next_end = min(self._next_end, connection.idle_until)
        if is_closed:
            connection.close()

    def _examine(self, key: Hashable, connection: Connection, history: _History, scope: CancelScope) -> None:
        """Look whether a connection is still open, and put it back or close it; if need be, let it settle first."""
        if history.ends_early or history.lasted >= SETTLING_TIME:
            is_open = not connection.sock.is_readable()
            if not is_open:
                self._drop_dead(key, connection, suspend_clock())
        else:
            is_open = self._settles(key, connection, scope)
        if is_open:
            age = suspend_clock() - connection.idle_since
            history.has_lasted(age)
            history.is_quiet = history.is_quiet or (connection.after == AFTER_STATUS and age >= SETTLING_TIME)
            self._restore(key, connection)

    def _drop_dead(self, key: Hashable, connection: Connection, now: float) -> None:
        """Close a connection that the server has closed, and remember that of its route."""
        connection.close()
        history = self._histories.get(key)
        if history is not None:
            history.has_ended(now - connection.idle_since)

    def _history(self, key: Hashable) -> _History:
        with self._lock:
            history = self._histories.get(key)
            if history is None:
                if len(self._histories) >= MAX_HISTORIES:
                    del self._histories[next(iter(self._histories))]
                history = self._histories[key] = _History()
            return history

    def put(
        self, key: Hashable, connection: Connection, idle_time: float, after: str = "", until: float | None = None
    ) -> None:
        """Keep a connection for the next request with the same key.

        Args:
            idle_time: For how long, in seconds.
            after: `AFTER_HEAD` or `AFTER_STATUS` if the response on it had no body for that reason.
            until: The deadline of the request that returns it.
        """
        now = suspend_clock()
        connection.after = after
        if places.narrow and places.is_narrow((connection.host, connection.port)):
            idle_time = min(idle_time, NARROW_IDLE_TIME)
        connection.become_idle(now, now + idle_time)
        is_unwanted = idle_time <= 0 or (places.waits and places.is_needed((connection.host, connection.port)))
        with self._lock:
            surplus = self._pop_stale(now) if now >= self._next_end else []
            if self._is_closed or is_unwanted:
                surplus.append(connection)
            else:
                stack = self._idle.get(key)
                if stack is None:
                    stack = self._idle[key] = []
                self.count += 1  # no call from here to the next line (POOL-6)
                stack.append(connection)
                if connection.idle_until < self._next_end:  # noqa: PLR1730 - min() takes ten times as long
                    self._next_end = connection.idle_until
                if len(stack) > MAX_IDLE_PER_ROUTE:
                    self._shorten(stack[-MAX_IDLE_PER_ROUTE - 1], now)
                if self.count > self._limit:
                    surplus += self._pop_surplus()
        if surplus:
            _close(surplus)
        if places.waits:
            places.note_idle((connection.host, connection.port), until)
        if self._next_end < self._timer_at and self.count:
            self._set_timer(now, until)

    def _set_timer(self, now: float, until: float | None = None) -> None:
        """Make the timer look when the first connection's time is up."""
        try:
            with self._lock:
                self._timer_at = self._next_end
                delay = max(0.0, self._next_end - now)
            when = monotonic() + delay
            timer.call_at(when, self._timer_key, partial(_close_stale, weakref.ref(self)), until=until)
        except BaseException as error:  # the next use of the pool closes them
            self._timer_at = inf
            if not isinstance(error, NoThreadError):
                raise

    def close_stale(self) -> None:
        """Close the connections whose time is up, and look again when the next one's is. On the timer thread."""
        now = suspend_clock()
        with self._lock:
            self._timer_at = inf
            stale = self._pop_stale(now)
            has_more = self.count > 0
        _close(stale)
        if has_more:
            self._set_timer(now)

    def close_at(self, place: Place, idle_time: float = 0.0) -> int:
        """Close the idle connections to a host and port; return how many they were. Any thread.

        Args:
            idle_time: Only those that have been idle for so long, in seconds.
        """
        since = suspend_clock() - idle_time
        with self._lock:
            meant: list[Connection] = []
            for stack in self._idle.values():
                at_place = [connection for connection in stack if (connection.host, connection.port) == place]
                meant += [connection for connection in at_place if connection.idle_since <= since]
                stack[:] = [connection for connection in stack if connection not in meant]
            self.count -= len(meant)
        _close(meant)
        return len(meant)

    def close_older(self, key: Hashable, since: float) -> None:
        """Close the idle connections with a key that have been idle since a moment, or for longer.

        What has ended one of them, a restart of the server or a path that is gone, has ended all of that age.

        Args:
            since: On `suspend_clock()`.
        """
        with self._lock:
            stack = self._idle.get(key, [])
            older = [connection for connection in stack if connection.idle_since <= since]
            stack[:] = [connection for connection in stack if connection.idle_since > since]
            self.count -= len(older)
        _close(older)

    def _shorten(self, connection: Connection, now: float) -> None:
        """Keep a connection for a moment only, as its route has more than its share."""
        assert self._lock.locked()
        connection.idle_until = min(connection.idle_until, now + BURST_TIME)
        self._next_end = min(self._next_end, connection.idle_until)

    def _pop_stale(self, now: float) -> list[Connection]:
        """Take out the connections whose time is up, whatever they are for."""
        assert self._lock.locked()
        stale: list[Connection] = []
        kept: dict[Hashable, list[Connection]] = {}
        for key, stack in self._idle.items():
            stale += [connection for connection in stack if connection.idle_until <= now]
            rest = [connection for connection in stack if connection.idle_until > now]
            if rest:
                kept[key] = rest
        ends = [connection.idle_until for stack in kept.values() for connection in stack]
        next_end = min(ends, default=now + MAX_IDLE_TIME)
        count = len(stale)
        self.count -= count  # no call from here on (POOL-6)
        self._idle, self._next_end = kept, next_end
        return stale

    def _pop_surplus(self) -> list[Connection]:
        """Take out those that have been idle for the longest time, beyond the limit."""
        assert self._lock.locked()
        surplus = []
        while self.count > self._limit:
            stack = min(filter(None, self._idle.values()), key=lambda stack: stack[0].idle_since)
            surplus.append(stack[0])
            self.count -= 1  # no call from here on (POOL-6)
            del stack[0]
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
            self.count, self._timer_at = 0, inf
        timer.cancel(self._timer_key)
        for stack in stacks.values():
            _close(stack)

    def reset_after_fork(self) -> None:
        """Start with an empty pool and a free lock: closing the copies of the sockets leaves the parent's alone."""
        self._lock = ScopedLock()
        was_closed = self._is_closed
        self.close()
        self._is_closed = was_closed


def _close_stale(reference: weakref.ref[Pool]) -> None:
    """Close what is too old in a pool; the timer keeps no pool alive."""
    pool = reference()
    if pool is not None:
        pool.close_stale()


def _close(connections: Iterable[Connection]) -> None:
    for connection in connections:
        connection.close()
