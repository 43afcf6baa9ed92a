"""What is left for the garbage collector when a request has ended."""

from __future__ import annotations

import gc
import gzip
import sys
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import UrlRequest
from urlrequest.testing import reset, send

if TYPE_CHECKING:
    from pathlib import Path

    from urlrequest.testing import Server

LARGE = b"x" * 70_000


has_gil = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="without the GIL, what two threads had in hand waits for the collector",
)


def nothing(*_: object) -> None:
    """Do nothing, as a callback."""


def collected() -> list[str]:
    """The names of the library's classes (not of its test server) whose objects only the collector frees."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return sorted(type(found).__name__ for found in gc.garbage if type(found).__module__.startswith("urlrequest._"))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@has_gil
@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/large", {"on_success": nothing}),
        ("/large", {"on_progress": nothing, "on_finish": nothing}),
        ("/large", {"on_chunk": nothing}),
        ("/large", {"file_path": "large.bin"}),
        ("/missing", {"on_failure": nothing}),
        ("/moved", {"follow_redirects": True, "timeout": 20, "deadline": 20}),
    ],
    ids=["success", "progress", "chunks", "file", "failure", "redirect"],
)
def test_3_7_nothing_is_left_to_collect(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, options: dict[str, Any]
) -> None:
    """Contract 3.7: without an error nothing of a request needs the collector, which many of them would keep busy."""
    monkeypatch.chdir(tmp_path)
    server.respond("/large", LARGE)
    server.respond("/moved", status=302, headers={"Location": "/large"})
    gc.collect()
    gc.freeze()  # what other tests have left, and other threads let go of now, does not count
    gc.disable()
    try:
        for _ in range(3):  # the worker may still have the last one
            request = UrlRequest(server.url + path, **options)
            request.wait()
            request.join()
            assert request.error is None
        del request

        assert [] == collected()
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize(
    "reply",
    [
        b"Content-Length: 100000\r\n\r\n" + LARGE,
        b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n" + LARGE,
        b"Content-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n" + gzip.compress(LARGE),
    ],
    ids=["length", "chunked", "gzip"],
)
def test_3_7_no_memory_is_lent_after_an_error(server: Server, monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    """Contract 3.7: the error's frames keep no view of the body's memory; collecting one can crash the interpreter."""
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: lost.append(found.exc_value))
    gc.collect()
    lost.clear()
    server.play(send(b"HTTP/1.1 200 OK\r\n" + reply), reset())
    request = UrlRequest(server.url, on_finish=lambda _: None)
    request.wait()
    request.join()
    assert request.error is not None

    del request
    gc.collect()

    assert [] == lost
