"""The table of a server's routes: which function answers which path.

Tests add to it while the connections' threads look things up; a lock guards the table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ._messages import RecordedRequest, Reply

__all__ = ["Route", "Routes"]

Route = Callable[[RecordedRequest], Reply]


class Routes:
    """Routes by path; see `Server.route` for what a path matches.

    Args:
        fallback: Answers what has no route; None: a 404.
    """

    def __init__(self, fallback: Route | None) -> None:
        self._lock = threading.Lock()
        self._routes: dict[str, Route] = {}
        self._fallback = _answer_not_found if fallback is None else fallback

    def add(self, path: str, route: Route) -> None:
        """Add a route, in place of the one with the same path."""
        with self._lock:
            self._routes[path] = route

    def find(self, request: RecordedRequest) -> Route:
        """Return what answers a request: path and query, then the path, then the longest prefix, then the fallback."""
        with self._lock:
            for exact in (f"{request.path}?{request.query}", request.path):
                if exact in self._routes:
                    return self._routes[exact]
            prefixes = [path for path in self._routes if path.endswith("*") and request.path.startswith(path[:-1])]
            return self._routes[max(prefixes, key=len)] if prefixes else self._fallback


def _answer_not_found(request: RecordedRequest) -> Reply:
    return Reply(404, f"No route for {request.path}\n", {"Content-Type": "text/plain; charset=utf-8"})
