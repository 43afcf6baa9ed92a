"""From cancel() to its callback, in every phase of a request. Servers here are sockets that leave it in that phase."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PHASES", "cancel"]

PHASES = ("queue", "resolve", "connect", "handshake", "send", "head", "body", "back-off", "undelivered")
TIME_TO_REACH = 0.015  # seconds until a request is in its phase
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


def cancel(contender: str, phase: str, count: int = 40) -> dict[str, float]:
    """Milliseconds until the callback runs: the median and the worst."""
    measure: Callable[[str, int], list[float]] = {
        "urlrequest": _cancel_ours,
        "aiohttp": _cancel_aiohttp,
        "QNetworkAccessManager": _cancel_qt,
    }[contender]
    times = sorted(measure(phase, count))
    return {"p50": times[len(times) // 2] * 1000, "worst": times[-1] * 1000}


@contextlib.contextmanager
def _server(answer: bytes) -> Iterator[int]:
    """The port of a server that says this and no more; b"": nothing, and takes no connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                    held.append(connection)
                    connection.recv(65536)
                    connection.sendall(answer)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        if answer:
            thread.start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


@contextlib.contextmanager
def _full_server() -> Iterator[int]:
    """The port of a server whose queue is full: connecting to it takes minutes."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]


@contextlib.contextmanager
def _slow_names() -> Iterator[None]:
    """Names take for ever to resolve."""
    resolve, is_over = socket.getaddrinfo, threading.Event()

    def wait(*arguments: Any, **options: Any) -> Any:
        is_over.wait(20)
        return resolve(*arguments, **options)

    socket.getaddrinfo = wait
    try:
        yield
    finally:
        socket.getaddrinfo = resolve
        is_over.set()


@contextlib.contextmanager
def _stage(phase: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A URL, and options, with which a request stays in a phase."""
    from urlrequest import Session, UrlRequest

    with contextlib.ExitStack() as stack:
        if phase == "connect":
            port = stack.enter_context(_full_server())
        else:
            answers = {"body": HEAD, "back-off": BUSY, "undelivered": WHOLE}
            port = stack.enter_context(_server(answers.get(phase, b"")))
        url, options = f"http://127.0.0.1:{port}/", {}
        if phase == "handshake":
            url = f"https://127.0.0.1:{port}/"
        elif phase == "send":
            options["req_body"] = bytes(32 * 1024 * 1024)
        elif phase == "undelivered":
            options["on_success"] = print  # without a callback to wait for, it would be finished
        elif phase == "back-off":
            options["retries"] = 5
        elif phase == "resolve":
            stack.enter_context(_slow_names())
            url = f"http://a-name.test:{port}/"
        elif phase == "queue":
            session = stack.enter_context(Session(max_requests=1))
            UrlRequest(url, session=session)
            options["session"] = session
        yield url, options


def _cancel_ours(phase: str, count: int) -> list[float]:
    from urlrequest import UrlRequest

    times: list[float] = []
    with _stage(phase) as (url, options):
        for _ in range(count):
            ended: list[float] = []
            request = UrlRequest(url, on_cancel=lambda _, ended=ended: ended.append(time.perf_counter()), **options)
            began: list[float] = []

            def cancel_later(request: Any = request, began: list[float] = began) -> None:
                time.sleep(TIME_TO_REACH)
                began.append(time.perf_counter())
                request.cancel()

            if phase == "undelivered":
                request.join()
                began.append(time.perf_counter())
                request.cancel()
                request.wait()
            else:
                canceller = threading.Thread(target=cancel_later)
                canceller.start()
                request.wait(delay=None)
                canceller.join()
            assert ended, f"{phase}: the request ended otherwise: {request.error!r}"
            times.append(ended[0] - began[0])
    return times


def _cancel_aiohttp(phase: str, count: int) -> list[float]:
    import asyncio

    import aiohttp

    times: list[float] = []

    async def get(session: Any, url: str) -> None:
        async with session.get(url) as response:
            await response.read()

    async def run() -> None:
        with _stage(phase) as (url, _):
            async with aiohttp.ClientSession() as session:
                for _ in range(count):
                    task = asyncio.ensure_future(get(session, url))
                    await asyncio.sleep(TIME_TO_REACH)
                    began = time.perf_counter()
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                    times.append(time.perf_counter() - began)

    asyncio.run(run())
    return times


def _cancel_qt(phase: str, count: int) -> list[float]:
    from .bench_contenders import Qt, Target

    times: list[float] = []
    with _stage(phase) as (url, _):
        player: Any = Qt(Target(url, ""))
        for _ in range(count):
            reply = player.start()
            loop = player._core.QEventLoop()
            player._core.QTimer.singleShot(int(TIME_TO_REACH * 1000), loop.quit)
            loop.exec()
            ended: list[float] = []
            reply.finished.connect(lambda ended=ended: ended.append(time.perf_counter()))
            began = time.perf_counter()
            reply.abort()
            times.append(ended[0] - began)
            reply.deleteLater()
    return times
