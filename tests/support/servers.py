"""Servers of tests: routes for the scripted server of `urlrequest.testing`, and ports on which nothing answers."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from urlrequest._client import unheard
from urlrequest._concurrency.sync import snapshot
from urlrequest._engine import launch, options, places
from urlrequest._engine.pool import Pool
from urlrequest._net import loopback, tls_sessions
from urlrequest.testing import RecordedRequest, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Origin", "closed_port", "forget_servers", "full_port"]

_RANGE = re.compile(r"bytes=([0-9]+)-")


class Origin:
    """One resource, served as RFC 9110 has it: ranges from somewhere to the end, and If-Range. It is a route.

    Attributes:
        sent: How many bytes of each response are sent before the connection is cut; beyond the list, all.
        fields: Headers of every response.
        has_length: Whether a 200 says how long it is.
    """

    def __init__(self, content: bytes, validator: str = '"one"') -> None:
        self.content = content
        self.fields: dict[str, str] = {"ETag": validator}
        self.sent: list[int] = []
        self.has_length = True

    def __call__(self, request: RecordedRequest) -> Reply:
        wanted = _RANGE.fullmatch(request.header("Range") or "")
        validator = self.fields.get("ETag") or self.fields.get("Last-Modified")
        is_same = request.header("If-Range") in {None, validator}
        total = len(self.content)
        if wanted is None or not is_same:
            return self._reply(200, self.content, {})
        first = int(wanted[1])
        if first >= total:
            return Reply(416, b"", {"Content-Range": f"bytes */{total}"})
        return self._reply(206, self.content[first:], {"Content-Range": f"bytes {first}-{total - 1}/{total}"})

    def _reply(self, status: int, body: bytes, fields: dict[str, str]) -> Reply:
        fields = {**self.fields, **fields}
        most = self.sent.pop(0) if self.sent else len(body)
        if self.has_length or status == 206:
            return Reply(status, body[:most], {**fields, "Content-Length": str(len(body)), "Connection": "close"})
        if most < len(body):
            chunk = b"%x\r\n%b\r\n" % (most, body[:most])
            return Reply(status, chunk, {**fields, "Transfer-Encoding": "chunked", "Connection": "close"})
        return Reply(status, iter([body]), fields)


def forget_servers() -> None:
    """Forget all that the library remembers of servers, and close the idle connections to them."""
    options._plain.cache_clear()
    options._flagged.cache_clear()
    launch._habit_of.cache_clear()
    unheard._failures.clear()
    tls_sessions._sessions.clear()
    loopback.servers.clear()
    with places._lock:
        places._servers.clear()
        places.narrow.clear()
    for pool in snapshot(places.pools):
        assert isinstance(pool, Pool)
        limit = pool._limit
        pool.change_limit(0)
        pool.change_limit(limit)
        pool._histories.clear()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port whose connections are refused: it is taken, and nobody listens there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose connections never come about: the queue of its listener is full, and the system drops the rest."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        second.setblocking(False)
        second.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
