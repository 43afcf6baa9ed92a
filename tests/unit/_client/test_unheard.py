"""The log lines of outcomes without a callback (contract 3.8)."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

import urlrequest
from urlrequest import UrlRequest
from urlrequest._client import unheard
from urlrequest._client.unheard import log_unheard
from urlrequest._concurrency.sync import AtomicFlag
from urlrequest._delivery import mailbox
from urlrequest._delivery.events import Error, Failure, Redirect
from urlrequest._delivery.queue import DefaultQueue
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead
from urlrequest._http.target import parse_target
from urlrequest.hooks import ManualHook

URL = "GET http://h.test/p?..."
TARGET = parse_target("http://h.test/p?q")
REFUSED = Error(error=ConnectionRefusedError(111, "h.test: Connection refused"))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the module sees; nothing has failed yet."""
    now = [1000.0]
    monkeypatch.setattr(unheard, "monotonic", lambda: now[0])
    monkeypatch.setattr(unheard, "_failures", {})
    return now


def head(status: int, reason: str = "", location: str = "") -> ResponseHead:
    return ResponseHead("1.1", status, reason, Headers([("Location", location)] if location else []))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return found


@pytest.mark.parametrize(
    ("outcome", "response", "expected"),
    [
        (
            REFUSED,
            None,
            "failed: ConnectionRefusedError: [Errno 111] h.test: Connection refused (no on_error callback)",
        ),
        (Error(error=ValueError()), None, "failed: ValueError:  (no on_error callback)"),
        (Failure(), head(404, "Not Found"), ": 404 Not Found (no on_failure callback)"),
        (Failure(), head(500), ": 500 (no on_failure callback)"),
        (Redirect(), head(304, "Not Modified"), ": 304 Not Modified (no on_redirect callback)"),
        (
            Redirect(),
            head(302, "Found", "/next?key=1"),
            ": 302 Found to http://h.test/next?...; follow_redirects=True would follow (no on_redirect callback)",
        ),
        (
            Redirect(),
            head(302, "Found", "//u:p@other.test:81/"),
            ": 302 Found to http://other.test:81/; follow_redirects=True would follow (no on_redirect callback)",
        ),
        (Redirect(), head(302, "Found", "http://:"), ": 302 Found (no on_redirect callback)"),
        (Redirect(), head(302, "Found", "ftp://f.test/"), ": 302 Found to ftp://f.test/ (no on_redirect callback)"),
    ],
)
def test_3_8_text(caplog: pytest.LogCaptureFixture, outcome: Any, response: Any, expected: str) -> None:
    """Contract 3.8: what was requested, how it ended, and which callback is missing; of a redirect, where it leads."""
    log_unheard(URL, outcome, response, TARGET)

    separator = "" if expected.startswith(":") else " "
    assert [f"urlrequest: {URL}{separator}{expected}"] == lines(caplog)


def test_3_8_repeats_are_counted(caplog: pytest.LogCaptureFixture, clock: list[float]) -> None:
    """Contract 3.8: a failure that repeats is logged again after ten minutes, with the number of its repeats."""
    for _ in range(600):
        log_unheard(URL, REFUSED, None, None)
        clock[0] += 1
    assert 1 == len(lines(caplog))
    log_unheard(URL, REFUSED, None, None)
    (line,) = lines(caplog)
    assert line.endswith("(no on_error callback; 599 repeats were not logged)")
    clock[0] += 601
    log_unheard(URL, REFUSED, None, None)
    assert lines(caplog)[0].endswith("Connection refused (no on_error callback)")


def test_3_8_other_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 3.8: another URL, error or status is another failure."""
    log_unheard(URL, REFUSED, None, None)
    log_unheard("GET http://h.test/other", REFUSED, None, None)
    log_unheard(URL, Error(error=TimeoutError("timed out")), None, None)
    log_unheard(URL, Failure(), head(500), TARGET)
    log_unheard(URL, Failure(), head(503), TARGET)

    assert 5 == len(lines(caplog))


def test_3_8_another_reason_is_another_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 3.8: an error of the same class that says something else is logged; other figures are a repeat."""
    for text in (
        "max_size is str; a number of bytes is needed",
        "timeout is str; a number of seconds or None is needed",
        "the connection broke after 5 of 20 bytes",
        "the connection broke after 17 of 20 bytes",
    ):
        log_unheard(URL, Error(error=TypeError(text)), None, None)

    assert 3 == len(lines(caplog))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_3_8_an_error_without_a_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 3.8: an error whose `str()` raises is logged all the same; what it raises is reported."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise KeyError

    log_unheard(URL, Error(error=Odd()), None, None)

    assert 1 == len(caplog.records)
    caplog.clear()


def test_3_8_memory_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """What is remembered does not grow with the number of URLs; each is logged."""
    for number in range(3 * unheard.MAX_FAILURES):
        log_unheard(f"GET http://h.test/{number}", REFUSED, None, None)

    assert 3 * unheard.MAX_FAILURES == len(lines(caplog))
    assert len(unheard._failures) <= unheard.MAX_FAILURES


def test_3_8_threads(caplog: pytest.LogCaptureFixture) -> None:
    """Threads that fail at once lose no line of another failure, and raise nothing."""
    ready = threading.Barrier(8)

    def fail(number: int) -> None:
        ready.wait(30)
        for _ in range(100):
            log_unheard(f"GET http://h.test/{number}", REFUSED, None, None)

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert 8 == len(lines(caplog))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> DefaultQueue:
    """The queue of requests without a loop, in a program that has neither drained nor joined yet."""
    queue = DefaultQueue()
    monkeypatch.setattr("urlrequest._client.call.default_queue", queue)
    monkeypatch.setattr(mailbox, "default_queue", queue)
    monkeypatch.setattr("urlrequest._delivery.queue.default_queue", queue)
    monkeypatch.setattr(unheard, "_has_warned_of_join", AtomicFlag())
    return queue


@pytest.mark.usefixtures("queue")
def test_3_9_join_in_place_of_wait(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 3.9: join() runs no callbacks; when it returns and nobody else does either, one line says so."""
    requests = [UrlRequest("http://a b/", on_error=lambda *_: None) for _ in range(2)]
    for request in requests:
        request.join(0.0)
        request.join()
        request.join()

    (line,) = lines(caplog)
    assert "join() runs no callbacks, so those of <UrlRequest " in line
    assert line.endswith("have not run: call wait() instead")
    assert urlrequest.wait_all(requests, timeout=20)


def test_3_9_join_where_somebody_runs_the_callbacks(queue: DefaultQueue, caplog: pytest.LogCaptureFixture) -> None:
    """Contract 3.9: nothing is said where there is a loop, no callback is left, or the program drains."""
    hook = ManualHook()
    looped, finished, cancelled, silent = (
        UrlRequest("http://a b/", on_error=lambda *_: None, hook=hook),
        UrlRequest("http://a b/", on_error=lambda *_: None),
        UrlRequest("http://a b/", on_finish=lambda *_: None),
        UrlRequest("http://a b/", on_success=lambda *_: None),
    )
    assert finished.wait(timeout=20)
    assert cancelled.cancel()
    for request in (looped, finished, cancelled, silent):
        request.join()
    hook.drain()
    queue.drain()
    drained = UrlRequest("http://a b/", on_error=lambda *_: None)
    drained.join()

    assert [] == [line for line in lines(caplog) if "join()" in line]
    queue.drain()
