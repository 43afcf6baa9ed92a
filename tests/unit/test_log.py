"""The logger that is imported late."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

from urlrequest import UrlRequest
from urlrequest._log import log, report

PATIENCE = 30.0  # seconds; only a failing test waits that long


def test_messages_name_their_place(caplog: pytest.LogCaptureFixture) -> None:
    """What is logged has its level, its exception, and the place in the library that says it."""
    try:
        raise ValueError("wrong")  # noqa: TRY301 - it is what gets logged
    except ValueError:
        log("WARNING", "%s failed", "it", exc_info=True)

    (record,) = caplog.records
    assert (logging.WARNING, "it failed", __file__) == (record.levelno, record.getMessage(), record.pathname)
    assert "ValueError: wrong" in caplog.text


def test_messages_that_cannot_be_logged_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """When `logging` cannot be imported, as without descriptors, the code that has something to log goes on."""
    monkeypatch.setitem(sys.modules, "logging", None)

    log("WARNING", "%s", "unheard")


@pytest.mark.parametrize("debug", [False, True])
def test_6_1_a_filter_that_raises_holds_up_no_request(monkeypatch: pytest.MonkeyPatch, *, debug: bool) -> None:
    """Contract 6.1: what the application's logging raises is reported as of any thread, and the request ends."""

    def refuse(_: logging.LogRecord) -> bool:
        raise ValueError("no")

    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    monkeypatch.setattr(logging.getLogger("urlrequest"), "filters", [refuse])
    monkeypatch.setattr(logging.getLogger("urlrequest"), "level", logging.DEBUG)
    request = UrlRequest("http://127.0.0.1:9/", debug=debug)  # it has no callback: its error is logged

    assert request.wait(timeout=PATIENCE)
    request.join(PATIENCE)
    assert (True, False) == (request.is_finished, request.is_alive())
    assert {"no"} == {str(report.exc_value) for report in reported}


def test_6_1_an_error_without_a_text_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 6.1: with debug=True too, an error that cannot be written down ends its request like any other."""

    class WithoutText(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    class Failing(UrlRequest):
        def run(self) -> None:
            raise WithoutText

    monkeypatch.setattr(logging.getLogger("urlrequest"), "disabled", True)  # handlers say themselves what fails there
    request = Failing("http://127.0.0.1:9/", debug=True, on_error=lambda *_: None)

    assert request.wait(timeout=PATIENCE)
    assert isinstance(request.error, WithoutText)


def test_6_1_a_log_record_may_be_sent_by_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 6.1: a handler that makes a request and waits for it does not get the worker it runs on."""
    answered: list[bool] = []

    def send(_: logging.LogRecord) -> bool:
        answered.append(UrlRequest("http://127.0.0.1:9/", on_error=lambda *_: None).wait(timeout=PATIENCE))
        return False

    monkeypatch.setattr(logging.getLogger("urlrequest"), "filters", [send])
    request = UrlRequest("http://127.0.0.1:9/")

    assert request.wait(timeout=2 * PATIENCE)
    request.join(2 * PATIENCE)
    assert [True] == answered


def test_6_1_an_excepthook_that_raises_ends_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 6.1: what threading.excepthook raises goes to sys.excepthook, as at the end of any thread."""

    def fail(_: object) -> None:
        raise ValueError("the hook itself")

    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", fail)
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, _: reported.append((kind, str(error))))
    report(ZeroDivisionError(), threading.current_thread())

    assert [(ValueError, "the hook itself")] == reported
