"""low_speed (contract 15.6): how slow a transfer may be."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.messages import chunked, frame_chunks, reply
from support.waiting import wait_until
from urlrequest import Session, UrlRequest, errors
from urlrequest._http import retry
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.testing import Server, hold, receive_head, send, trickle, wait_for

if TYPE_CHECKING:
    from pathlib import Path

SLOW = (1_000_000, 0.05)  # bytes per second, seconds
PATIENCE = 20  # seconds
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


def run(url: str, **options: Any) -> UrlRequest:
    request = UrlRequest(url, **{"timeout": PATIENCE, "low_speed": SLOW, **options})
    assert request.wait(timeout=PATIENCE)
    return request


def test_15_6_a_download_that_stalls(server: Server) -> None:
    """Contract 15.6, 16.2: too few bytes for too long end the request; the error has a type of its own, and figures."""
    server.play(send(HEAD + b"x" * 100), hold())
    error = run(server.url).error

    assert isinstance(error, errors.TransferTooSlow)
    assert isinstance(error, TimeoutError)
    assert f"127.0.0.1:{server.port}" in str(error)
    assert " bytes in 0.05 s; low_speed is 1e+06 bytes per second" in str(error)


def test_15_6_a_download_that_drips(server: Server) -> None:
    """Contract 15.6: bytes that come are no excuse, if they are too few."""
    server.play(send(HEAD), trickle(b"x" * 400, pause=0.01), hold())

    assert isinstance(run(server.url).error, errors.TransferTooSlow)


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_15_6_a_download_that_is_fast(server: Server, coding: str) -> None:
    """Contract 15.6: a transfer that is fast enough is not ended, however it is framed."""
    body = b"x" * 3_000_000
    server.play(send(reply(body) if coding == "length" else chunked(frame_chunks(body))))

    assert body == run(server.url, low_speed=(1000, 0.5)).content


def test_15_6_an_upload_that_stalls(server: Server) -> None:
    """Contract 15.6: it counts while a request is sent."""
    server.play(receive_head(), hold(), read_request=False)
    request = run(server.url, req_body=b"x" * 20_000_000, req_headers={"Expect": None})

    assert isinstance(request.error, errors.TransferTooSlow)
    assert "sending to" in str(request.error)


@pytest.mark.parametrize("has_body", [False, True])
def test_15_6_a_server_may_think(server: Server, has_body: bool) -> None:
    """Contract 15.6: the time for which a response is waited for does not count, after an interim response neither."""
    waited = threading.Event()
    wait = CancelScope.wait_for_transfer

    def watched(self: CancelScope, *arguments: Any) -> Any:
        waited.set()
        return wait(self, *arguments)

    server.play(send(b"HTTP/1.1 102 Processing\r\n\r\n"), wait_for("late"), send(reply(b"done")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CancelScope, "wait_for_transfer", watched)
        request = UrlRequest(server.url, timeout=PATIENCE, low_speed=(1000, 1e-6), req_body=b"x" if has_body else None)
        assert waited.wait(PATIENCE)
        assert not request.wait(timeout=0.05)
        server.signal("late")
        assert request.wait(timeout=PATIENCE)

    assert b"done" == request.content


def test_15_6_callbacks_may_take_their_time(server: Server) -> None:
    """Contract 15.6: the time for which callbacks hold the transfer up does not count."""
    size = 3_000_000  # bytes; more than may wait for a callback
    server.play(send(reply(b"x" * size)))
    received: list[int] = []
    request = UrlRequest(
        server.url,
        timeout=PATIENCE,
        low_speed=(1, 1.0),
        on_chunk=lambda request, chunk: received.append(len(chunk)),
    )
    call = request._urlrequest_call
    wait_until(lambda: call.mailbox.is_held_up)
    speed = call.scope.speed
    assert speed is not None
    speed._waited = 0.999  # if the time were to count, the next wait would be the last
    threading.Event().wait(0.02)
    assert 0.999 == speed._waited
    speed._waited = 0.0
    assert request.wait(timeout=PATIENCE)
    assert (None, size) == (request.error, sum(received))


def test_15_6_a_slow_download_goes_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.6, 17.5: with `retries` and `resume`, a transfer that was too slow goes on, on a new connection."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)
    fields = 'ETag: "a"\r\nContent-Length: 10\r\n\r\n'
    server.play(send(f"HTTP/1.1 200 OK\r\n{fields}abcde".encode()), hold())
    rest = "Content-Range: bytes 5-9/10\r\nContent-Length: 5\r\n" + fields.replace("Content-Length: 10\r\n", "")
    server.play(send(f"HTTP/1.1 206 Partial\r\n{rest}fghij".encode()))
    request = run(server.url, file_path=tmp_path / "file", resume=True, retries=1)

    assert request.error is None
    assert b"abcdefghij" == (tmp_path / "file").read_bytes()
    assert [None, "bytes=5-"] == [request.header("Range") for request in server.requests]


def test_15_6_of_a_session(server: Server) -> None:
    """Contract 15.6, 17.9: a session sets it for its requests; one without an end turns it off."""
    server.play(send(HEAD + b"x" * 100), hold())
    server.play(send(reply(b"done")))
    with Session(timeout=PATIENCE, low_speed=SLOW) as session:
        request = session.request(server.url)
        assert request.wait(timeout=PATIENCE)
        assert isinstance(request.error, errors.TransferTooSlow)
        other = session.request(server.url, low_speed=(1, float("inf")))
        assert other.wait(timeout=PATIENCE)
        assert b"done" == other.content


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1000, TypeError), ("10", TypeError), ((1000,), ValueError), ((1, 2, 3), ValueError), ((0, 1), ValueError),
        ((-1, 1), ValueError), ((1, 0), ValueError), ((1, -1), ValueError), ((float("nan"), 1), ValueError),
        ((1, float("nan")), ValueError), (("1", 1), TypeError), ((True, 1), TypeError), ((1, None), TypeError),
        ((1, "1"), TypeError), ((float("inf"), 1), ValueError),
    ],
)  # fmt: skip
def test_15_6_what_is_no_speed(server: Server, value: Any, error: type[Exception]) -> None:
    """Contract 2.3, 15.6: another value is an error that names the option, and nothing is sent."""
    found = run(server.url, low_speed=value).error

    assert isinstance(found, error)
    assert "low_speed" in str(found)
    assert 0 == server.connection_count
