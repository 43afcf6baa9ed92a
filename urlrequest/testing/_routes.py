"""The table of a server's routes: which function makes the reply for which path.

Thread safety. Tests add routes while the threads of connections look them up; a lock guards the table.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from ._messages import RecordedRequest, Reply

__all__ = ["Route", "Routes", "fixed_reply"]

Route = Callable[[RecordedRequest], Reply]


class Routes:
    """Routes by path; see `Server.route` for what a path matches.

    Args:
        fallback: Makes the reply where no route matches; None: such requests get a 404.
    """

    def __init__(self, fallback: Route | None) -> None:
        self._lock = threading.Lock()
        self._routes: dict[str, Route] = {}
        self._fallback = _reply_not_found if fallback is None else fallback

    def add(self, path: str, route: Route) -> None:
        """Add a route; it replaces the one with the same path."""
        with self._lock:
            self._routes[path] = route

    def find(self, request: RecordedRequest) -> Route:
        """Return the route of a request: by path and query, by path, by the longest prefix, or the fallback."""
        with self._lock:
            for exact in (f"{request.path}?{request.query}", request.path):
                if exact in self._routes:
                    return self._routes[exact]
            prefixes = [path for path in self._routes if path.endswith("*") and request.path.startswith(path[:-1])]
            return self._routes[max(prefixes, key=len)] if prefixes else self._fallback


def _reply_not_found(request: RecordedRequest) -> Reply:
    return Reply(404, f"No route for {request.path}\n", {"Content-Type": "text/plain; charset=utf-8"})


def fixed_reply(content: object) -> Reply:
    """Return a `Reply` as it is; make one of bytes, of text (text/plain in utf-8), or of anything else as JSON."""
    if isinstance(content, Reply):
        return content
    if isinstance(content, bytes):
        return Reply(body=content, headers={"Content-Type": "application/octet-stream"})
    if isinstance(content, str):
        return Reply(body=content, headers={"Content-Type": "text/plain; charset=utf-8"})
    return Reply(body=json.dumps(content), headers={"Content-Type": "application/json"})
