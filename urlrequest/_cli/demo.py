"""The demo: eight requests to a server of its own. It shows each callback in the order of the calls, and its thread.

Each scene makes one request and says what the library promises for it; the demo is a success only if every promise is
kept. The main thread waits, so it runs the callbacks; servers and workers have threads of their own.

Invariants:
    DEMO-1  Nothing is left behind: servers, files and sockets end with their `with` statements.
    DEMO-2  The output is ASCII, at most 80 columns wide, and coloured only on a terminal (see `_cli.demo_screen`).
    DEMO-3  No promise is about time: a slow or busy machine takes longer, and shows the same. What takes time on
            purpose is there to be watched, on a terminal only.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from urlrequest import UrlRequest, __version__, g_requests, testing
from urlrequest.errors import DeadlineExceeded

from .demo_screen import ProgressBar, Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["run_demo"]

INTRODUCTION = [
    "Eight requests to a server within this process; no network is needed. Each",
    "request is made on the main thread and does its work on a worker thread. The",
    "main thread waits, and meanwhile runs the callbacks; in a GUI program the",
    "event loop runs them. Every row below is one callback, in the order of the",
    "calls; 'ok' says that what the library promises for it was so.",
]
WEATHER = {"city": "Bergen", "degrees": 7, "rain": True}
REPORT = bytes(range(256)) * 8192  # 2 MiB
PIECE = 32 * 1024  # bytes that the server sends at a time
PAUSE = 0.02  # seconds between two of them, on a terminal
DEADLINE = 0.5  # seconds
PATIENCE = 300.0  # seconds; only what hangs takes them
MAX_ENDING = 2.0  # seconds for all requests to end, after Ctrl-C


class Promise(NamedTuple):
    """What a scene shows, and whether it was so."""

    text: str
    is_kept: bool


class WatchedRequest(UrlRequest):
    """A request that remembers its worker thread."""

    worker_name = ""

    def run(self) -> None:
        self.worker_name = threading.current_thread().name
        super().run()


class Callbacks:
    """The callbacks of one request. Each prints a row when it is called; the calls of on_progress share one row."""

    def __init__(self, screen: Screen, on_progress: Callable[[Any, int, int], None] | None) -> None:
        self.names: list[str] = []
        self.threads: set[str] = set()
        self._screen = screen
        self._progress = on_progress
        self._last_step: tuple[int, int] | None = None

    def options(self) -> dict[str, Any]:
        """Return the callbacks as arguments of a request."""
        found: dict[str, Any] = {
            "on_success": lambda _, result: self._show("on_success", f"{result!r}"),
            "on_redirect": lambda request, _: self._show(
                "on_redirect", f"{request.resp_status}, Location: {request.resp_headers['Location']}"
            ),
            "on_failure": lambda request, result: self._show("on_failure", f"{request.resp_status}, {result!r}"),
            "on_error": lambda _, error: self._show("on_error", f"{type(error).__name__}"),
            "on_cancel": lambda _: self._show("on_cancel", ""),
            "on_finish": lambda _: self._show("on_finish", ""),
        }
        if self._progress is not None:
            found["on_progress"] = self._step
        return found

    def _step(self, request: Any, current: int, total: int) -> None:
        assert self._progress is not None, "the request gets this callback only then"
        if self._last_step is None:
            self.names.append("on_progress")
        self._last_step = current, total
        self.threads.add(threading.current_thread().name)
        self._progress(request, current, total)

    def _show(self, name: str, text: str) -> None:
        thread = threading.current_thread().name
        if self._last_step is not None:
            (current, total), self._last_step = self._last_step, None
            self._screen.row("on_progress", f"up to {current:,} of {total:,} bytes", thread)
        self.names.append(name)
        self.threads.add(thread)
        self._screen.row(name, text, thread)


class Stage:
    """What the scenes share.

    Attributes:
        server: Responds by its routes.
        folder: For downloads; removed at the end.
        callbacks: Those of the last request.
    """

    def __init__(self, screen: Screen, server: testing.Server, folder: str) -> None:
        self.screen = screen
        self.server = server
        self.folder = folder
        self.callbacks = Callbacks(screen, None)

    def request(
        self, url: str, on_progress: Callable[[Any, int, int], None] | None = None, **options: Any
    ) -> WatchedRequest:
        """Make a request, run its callbacks here until it is finished, and return it."""
        method = "POST" if "req_body" in options else "GET"
        named = ", ".join(f"{name}={options[name]!r}" for name in ("req_body", "deadline") if name in options)
        self.screen.line(f"   {method} {url}{named and ', '}{named}")
        self.callbacks = Callbacks(self.screen, on_progress)
        request = WatchedRequest(url, **self.callbacks.options(), **options)
        request.wait()
        request.join(PATIENCE)  # until the worker has closed everything
        self.screen.line(f"   {'the work':<11} thread: {request.worker_name}")
        return request

    def path(self, name: str) -> str:
        """Return a path in the folder for downloads."""
        return os.path.join(self.folder, name)


# The scenes


def fetch_json(stage: Stage) -> list[Promise]:
    request = stage.request(f"{stage.server.url}/weather.json")
    return [
        _called(stage, "on_success", "on_finish"),
        Promise("the result is the parsed document", request.result == WEATHER and request.resp_status == 200),
    ]


def post_form(stage: Stage) -> list[Promise]:
    request = stage.request(f"{stage.server.url}/people", req_body={"name": "Ada", "born": 1815})
    return [
        _called(stage, "on_success", "on_finish"),
        Promise("the server has received the form", request.result == {"received": "name=Ada&born=1815"}),
    ]


def download(stage: Stage) -> list[Promise]:
    bar = ProgressBar(stage.screen)
    path = stage.path("report.bin")
    request = stage.request(f"{stage.server.url}/report.bin", bar.show, file_path=path, chunk_size=PIECE)
    return [
        _called(stage, "on_progress", "on_success", "on_finish"),
        Promise(
            f"report.bin has all of its {len(REPORT):,} bytes, the result has none",
            _content_of(path) == REPORT and request.result == b"",
        ),
    ]


def ask_for_missing(stage: Stage) -> list[Promise]:
    request = stage.request(f"{stage.server.url}/missing")
    return [
        _called(stage, "on_failure", "on_finish"),
        Promise("the error page is the result", request.resp_status == 404 and request.result == "No such page."),
    ]


def meet_redirect(stage: Stage) -> list[Promise]:
    request = stage.request(f"{stage.server.url}/old.json")
    location = None if request.resp_headers is None else request.resp_headers.get("Location")
    return [
        _called(stage, "on_redirect", "on_finish"),
        Promise("the request knows where it leads, and has not gone there", location == "/weather.json"),
    ]


def get_refused(stage: Stage) -> list[Promise]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # a port that is in use, but does not listen
        request = stage.request(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    return [
        _called(stage, "on_error", "on_finish"),
        Promise("the error is ConnectionRefusedError", isinstance(request.error, ConnectionRefusedError)),
    ]


def cancel_download(stage: Stage) -> list[Promise]:
    def cancel(request: Any, current: int, _: int) -> None:
        if current > 0:
            request.cancel()

    with testing.Server() as server:
        server.play(testing.send(_head(len(REPORT)) + REPORT[:PIECE]), testing.wait_closed("closed"))
        request = stage.request(f"{server.url}/film.bin", cancel, file_path=stage.path("film.bin"))
        is_closed = _has_signalled(server, "closed")
    return [
        _called(stage, "on_progress", "on_cancel", "on_finish"),
        Promise("the server has seen the connection close", is_closed and request.is_cancelled),
        Promise("no part of film.bin is left", os.listdir(stage.folder) == ["report.bin"]),
    ]


def miss_deadline(stage: Stage) -> list[Promise]:
    with testing.Server() as server:
        server.play(testing.send(_head(len(REPORT))), testing.trickle(REPORT, pause=PAUSE))
        request = stage.request(f"{server.url}/drip", deadline=DEADLINE)
    return [
        _called(stage, "on_error", "on_finish"),
        Promise(
            "the error is DeadlineExceeded, although bytes came all the time",
            isinstance(request.error, DeadlineExceeded),
        ),
    ]


SCENES: list[tuple[str, str, Callable[[Stage], list[Promise]]]] = [
    ("Fetch a JSON document", "on_success gets the parsed document; on_finish comes last, always.", fetch_json),
    ("Post a form", "A dict as req_body is sent as a form, by POST.", post_form),
    ("Download to a file", "With file_path the body goes to a file, and on_progress follows it.", download),
    (
        "A page that does not exist",
        "A status of 4xx or 5xx calls on_failure with the error page.",
        ask_for_missing,
    ),
    ("A redirect", "Redirects call on_redirect, unless follow_redirects is given.", meet_redirect),
    ("Connection refused", "Without a response there is an exception, for on_error.", get_refused),
    ("Cancel a download in the middle", "cancel() closes the connection, and calls on_cancel.", cancel_download),
    ("A server that is too slow", "deadline limits the time of the whole request.", miss_deadline),
]


def _called(stage: Stage, *names: str) -> Promise:
    """Promise exactly these callbacks, in this order, all on the thread that waited."""
    callbacks = stage.callbacks
    is_here = callbacks.threads == {threading.current_thread().name}
    return Promise(f"the callbacks were {', '.join(names)}", callbacks.names == list(names) and is_here)


def _has_signalled(server: testing.Server, name: str) -> bool:
    try:
        server.wait(name, PATIENCE)
    except TimeoutError:
        return False
    return True


def _content_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _head(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n".encode()


def _report_pieces(pause: float) -> Iterator[bytes]:
    for start in range(0, len(REPORT), PIECE):
        time.sleep(pause)  # so that there is progress to see
        yield REPORT[start : start + PIECE]


def _add_routes(server: testing.Server, pause: float) -> None:
    as_json, as_text = {"Content-Type": "application/json"}, {"Content-Type": "text/plain; charset=utf-8"}
    server.respond("/weather.json", json.dumps(WEATHER), headers=as_json)
    server.respond("/old.json", status=301, headers={"Location": "/weather.json"})
    server.respond("/missing", "No such page.", status=404, headers=as_text)
    server.route(
        "/people", lambda request: testing.Reply(201, json.dumps({"received": request.body.decode()}), as_json)
    )
    length = {"Content-Length": str(len(REPORT)), "Content-Type": "application/octet-stream"}
    server.route("/report.bin", lambda _: testing.Reply(200, _report_pieces(pause), length))


@contextmanager
def _all_ended() -> Iterator[None]:
    """End the requests that an interrupt leaves running: no worker should use the folder when it is removed."""
    try:
        yield
    finally:
        until = time.monotonic() + MAX_ENDING
        for request in list(g_requests):
            if isinstance(request, WatchedRequest):
                request.cancel()
                request.join(max(0.0, until - time.monotonic()))


def run_demo(stream: TextIO) -> bool:
    """Show all scenes, on the calling thread.

    Returns:
        Whether all promises were kept.
    """
    screen = Screen(stream)
    kept = 0
    screen.line(f"urlrequest {__version__} on Python {platform.python_version()}", "1")
    for line in INTRODUCTION:
        screen.line(line)
    folders = tempfile.TemporaryDirectory(prefix="urlrequest-demo-", ignore_cleanup_errors=True)
    with folders as folder, testing.Server() as server, _all_ended():
        _add_routes(server, PAUSE if screen.is_terminal else 0.0)
        stage = Stage(screen, server, folder)
        for number, (title, explanation, scene) in enumerate(SCENES, 1):
            screen.line(f"\n{number}. {title}", "1")
            screen.line(f"   {explanation}")
            promises = scene(stage)
            for promise in promises:
                screen.line(
                    f"   {'ok' if promise.is_kept else 'BROKEN'}: {promise.text}", "32" if promise.is_kept else "31"
                )
            kept += all(promise.is_kept for promise in promises)
    verdict = f"{kept} of {len(SCENES)} went as promised."
    screen.line(f"\n{verdict}", "32" if kept == len(SCENES) else "31")
    return kept == len(SCENES)
