"""Requests as tests make them: seen through to their end, with the callbacks noted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from urlrequest import UrlRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest import Session

__all__ = ["Recorder", "get"]

PATIENCE = 20  # seconds; only a failing test waits that long


def get(session: Session, url: str = "/", **options: Any) -> UrlRequest:
    """Make a request of a session and see it through."""
    request = session.request(url, **options)
    assert request.wait(timeout=PATIENCE), f"{request!r} did not end"
    return request


class Recorder:
    """Makes requests whose callbacks are noted in the order in which they run.

    Attributes:
        events: Name (without `on_`), arguments behind the request, and the thread's ident.
    """

    NAMES = ("success", "redirect", "failure", "error", "progress", "cancel", "finish")

    def __init__(self) -> None:
        self.events: list[tuple[str, tuple[Any, ...], int]] = []

    def get(self, url: Any, *, cls: type[UrlRequest] = UrlRequest, **options: Any) -> Any:
        """Make a request; of its progress there is a note only where on_progress is given."""
        callbacks: dict[str, Any] = {}
        for name in self.NAMES:
            given = options.pop(f"on_{name}", None)
            if name != "progress" or given is not None:
                callbacks[f"on_{name}"] = self.noting(name, given)
        return cls(url, **callbacks, **options)

    def run(self, url: Any, **options: Any) -> Any:
        """Make a request and see it through."""
        request = self.get(url, **options)
        assert request.wait(timeout=PATIENCE), f"{request!r} did not end"
        return request

    def noting(self, name: str, then: Callable[..., object] | None = None) -> Callable[..., object]:
        def note(request: UrlRequest, *arguments: Any) -> object:
            self.events.append((name, arguments, threading.get_ident()))
            return then(request, *arguments) if then is not None else None

        return note

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    @property
    def terminal(self) -> str:
        """The one event that tells the outcome; it must be followed by finish, and by nothing else."""
        names = [name for name in self.names if name != "progress"]
        assert 2 == len(names), names
        assert "finish" == self.names[-1], names
        return names[0]

    @property
    def progress(self) -> list[tuple[Any, ...]]:
        return [arguments for name, arguments, _ in self.events if name == "progress"]
