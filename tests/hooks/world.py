"""What a case has to work with: a server, a loop, callbacks that take notes, and what was reported or logged."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import urlrequest
from urlrequest import UrlRequest, hooks
from urlrequest._delivery.queue import default_queue
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from hooks.loops import Loop
    from urlrequest.testing import RecordedRequest

BIG = 800_000  # octets of /big; with a chunk_size of 8, that is 100,000 steps
GATE_TIME = 30.0  # seconds


class NotApplicable(Exception):
    """The loop lacks what the case asks for."""


@dataclass
class Note:
    """One call of a callback."""

    name: str
    request: UrlRequest
    arguments: tuple[Any, ...]
    thread: int = field(default_factory=threading.get_ident)
    time: float = field(default_factory=time.perf_counter)


class World:
    """One case's."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self.notes: list[Note] = []
        self.reported: list[BaseException] = []
        self.figures: dict[str, Any] = {}
        self.gate = threading.Event()
        self._goal = 0
        self._failures: list[BaseException] = []
        self._log: list[logging.LogRecord] = []

    def __enter__(self) -> Self:
        self.server = Server(handler=self._answer).start()
        self._handler = logging.Handler()
        self._handler.emit = self._log.append  # type: ignore[method-assign]
        logging.getLogger("urlrequest").addHandler(self._handler)
        logging.getLogger("urlrequest").setLevel("INFO")
        self._excepthook, sys.excepthook = sys.excepthook, lambda kind, error, traceback: self.reported.append(error)
        self.loop.report = self.reported.append
        self.loop.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        urlrequest.cancel_all()
        urlrequest.uninstall()
        self.loop.end()
        default_queue.drain()
        sys.excepthook = self._excepthook
        logging.getLogger("urlrequest").removeHandler(self._handler)
        self.server.close()

    def _answer(self, request: RecordedRequest) -> Reply:
        text = {"Content-Type": "text/plain"}
        if request.path == "/gate":
            self.gate.wait(GATE_TIME)
        if request.path in {"/text", "/gate"}:
            return Reply(200, "hello", text)
        if request.path == "/json":
            return Reply(200, json.dumps({"a": 1}), {"Content-Type": "application/json"})
        if request.path == "/redirect":
            return Reply(302, "there", {**text, "Location": "/text"})
        if request.path == "/big":
            return Reply(200, b"x" * BIG, {"Content-Type": "application/octet-stream"})
        return Reply(404, "nothing", text)

    # Making requests

    def watch(self, **more: Callable[..., object]) -> dict[str, Callable[..., object]]:
        """All callbacks: each takes a note, and then calls what the case has for it."""
        return {
            name: self._noting(name[3:], more.get(name))
            for name in (
                "on_success", "on_redirect", "on_failure", "on_error", "on_progress", "on_cancel", "on_finish",
            )
        }  # fmt: skip

    def _noting(self, name: str, more: Callable[..., object] | None) -> Callable[..., object]:
        def callback(request: UrlRequest, *arguments: Any) -> None:
            self.notes.append(Note(name, request, arguments))
            try:
                if more is not None:
                    more(request, *arguments)
            finally:
                if name == "finish" and len(self.of("finish")) == self._goal:
                    self.loop.stop()

        return callback

    def get(self, path: str = "/text", **options: Any) -> UrlRequest:
        """Make a request whose callbacks take notes."""
        callbacks = {name: options.pop(name) for name in tuple(options) if name.startswith("on_")}
        return UrlRequest(self.server.url + path, **self.watch(**callbacks), **options)

    # Running the loop

    def run(self, first: Callable[[], object] | None = None, *, finishes: int = 1) -> None:
        """Call `first` in the loop, and run it until so many more requests have finished; 0: until it is stopped."""
        self._goal = len(self.of("finish")) + finishes if finishes else 0
        self.loop.run(None if first is None else self.guarded(first))
        if self._failures:
            raise self._failures.pop()

    def guarded(self, call: Callable[[], object]) -> Callable[[], None]:
        """A call in the loop, outside callbacks; when it fails, so does the case."""

        def guard() -> None:
            try:
                call()
            except BaseException as error:
                self._failures.append(error)
                self.loop.stop()

        return guard

    def stop_when(self, is_over: Callable[[], bool]) -> Callable[[], None]:
        """What stops the loop as soon as something is so."""

        def look() -> None:
            if is_over():
                self.loop.stop()
            else:
                self.loop.later(0.005, self.guarded(look))

        return look

    def tick(self, interval: float) -> list[float]:
        """Start a frame timer; returns the times of its frames, to which it goes on adding."""
        frames: list[float] = []

        def frame() -> None:
            frames.append(time.perf_counter())
            self.loop.later(interval, self.guarded(frame))

        self.loop.later(interval, self.guarded(frame))
        return frames

    # What happened

    def of(self, *names: str) -> list[Note]:
        """The notes of some callbacks."""
        return [note for note in self.notes if note.name in names]

    def names(self, request: UrlRequest | None = None) -> list[str]:
        """The callbacks in order, of one request or of all."""
        return [note.name for note in self.notes if request is None or note.request is request]

    def all_on(self, thread: int) -> bool:
        return bool(self.notes) and all(note.thread == thread for note in self.notes)

    def check_callbacks(self) -> None:
        """Raise what an `assert` within a callback has raised."""
        for error in self.reported:
            if isinstance(error, AssertionError):
                raise error

    def messages(self) -> list[str]:
        return [record.getMessage() for record in self._log]

    def warnings(self) -> list[str]:
        return [record.getMessage() for record in self._log if record.levelno >= logging.WARNING]

    def current(self) -> hooks.Hook | None:
        return hooks.current_hook()


def in_thread(call: Callable[[], Any]) -> Any:
    """Call something on another thread, and return what it returns."""
    box: list[Any] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            box.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="case")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return box[0]
