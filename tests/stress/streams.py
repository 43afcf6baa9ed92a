"""Thousands of open event streams: `python -m tests.stress.streams --streams 9000`.

A server in a process of its own keeps them open. It tells what they take while they say nothing, and what an event for
all of them takes. The exit status is 1 when something does not arrive, or when more than 100 threads or 12 KiB each are
needed for streams that say nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import urlrequest
from urlrequest import Session, UrlRequest, wait_all
from urlrequest._concurrency.worker_pool import IDLE_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = b"7\r\ndata:1\n\r\n"  # a chunk
EVENT_SIZE = 7
MAX_THREADS, MAX_KIB = 100, 12.0
PATIENCE = 300.0  # seconds; a guard against hanging


# The server


async def serve() -> None:
    """Keep streams open; each line of the standard input says what to send to all: `event` or `end`."""
    writers: list[asyncio.StreamWriter] = []

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + EVENT
        )
        writers.append(writer)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        for writer in writers:
            writer.write(EVENT if line == "event\n" else b"0\r\n\r\n")


# The client


class Streams:
    """Open streams, and what has come of them."""

    def __init__(self, port: int, count: int) -> None:
        self.received = self.most_threads = 0
        self.session = Session(f"http://127.0.0.1:{port}", max_requests=count)
        self.requests: list[UrlRequest] = []

    def open(self, count: int) -> None:
        """Open all of them, some hundred at a time: a server takes only so many connections at once."""
        while len(self.requests) < count:
            for _ in range(min(500, count - len(self.requests))):
                self.requests.append(self.session.request("/", on_chunk=self.take))
            self.await_events(EVENT_SIZE * len(self.requests))

    def take(self, _: UrlRequest, chunk: bytes) -> None:
        self.received += len(chunk)

    def await_events(self, received: int) -> None:
        limit = time.monotonic() + PATIENCE
        while self.received < received:
            assert time.monotonic() < limit, f"{self.received} of {received} bytes have come"
            urlrequest.drain()
            self.most_threads = max(self.most_threads, threading.active_count())
            time.sleep(0.001)


def memory() -> float:
    """KiB of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4.0


def timed(do: Callable[..., object], *arguments: object) -> float:
    began = time.monotonic()
    do(*arguments)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=9000, help="the process must be allowed so many descriptors")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    logging.getLogger("urlrequest").setLevel(logging.ERROR)  # that nobody drains, which is true for a moment
    command = [sys.executable, "-m", __spec__.name, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        wrong = measure(Streams(int(server.stdout.readline()), options.streams), options.streams, server.stdin)
    print("\n".join(wrong) or "everything is as it must be")
    return 1 if wrong else 0


def measure(streams: Streams, count: int, server: IO[str]) -> list[str]:
    """Open so many streams, and print what they take; what is wrong with that."""

    def tell(what: str) -> None:
        server.write(f"{what}\n")
        server.flush()

    before = memory()
    seconds = timed(streams.open, count)
    print(f"{count:,} streams opened in {seconds:.1f} s, with {streams.most_threads} threads at most")
    time.sleep(IDLE_TIME + 1.0)  # workers that have nothing to do end by then
    threads, each = threading.active_count(), (memory() - before) / count
    print(f"while they say nothing: {threads} threads, {each:.1f} KiB each")
    streams.most_threads = 0
    tell("event")
    seconds = timed(streams.await_events, 2 * EVENT_SIZE * count)
    print(f"an event for each: {seconds:.2f} s, with {streams.most_threads} threads at most")
    tell("end")
    is_over = wait_all(streams.requests, timeout=PATIENCE)
    wrong = [] if is_over else ["not all of them have ended"]
    wrong += [repr(request) for request in streams.requests if request.error or request.resp_status != 200][:5]
    streams.session.close()
    if threads > MAX_THREADS or (
        each > MAX_KIB and count >= 1000
    ):  # few take more: what is loaded once counts for them
        wrong.append(f"{threads} threads, {each:.1f} KiB each")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
