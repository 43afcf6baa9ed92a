"""What the garbage collector finds when a request has ended in the middle of its body."""

from __future__ import annotations

import gc
import gzip
import sys
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import UrlRequest
from urlrequest.testing import reset, send

if TYPE_CHECKING:
    from urlrequest.testing import Server

LARGE = b"x" * 70_000


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
