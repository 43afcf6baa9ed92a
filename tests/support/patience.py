"""let_retries_take_their_time(): a short timeout for a first attempt that must run into it, and none for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from urlrequest._net.cancel_scope import CancelScope

if TYPE_CHECKING:
    import pytest

__all__ = ["let_retries_take_their_time"]


def let_retries_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each attempt after the first one 20 seconds a step, however busy the machine is."""
    pause = CancelScope.pause

    def pause_and_be_patient(scope: CancelScope, seconds: float) -> None:
        scope.timeout = 20
        pause(scope, seconds)

    monkeypatch.setattr(CancelScope, "pause", pause_and_be_patient)
