"""Fixed replies in one line: `serve`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ._messages import Reply
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["serve"]


def serve(routes: Mapping[str, Reply | bytes | str | object]) -> Server:
    """Make a server of fixed replies, to be started by ``with``.

    Example::

        with serve({"/": b"octets", "/text": "text", "/user": {"name": "Ada"}, "/gone": Reply(410)}) as server:
            ...

    Args:
        routes: Replies by path: a `Reply`, octets, text (as text/plain in utf-8), or anything else as JSON.
    """
    server = Server()
    for path, content in routes.items():
        reply = _make_reply(content)
        server.respond(path, reply.body, status=reply.status, headers=reply.headers, reason=reply.reason)
    return server


def _make_reply(content: object) -> Reply:
    if isinstance(content, Reply):
        return content
    if isinstance(content, bytes):
        return Reply(body=content, headers={"Content-Type": "application/octet-stream"})
    if isinstance(content, str):
        return Reply(body=content, headers={"Content-Type": "text/plain; charset=utf-8"})
    return Reply(body=json.dumps(content), headers={"Content-Type": "application/json"})
