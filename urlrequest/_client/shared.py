"""Shared: what the requests of a session share.

A session has one of its own; requests without a session use `default_shared`.

Thread safety. The limits, `tcp_keepalive`, `cookie_text` and `is_closed` are one reference each; `workers`, `pool` and
`cookie_store` guard themselves.
"""

from __future__ import annotations

import weakref

from urlrequest._concurrency.sync import fork_watch
from urlrequest._concurrency.worker_pool import WorkerPool
from urlrequest._engine.pool import MAX_IDLE, Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._engine.observer import CookieStore

__all__ = ["MAX_REQUESTS", "Shared", "all_shared", "default_shared", "shared_of"]

MAX_REQUESTS = 64  # running at once, unless a session sets another limit

all_shared: weakref.WeakSet[Shared] = weakref.WeakSet()
"""Those of all sessions, and the default one, for the end of the process and for a forked child."""


class Shared:
    """What the requests of a session share: worker threads, connections and cookies.

    Attributes:
        tcp_keepalive: For new connections; None: that of `defaults`.
        cookie_store: The session's cookies; None: it keeps none.
        cookie_text: Cookies to send with every request, as the program gave them; None: none.
        is_closed: New requests are refused.
        workers: The worker threads.
        pool: The idle connections.
    """

    tcp_keepalive: float | None = None
    cookie_text: Any = None
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
