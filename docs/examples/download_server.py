"""The server that the download managers talk to, and the words that they show; so each of them has its toolkit only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from urlrequest.testing import RecordedRequest, Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOW_SIZE = 32 * 1024 * 1024  # bytes
PIECE = 64 * 1024  # bytes
pause = 0.02  # seconds between two pieces


def make_server() -> tuple[Server, list[str]]:
    """Start a server with a quick file, a slow one and a missing one; nothing listens at the fourth URL."""
    with Server() as gone:
        nowhere = gone.url
    server = Server().start()
    server.respond("/quick.bin", bytes(300_000))
    server.route("/slow.bin", send_slowly)
    return server, [
        f"{server.url}/quick.bin",
        f"{server.url}/slow.bin",
        f"{server.url}/missing.bin",
        f"{nowhere}/lost.bin",
    ]


def send_slowly(request: RecordedRequest) -> Reply:
    """Send zeros, or their rest: with an ETag, and with what Range asks for, a download can be continued."""
    start = int((request.header("Range") or "bytes=0-")[len("bytes=") : -1])
    headers = {"ETag": '"slow"', "Content-Length": str(SLOW_SIZE - start)}
    if start:
        headers["Content-Range"] = f"bytes {start}-{SLOW_SIZE - 1}/{SLOW_SIZE}"
    return Reply(206 if start else 200, drip(SLOW_SIZE - start), headers)


def drip(size: int) -> Iterator[bytes]:
    for start in range(0, size, PIECE):
        yield bytes(min(PIECE, size - start))
        time.sleep(pause)


class Meter:
    """Says how far a download is: percent, speed, and time left."""

    def __init__(self) -> None:
        self.began: tuple[float, int] | None = None  # when, and with how many bytes of an earlier attempt

    def text(self, current: int, total: int) -> str:
        now = time.monotonic()
        if self.began is None:
            self.began = now, current
        seconds, came = now - self.began[0], current - self.began[1]
        percent = f"{100 * current // max(total, 1)} %"
        if not seconds or not came:
            return percent
        left = round((total - current) * seconds / came)
        return f"{percent}, {came / seconds / 1024**2:.1f} MiB/s, {left // 60}:{left % 60:02} left"
