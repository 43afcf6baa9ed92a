"""Places: idle connections make room for a request that waits on a new one.

A server may have few places for connections: one, if it serves them one after the other, or some, if it is a small
device. An idle connection may hold the place that a new one needs. Nobody says so: the new one connects, since the
system of the server accepts it, and is never answered. So each request that waits on a new connection, until the head
of its response has come, is noted here. After a grace the idle connections to the same host and port are closed,
whatever pool they are in, and those that become idle then, too, unless another request takes them at once.

A response may also take long because it takes long. How many connections a server has answered while they were open
together shows how many places it has at least; as long as no more are needed, nothing is closed.

Where nothing is idle there is nothing to close, and the timer has no call for a request: most programs make their first
request so, and some all of them. The call is made when a connection becomes idle. The request is noted first and looks
for idle connections then; a connection becomes idle first and looks for requests then. So one of them sees the other.

There is one call for each server, however many requests wait for it: thousands may begin to wait, and thousands of
connections become idle, within a second.

Thread safety. `_lock` guards everything here; while it is held there are only assignments. Waits begin on workers, and
on threads that make a request; who has its connection ends them. The timer thread looks after them.

Invariant:
    PLACE-1  While a request waits on a new connection, the idle connections to its host and port are closed sooner or
             later, however often others become idle, and whatever the server did before.
"""

from __future__ import annotations

import weakref
from functools import partial
from math import inf
from operator import attrgetter
from time import monotonic

from urlrequest._concurrency.sync import NoThreadError, ScopedLock, snapshot
from urlrequest._concurrency.timer import timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    Place = tuple[str, int | None]  # host and port that a socket connects to

    class IdleConnections(Protocol):
        """As much of a pool as is needed here.

        Attributes:
            count: How many there are.
        """

        count: int

        def close_at(self, place: Place, idle_time: float = 0.0) -> int:
            """Close the connections to a host and port that have been idle for so long; return how many they were."""
            ...


__all__ = ["Wait", "close_idle", "is_narrow", "is_needed", "narrow", "note_idle", "pools", "reset_after_fork", "waits"]

GRACE = 0.5  # seconds that a request waits on a new connection before others make room for it
REST_TIME = 0.1  # seconds that a connection may be idle while a request waits for its place
STARVING_TIME = 5.0  # seconds after which a connection makes room although it is used again and again
PROMPT = 0.5  # seconds; a response that comes so soon after an idle connection was closed had waited for its place
NARROW_TIME = 600.0  # seconds for which it is remembered that a server has few places
CROWD = 64  # connections to a server
COUNT_INTERVAL = 0.1  # seconds from one count of a crowd to the next
MAX_SERVERS = 256  # of which something is remembered

_lock = ScopedLock()
_servers: dict[Place, _Server] = {}

pools: weakref.WeakSet[IdleConnections] = weakref.WeakSet()
"""All pools."""

_count_of = attrgetter("count")

waits: dict[Place, _Waiting] = {}
"""The requests that wait on new connections; a place without any has no entry."""

narrow: set[Place] = set()
"""Servers that had too few places once; `is_narrow()` says whether that still counts."""


class _Server:
    """What is known of the places of a server.

    Attributes:
        answered: Streams over which it has answered, open or closed.
        places: How many of them were open at the same time, at the least that is known.
        counts_at: When the open ones of a crowd are counted next, on `time.monotonic()`.
        narrow_until: Until when it counts as one with few places.
        relieved_at: When an idle connection was closed for a request that had to wait, last.
    """

    __slots__ = ("answered", "counts_at", "narrow_until", "places", "relieved_at")

    def __init__(self) -> None:
        self.answered: weakref.WeakSet[Any] = weakref.WeakSet()
        self.places = 0
        self.counts_at = 0.0
        self.narrow_until = 0.0
        self.relieved_at = 0.0

    def count_open(self) -> int:
        return sum(stream.fileno() >= 0 for stream in self.answered)

    def note_places(self, now: float) -> None:
        """Note how many places there are, after an answer. A crowd is not counted at each of its answers."""
        size = len(self.answered)
        if size > self.places and (size <= CROWD or now >= self.counts_at):
            self.places = max(self.places, self.count_open())
            self.counts_at = now + COUNT_INTERVAL


class _Waiting:
    """The requests that wait on new connections to one place.

    Attributes:
        requests: In the order in which they began to wait.
        rested_at: When the connection that became idle last will have been idle for `REST_TIME`.
        looks_at: When the timer thread looks at the place next; inf: it does not.
    """

    __slots__ = ("looks_at", "requests", "rested_at")

    def __init__(self) -> None:
        self.requests: dict[Wait, bool] = {}
        self.rested_at = 0.0
        self.looks_at = inf

    @property
    def since(self) -> float:
        """Since when the first one waits."""
        return next(iter(self.requests)).since

    def next_look(self, now: float) -> float:
        """When to look again, after a look that may not have helped. Those who began later were counted in it, too."""
        age = now - self.since
        again = self.since + (GRACE if age < GRACE else max(STARVING_TIME, 2 * age))
        return max(now + REST_TIME, min(again, self.rested_at if self.rested_at > now else inf))


class Wait:
    """A request that waits on a new connection, from before it connects until the head of its response has come.

    Call `begin()` and `end()`, which also is for a wait that has ended, and `was_answered()` before the end if it was.
    """

    __slots__ = ("_place", "since")

    def __init__(self, place: Place) -> None:
        self._place = place
        self.since = monotonic()

    def begin(self, until: float | None = None) -> None:
        """Begin; `until`: the deadline of the request."""
        with _lock:
            waiting = waits.get(self._place)
            if waiting is None:
                waiting = waits[self._place] = _Waiting()
            waiting.requests[self] = True
        if any(map(_count_of, snapshot(pools))):
            _look_at(self._place, waiting, self.since + GRACE, until)

    def end(self) -> None:
        with _lock:
            waiting = waits.get(self._place)  # in a forked child it is gone
            if waiting is None:
                return
            waiting.requests.pop(self, None)
            if waiting.requests:
                return
            del waits[self._place]
        timer.cancel(waiting)

    def was_answered(self, stream: object) -> None:
        """Remember of the server what this shows.

        Args:
            stream: What the response came over, with a `fileno()` that is -1 once it is closed.
        """
        now = monotonic()
        with _lock:
            server = _server(self._place)
            server.answered.add(stream)
            server.note_places(now)
            if now - server.relieved_at < PROMPT and now - self.since >= GRACE:
                server.narrow_until = now + NARROW_TIME
                narrow.add(self._place)


def _server(place: Place) -> _Server:
    assert _lock.locked()
    server = _servers.get(place)
    if server is None:
        if len(_servers) >= MAX_SERVERS:
            del _servers[next(iter(_servers))]
        server = _servers[place] = _Server()
    return server


def _look_at(place: Place, waiting: _Waiting, when: float, until: float | None = None) -> None:
    """Have the timer thread look at a place, at that time or sooner. Any thread.

    Args:
        until: The deadline of the request that asks for it.
    """
    with _lock:
        if when >= waiting.looks_at:
            return
        waiting.looks_at = when
    try:
        while True:
            timer.call_at(when, waiting, partial(_look, place, waiting), until=until)
            sooner = waiting.looks_at  # of a thread that has asked meanwhile, whose call this one has replaced
            if sooner >= when:
                break
            when = sooner
    except NoThreadError:
        waiting.looks_at = inf  # idle connections are closed when their time is up
    if not waiting.requests:  # they ended before the call was there to be cancelled
        timer.cancel(waiting)


def _look(place: Place, waiting: _Waiting) -> None:
    """Make room if it is needed; look again later, in case that does not help. On the timer thread."""
    now = monotonic()
    with _lock:
        if waits.get(place) is not waiting:
            return
        waiting.looks_at = inf
        if now - waiting.since >= STARVING_TIME:
            server = _server(place)
            server.places = server.count_open()  # it may have been started anew, with fewer places
    _make_room(place)
    with _lock:
        if not waiting.requests:
            return
        when = waiting.next_look(now)
    _look_at(place, waiting, when)


def _lacks_places(place: Place, age: float) -> bool:
    """Whether a request has waited for so long, and the server is not known to have places for all."""
    assert _lock.locked()
    waiting = waits.get(place)
    if waiting is None or monotonic() - waiting.since < age:
        return False
    server = _server(place)
    open_now = server.count_open()
    server.places = max(server.places, open_now)
    return open_now + len(waiting.requests) > server.places


def _make_room(place: Place) -> None:
    """Close the idle connections of a server that may have no place for a request that waits. On the timer thread.

    One that became idle just now is left alone: many requests may be about to take it. It was noted when it became idle
    (`is_needed()`), so its own turn comes.
    """
    with _lock:
        is_needed = _lacks_places(place, GRACE)
    if is_needed and close_idle(place, REST_TIME):
        with _lock:
            _server(place).relieved_at = monotonic()


def is_needed(place: Place) -> bool:
    """Whether a request needs the place of a connection that becomes idle now, so that it is not to be kept.

    Else the connection is kept, and `note_idle()` must follow.
    """
    now = monotonic()
    with _lock:
        if place not in waits:
            return False
        is_starving = _lacks_places(place, STARVING_TIME) and now - _server(place).relieved_at >= STARVING_TIME
        if is_starving:
            _server(place).relieved_at = now
    return is_starving


def note_idle(place: Place, until: float | None = None) -> None:
    """Have a connection that has become idle looked at soon if a request waits: another one may take it before.

    Args:
        until: The deadline of the request that had it.
    """
    with _lock:
        waiting = waits.get(place)
        if waiting is None:
            return
        waiting.rested_at = monotonic() + REST_TIME
        when = max(waiting.rested_at, waiting.since + GRACE)
    _look_at(place, waiting, when, until)


def is_narrow(place: Place) -> bool:
    """Whether a server had no place for a request lately, as an idle connection held it."""
    with _lock:
        server = _servers.get(place)
        if server is not None and server.narrow_until > monotonic():
            return True
        narrow.discard(place)
        return False


def close_idle(place: Place, idle_time: float = 0.0) -> int:
    """Close the connections to a host and port that have been idle for so many seconds; return how many they were."""
    return sum(pool.close_at(place, idle_time) for pool in snapshot(pools))


def reset_after_fork() -> None:
    """Start with nothing known, and with a free lock. In a forked child."""
    global _lock
    _lock = ScopedLock()
    waits.clear()
    narrow.clear()
    _servers.clear()
