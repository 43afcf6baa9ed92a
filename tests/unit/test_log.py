"""The logger that is imported late."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from urlrequest._log import log

if TYPE_CHECKING:
    import pytest


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
    """When `logging` cannot be imported, as without descriptors, whoever has something to say goes on."""
    monkeypatch.setitem(sys.modules, "logging", None)

    log("WARNING", "%s", "unheard")
