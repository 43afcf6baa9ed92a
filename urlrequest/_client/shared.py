"""Shared: what the requests of a session share.

A session has one of its own; requests without a session use `default_shared`.

Thread safety. The limits, `tcp_keepalive`, `cookie_text`, `known_settings` and `is_closed` are one reference each;
`workers`, `pool` and `cookie_store` guard themselves.
"""

from __future__ import annotations

import weakref
from operator import is_

from urlrequest._concurrency.sync import fork_watch
from urlrequest._concurrency.worker_pool import WorkerPool
from urlrequest._engine.pool import MAX_IDLE, Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._engine.observer import CookieStore

__all__ = ["MAX_REQUESTS", "KnownSettings", "Shared", "all_shared", "default_shared", "shared_of"]

MAX_REQUESTS = 64  # running at once, unless a session sets another limit
MAX_COMPLETED = 256  # options of a session that are kept for the next request
_FIXED = frozenset({type(None), bool, int, float, str, bytes})

all_shared: weakref.WeakSet[Shared] = weakref.WeakSet()
"""Those of all sessions, and the default one, for the end of the process and for a forked child."""


class Shared:
    """What the requests of a session share: worker threads, connections and cookies.

    Attributes:
        tcp_keepalive: For new connections; None: that of `defaults`.
        cookie_store: The session's cookies; None: it keeps none.
        cookie_text: Cookies to send with every request, as the program gave them; None: none.
        known_settings: The session's settings as they were read last, or None.
        is_closed: New requests are refused.
        workers: The worker threads.
        pool: The idle connections.
    """

    tcp_keepalive: float | None = None
    cookie_text: Any = None
    known_settings: KnownSettings | None = None
    is_closed: bool = False

    def __init__(
        self,
        max_requests: int,
        max_per_host: int | None,
        max_idle: int | None,
        cookie_store: CookieStore | None = None,
    ) -> None:
        self._max_requests, self._max_per_host = _check_limits(max_requests, max_per_host)
        self._max_idle = max_idle
        if max_idle is not None:
            _check_limit("max_idle", max_idle, least=0)
        self.workers: WorkerPool = WorkerPool(max_requests, max_per_host)
        self.pool: Pool = Pool(self.max_idle)
        self.cookie_store = cookie_store
        all_shared.add(self)

    def __del__(self) -> None:
        workers = getattr(self, "workers", None)  # there are none where a limit was refused
        if workers is not None:  # the session was not closed; its pool of connections closes itself
            workers.abandon()

    @property
    def max_requests(self) -> int:
        """How many requests run at a time."""
        return self._max_requests

    @max_requests.setter
    def max_requests(self, limit: int) -> None:
        fork_watch.check()
        self._max_requests, _ = _check_limits(limit, None)
        self.workers.change_limits(self._max_requests, self._max_per_host)
        self.pool.change_limit(self.max_idle)

    @property
    def max_per_host(self) -> int | None:
        """How many requests run at a time for one host."""
        return self._max_per_host

    @max_per_host.setter
    def max_per_host(self, limit: int | None) -> None:
        fork_watch.check()
        _, self._max_per_host = _check_limits(1, limit)
        self.workers.change_limits(self._max_requests, self._max_per_host)

    @property
    def max_idle(self) -> int:
        """How many idle connections are kept; unless it was set, `max_requests`, but 64 at the least."""
        return max(MAX_IDLE, self._max_requests) if self._max_idle is None else self._max_idle

    @max_idle.setter
    def max_idle(self, limit: int) -> None:
        fork_watch.check()
        _check_limit("max_idle", limit, least=0)
        self._max_idle = limit
        self.pool.change_limit(limit)

    def reset_after_fork(self) -> None:
        """Start afresh. In a forked child."""
        self.workers.reset_after_fork()
        self.pool.reset_after_fork()
        if self.cookie_store is not None:
            self.cookie_store.reset_after_fork()


class KnownSettings:
    """The settings of a session as they were read last, and what they make of options that many requests share.

    So requests of a session, too, are prepared once for all that are alike, until the program changes a setting.

    Thread safety. The single operations of a dict are atomic. Two threads may make the same options; one of them stays.
    """

    __slots__ = ("_are_fixed", "_completed", "_parts")

    def __init__(self, parts: list[Any]) -> None:
        """Know settings.

        Args:
            parts: All that a program may replace: the values, and what is in their dicts.
        """
        self._parts = parts
        self._are_fixed = all(map(_is_fixed, parts))
        # By the id of the shared options, which are kept here: so no others have that id.
        self._completed: dict[int, tuple[Any, Any]] = {}

    def are(self, parts: list[Any]) -> bool:
        """Whether the session still has these settings; False where that cannot be seen."""
        return self._are_fixed and len(parts) == len(self._parts) and all(map(is_, parts, self._parts))

    def find(self, options: Any) -> Any:
        """What the settings have made of shared options; None: nothing yet."""
        found = self._completed.get(id(options))
        return None if found is None else found[1]

    def keep(self, options: Any, completed: Any) -> None:
        """Remember what the settings make of shared options."""
        if len(self._completed) >= MAX_COMPLETED:
            self._completed.clear()
        self._completed[id(options)] = options, completed


def _is_fixed(value: Any) -> bool:
    """Whether a value can only be replaced, not changed."""
    return type(value) in _FIXED or (type(value) is tuple and _FIXED.issuperset(map(type, value)))


def shared_of(session: object) -> Shared:
    """What the requests of a session share; for anything that is no session, `default_shared`."""
    found = getattr(session, "_urlrequest_shared", None)
    return found if isinstance(found, Shared) else default_shared


def _check_limits(max_requests: int, max_per_host: int | None) -> tuple[int, int | None]:
    _check_limit("max_requests", max_requests, least=1)
    if max_per_host is not None:
        _check_limit("max_per_host", max_per_host, least=1)
    return max_requests, max_per_host


def _check_limit(name: str, limit: object, least: int) -> None:
    """Check a number of requests or connections.

    Raises:
        TypeError: It is not an int.
        ValueError: It is too small.
    """
    if not isinstance(limit, int):
        raise TypeError(f"{name} is {type(limit).__name__}; a number is needed")
    if limit < least:
        raise ValueError(f"{name} is {limit}; {least} or more is needed")


default_shared = Shared(MAX_REQUESTS, None, None)
"""For requests that are given no session: it keeps connections and no cookies (contract 17.9)."""
