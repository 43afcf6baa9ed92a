"""The logger that is imported late."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.children import run_python
from support.programs import missing
from urlrequest import UrlRequest
from urlrequest._log import log, report

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0  # seconds; only a failing test waits that long


def test_messages_name_their_place(caplog: pytest.LogCaptureFixture) -> None:
    """What is logged has its level, its exception, and the place in the library that says it."""
    try:
        raise ValueError("wrong")  # noqa: TRY301 - it is what gets logged
    except ValueError:
        log("WARNING", "%s failed", "it", exc_info=True)

    (record,) = caplog.records
    assert (logging.WARNING, "urlrequest: it failed", __file__) == (
        record.levelno,
        record.getMessage(),
        record.pathname,
    )
    assert "ValueError: wrong" in caplog.text


KIVY_LOG = """
import os
os.environ.update(KIVY_NO_ARGS="1", KIVY_NO_FILELOG="1", KIVY_LOG_MODE="KIVY")
os.environ.pop("KIVY_NO_CONSOLELOG", None)
import kivy
from urlrequest import UrlRequest
UrlRequest("http://127.0.0.1:9/secret?token=k3y").wait()
UrlRequest("http://127.0.0.1:9/debug", debug=True, on_error=print).wait()
"""


@pytest.mark.compat
def test_messages_are_whole_in_the_log_of_kivy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 16.3: Kivy makes a heading of what stands before the first colon; this is our name, no part of a URL."""
    if importlib.util.find_spec("kivy") is None:
        missing("Kivy is not installed (dependency group `compat`)")
    monkeypatch.setenv("KIVY_HOME", str(tmp_path))
    done = run_python(KIVY_LOG)

    told = r"\[urlrequest +\] GET http://127\.0\.0\.1:9/secret\?\.\.\. failed: ConnectionRefusedError: \S"
    assert re.search(told, done.stderr)
    assert re.search(r"\[urlrequest-2 +\] GET http://127\.0\.0\.1:9/debug\n", done.stderr)
    assert "k3y" not in done.stderr


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
    request = UrlRequest(f"http://127.0.0.1:9/{debug}", debug=debug)  # it has no callback: its error is logged

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
    request = UrlRequest("http://127.0.0.1:9/logged")

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


def test_3_8_no_control_characters_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 3.8: what a server says writes no lines of its own, and no commands for a terminal."""
    log("WARNING", "%s: %r, %d", ValueError("a\x1b]0;title\x07\nurlrequest: b\x9b31m"), "c\u202ed\u2028é", 7)

    (record,) = caplog.records
    assert r"urlrequest: a\x1b]0;title\x07\nurlrequest: b\x9b31m: 'c\u202ed\u2028é', 7" == record.getMessage()
