"""A fault as a row of a table, and how a request that met it must have ended."""

from __future__ import annotations

from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from support.files import OLD
from urlrequest._concurrency.deadline import Deadline
from urlrequest._net.cancel_scope import CancelScope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from urlrequest.testing import Step

__all__ = ["Fault", "Target", "assert_ended", "begin_deadline", "begin_timeout"]

ENDING_TIME = 20.0  # seconds in which a worker must be done with a request


class Fault(NamedTuple):
    """What a server does, and what the request must make of it.

    Attributes:
        row: The number in the table of faults, and a word.
        error: The type that the error must have; None: there is none.
        result: What the result must be, where that matters.
        says: A part of the error's message.
        is_for_file: It means the same for a download into a file.
    """

    row: str
    steps: tuple[Step, ...]
    event: str = "error"
    error: type[BaseException] | tuple[type[BaseException], ...] | None = None
    result: Any = None
    says: str = ""
    options: Mapping[str, Any] = MappingProxyType({})
    reads_request: bool = True
    is_for_file: bool = True


class Target:
    """A file to download into, alone in its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._modified = path.stat().st_mtime_ns

    def assert_untouched(self) -> None:
        """The old file is as it was, and nothing temporary is left."""
        assert [self.path] == list(self.path.parent.iterdir())
        assert OLD == self.path.read_bytes()
        assert self._modified == self.path.stat().st_mtime_ns

    def assert_replaced(self, content: bytes) -> None:
        """The new content is there, and nothing temporary is left."""
        assert [self.path] == list(self.path.parent.iterdir())
        assert content == self.path.read_bytes()


def assert_ended(request: Any) -> None:
    """The worker is done with the request, and lets it be joined."""
    request.join(ENDING_TIME)
    assert not request.is_alive()
    assert request.is_finished


def begin_deadline(monkeypatch: pytest.MonkeyPatch, waits: str, seconds: float) -> None:
    """Let the deadline begin when a worker comes to wait for something, however long it takes until then."""
    wait = CancelScope.wait

    def limited(scope: CancelScope, interest: Any, until: float | None, what: str, **more: Any) -> Any:
        if waits in what and scope.deadline.seconds != seconds:
            scope.deadline = Deadline(seconds)
        return wait(scope, interest, until, what, **more)

    monkeypatch.setattr(CancelScope, "wait", limited)


def begin_timeout(monkeypatch: pytest.MonkeyPatch, waits: str, seconds: float) -> None:
    """Shorten the timeout when a worker comes to wait for something: what is before that may take its time."""
    wait = CancelScope.wait
    ends: list[float] = []

    def limited(scope: CancelScope, interest: Any, until: float | None, what: str, **more: Any) -> Any:
        if waits in what and until is not None:
            if not ends:
                scope.timeout = seconds
                ends.append(monotonic() + seconds)
            until = min(until, ends[0])
        return wait(scope, interest, until, what, **more)

    monkeypatch.setattr(CancelScope, "wait", limited)
