"""What happens after a request is scripted, for the scenarios that need more than to make it and dispatch its events.

Each function takes the `Run` and ends it; it runs on the dispatch thread. What it finds out goes to `Run.facts`.
"""

from __future__ import annotations

import gc
import http.client
import logging
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from compat.scenarios import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from compat.runner import Run
    from urlrequest.testing import RecordedRequest

__all__ = [
    "cancel_after_settling",
    "cancel_during",
    "cancel_in",
    "compare_growth",
    "connect_otherwise",
    "construct",
    "decode_otherwise",
    "deliver_late",
    "drop_receiver",
    "fetch_in_turn",
    "fetch_many",
    "hold_back",
    "log_debug",
    "log_outcome",
    "look",
    "poll",
    "raise_in",
    "read_attributes",
    "reassign",
    "use_environment",
    "use_stores",
    "wait",
    "wait_in_body",
]

QUIET = 0.3  # seconds without a new request after which no more is expected
CROWD = 80  # requests
LIMIT = 64  # of them, by contract 17.9
MEBI = 1 << 20  # octets


# -- Waiting


def wait(run: Run) -> None:
    """Only wait; note how that ends and which events it had run by then."""
    run.start()
    run.call("wait()", lambda: run.request.wait(0.05))
    run.facts["events when wait() ended"] = " ".join(event.name for event in run.events)


def wait_in_body(run: Run) -> None:
    """Call wait() while the server holds the second half of the body back until wait() ends, or has had its time."""
    run.start()
    run.await_signal("half")
    released = threading.Timer(2.5, run.server.signal, ["go"])
    released.start()
    run.call("wait()", lambda: run.request.wait(0.05))
    run.facts["wait() ended"] = "after the body" if released.finished.is_set() else "before the body"
    released.cancel()
    run.server.signal("go")
    run.finish()


# -- Cancelling


def cancel_during(phase: str, times: int = 1, *, hides_head: bool = False) -> Callable[[Run], None]:
    """Cancel while the server, having signalled `phase`, holds the rest back until `go`.

    Args:
        phase: The signal.
        times: How often cancel() is called.
        hides_head: Leave the response's head out of the observation: it was sent, but nothing tells whether it had been
            read by then.
    """

    def drive(run: Run) -> None:
        run.hides_head = hides_head
        run.start()
        run.await_signal(phase)
        if run.scenario.progress and phase == "half":
            # Kivy hands the first event over together with the second.
            run.pump(lambda: len(run.events) == 2)
        returned = [run.request.cancel() for _ in range(times)]
        run.facts["cancel() returns"] = repr(returned)
        came = run.pump(lambda: run.has("finish"), 0.5)
        run.facts["on_cancel while the server holds"] = str(came)
        run.server.signal("go")
        run.finish()
        run.settle()  # the worker removes its file when it finds that the request was cancelled

    return drive


def cancel_after_settling(run: Run) -> None:
    """Cancel a result that is there but not delivered."""
    run.start()
    run.await_signal("sent")
    run.settle()
    run.facts["cancel() returns"] = repr([run.request.cancel()])
    run.finish()


def cancel_in(callback: str) -> Callable[[Run], None]:
    """Cancel within a callback, each time it is called, with all of the response there already."""

    def drive(run: Run) -> None:
        returned: list[object] = []

        def react(name: str) -> None:
            if name == callback:
                returned.append(run.request.cancel())

        run.react = react
        run.start()
        run.await_signal("sent")
        run.settle()
        run.finish()
        run.facts["cancel() returns"] = repr(returned[:1])

    return drive


# -- Callbacks


def drop_receiver(run: Run) -> None:
    """Pass a bound method of an object that nothing else holds, as in `UrlRequest(url, Receiver().show)`."""
    record = run.recorder("success")

    class Receiver:
        def show(self, request: Any, result: object) -> None:
            record(request, result)

    run.start(on_success=Receiver().show)
    gc.collect()
    run.server.signal("go")
    run.finish()


def reassign(run: Run) -> None:
    """Give on_success another callback while the request is on its way."""
    run.start()
    run.request.on_success = run.recorder("reassigned")
    run.server.signal("go")
    run.finish()


def read_attributes(run: Run) -> None:
    """Read the on_* attributes back: what was passed, or None."""

    def show(request: Any, result: object) -> None:
        del request, result

    run.start(on_success=show)
    run.facts["on_success reads back"] = str(run.request.on_success is show)
    run.facts["on_redirect unset"] = repr(run.request.on_redirect)
    run.server.signal("go")
    run.finish()


def raise_in(callback: str) -> Callable[[Run], None]:
    """Raise within a callback, every time."""

    def drive(run: Run) -> None:
        def react(name: str) -> None:
            if name == callback:
                raise ArithmeticError(name)

        run.react = react
        run.start()
        run.finish(1.0)

    return drive


def deliver_late(run: Run) -> None:
    """Dispatch nothing until the outcome is decided; note how many progress events had been kept."""
    run.start()
    run.await_signal("sent")
    run.settle()
    run.finish()
    kept = [event for event in run.events if event.name == "progress"]
    run.events = [event for event in run.events if event.name != "progress"]
    run.facts["first and last progress"] = f"{kept[0].arguments} {kept[-1].arguments}"
    run.facts["progress events kept"] = str(len(kept))


# -- Life and environment


def construct(run: Run) -> None:
    """Make the request; deliver what comes, on_finish or not."""
    run.start()
    if run.request is None:
        return
    run.pump(lambda: run.has("finish") or "raised by the tick" in run.facts, 3.0)


def poll(run: Run) -> None:
    """Make a request without any callback, dispatch nothing, and look whether it finishes; then dispatch."""
    run.start()
    run.await_signal("sent")
    run.settle()
    run.facts["finished without a loop"] = str(run.request.is_finished)
    run.pump(lambda: not run.implementation.is_pending(run.request))
    run.facts["in g_requests afterwards"] = str(run.implementation.is_pending(run.request))


def hold_back(run: Run) -> None:
    """Let the server be silent for longer than any other scenario needs, then answer."""
    run.start()
    run.await_signal("asked")
    run.pump(lambda: bool(run.events), 0.8)
    run.facts["events while the server is silent"] = str(len(run.events))
    run.server.signal("go")
    run.finish()


def use_environment(changes: Mapping[str, str]) -> Callable[[Run], None]:
    """Make the request with these variables set, their values filled in."""

    def drive(run: Run) -> None:
        filled = {name: run.place.fill(text) for name, text in changes.items()}
        with mock.patch.dict(os.environ, filled):
            run.start()
            run.finish()

    return drive


def use_stores(run: Run) -> None:
    """Make the request with an authority that certifi has and the platform has not."""
    authority = Path(run.place.ca_file)
    with (
        mock.patch("certifi.where", return_value=str(authority)),
        mock.patch("certifi.contents", return_value=authority.read_text("ascii")),
    ):
        run.start()
        run.finish()


def log_debug(run: Run) -> None:
    """Note which loggers wrote, and whether the credentials and the bodies can be read there."""
    with run.logging() as records:
        run.start()
        run.finish()
    texts = [record.getMessage() for record in records if record.levelno == logging.DEBUG]
    run.facts["loggers"] = " ".join(sorted({record.name for record in records}))
    run.facts["debug output"] = "some" if texts else "none"
    for what, secret in {"password": "s3cret", "request body": "0utgoing", "response body": "1ncoming"}.items():
        run.facts[f"{what} logged"] = str(any(secret in text for text in texts))


def log_outcome(run: Run) -> None:
    """Note which loggers warn of an outcome that has no callback."""
    unheard = sys.modules.get("urlrequest._client.unheard")
    if unheard is not None:
        unheard._failures.clear()  # else it may be a repeat of what another scenario has met
    with run.logging() as records:
        run.start()
        run.await_signal("sent")
        run.pump(lambda: bool(run.request.is_finished))
        run.settle()  # it is logged after it is published
    run.facts["warnings"] = " ".join(record.name for record in records if record.levelno == logging.WARNING)


# -- Subclasses and attributes


def look(run: Run) -> None:
    """Read the attributes that are documented, before the end and after it."""
    run.start()
    run.await_signal("asked")
    request = run.request
    run.facts["is a thread"] = f"{isinstance(request, threading.Thread)}, daemon {request.daemon}"
    run.facts["before"] = repr(
        [getattr(request, name) for name in ("result", "error", "resp_status", "resp_headers", "is_finished")]
    )
    run.facts["options"] = repr(
        [getattr(request, name) for name in ("chunk_size", "decode", "file_path", "ca_file", "verify")]
    )
    try:
        request.start()
    except RuntimeError:
        run.facts["start()"] = "raises RuntimeError"
    run.facts["classes"] = repr([request._get_connection_for_scheme(name).__name__ for name in ("http", "https")])
    run.facts["in g_requests"] = str(run.implementation.is_pending(request))
    run.server.signal("go")
    run.finish()
    # Kivy's thread takes it out a little later.
    run.pump(lambda: not run.implementation.is_pending(request))
    run.facts["in g_requests afterwards"] = str(run.implementation.is_pending(request))


def decode_otherwise(run: Run) -> None:
    """Override decode_result(), as subclasses for other formats do."""

    class Decoding(run.implementation.make):  # type: ignore[name-defined,misc] # either of two classes
        def decode_result(self, result: Any, resp: Any) -> Any:
            run.facts["decode_result() gets"] = repr((result, resp.getheader("Content-Type"), resp.status))
            return ["decoded", super().decode_result(result, resp)]

    run.make = Decoding
    run.start()
    run.finish()


def connect_otherwise(run: Run) -> None:
    """Give a scheme of one's own a connection class of http.client."""

    class Own(http.client.HTTPConnection):
        def request(self, method: str, url: str, *arguments: Any, **keywords: Any) -> None:
            run.facts["connection"] = f"{method} {url}"
            super().request(method, url, *arguments, **keywords)

    class Connecting(run.implementation.make):  # type: ignore[name-defined,misc] # either of two classes
        # The documentation has the name without, Kivy 2.3.1 the one with the underscore.
        def _get_connection_for_scheme(self, scheme: str) -> Any:
            run.facts["scheme"] = scheme
            return Own if scheme == "own" else super()._get_connection_for_scheme(scheme)

    run.make = Connecting
    run.start()
    run.finish()


# -- Several requests


def fetch_in_turn(run: Run) -> None:
    """Make the same request three times, each after the one before has finished."""
    for _ in range(3):
        run.events.clear()
        run.start()
        run.finish()


def fetch_many(run: Run) -> None:
    """Make a crowd of requests that are all held by the server; note how many reached it at once."""
    gate = threading.Event()
    arrivals: list[float] = []

    def hold(request: RecordedRequest) -> Any:
        arrivals.append(time.monotonic())
        gate.wait(30)
        return run.scenario.routes["/p"]

    run.server.route("/p", hold)
    finished: list[object] = []
    requests = [run.implementation.make(run.url, on_finish=finished.append) for _ in range(CROWD)]
    run.pump(lambda: len(arrivals) >= LIMIT)
    while len(arrivals) < CROWD and time.monotonic() - max(arrivals) < QUIET:
        run.tick()
    run.facts["at once"] = str(len(arrivals))
    gate.set()
    run.facts["all finish"] = str(run.pump(lambda: len(finished) == CROWD))
    run.facts["results"] = repr({value_of(request.result) for request in requests})
    run.server.requests.clear()


def compare_growth(run: Run) -> None:
    """Compare the processor time of downloads of 1 and of 12 MiB with progress; twelve times is linear.

    Kivy's takes seventy times as much at best, ours seven times, so that a busy machine does not blur the difference.
    """

    def measure(size: int) -> float:
        run.server.respond("/p", b"x" * size, headers={"Connection": "close"})
        finished: list[Any] = []
        before = time.process_time()
        request = run.implementation.make(
            run.url, on_progress=lambda *arguments: None, on_finish=finished.append, chunk_size=4096
        )
        if not run.pump(lambda: bool(finished), 25):
            run.is_tainted = True  # it goes on
            return math.inf
        spent = time.process_time() - before
        if len(request.result) != size:
            run.facts[f"octets of {size // MEBI} MiB"] = str(len(request.result))
        return spent

    measure(MEBI)
    small = min(measure(MEBI) for _ in range(8))
    large = min(measure(12 * MEBI) for _ in range(2))
    run.facts["growth"] = "linear" if large < small * 30 else "more than linear"
    run.server.requests.clear()
