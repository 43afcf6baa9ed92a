"""A watch whose looks a test makes, so that each order of events is made on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from urlrequest._client import call, flight, parked

from .waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from urlrequest import Session, UrlRequest

__all__ = ["HeldWatch", "hold_watch", "look_until_finished", "replace_watch", "slots"]


class HeldWatch:
    """A watch that only notes what it is asked to do.

    Attributes:
        items: What it was asked to look after, in order.
    """

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.has_room = True

    def start(self, until: float | None = None) -> bool:
        return self.has_room

    try_start = start

    def add(self, item: Any) -> None:
        self.items.append(item)

    add_later = look_at = add

    def look(self) -> None:
        """Look at everything once, as the thread of the watch does; each is taken out before."""
        items, self.items = self.items, []
        for item in dict.fromkeys(items):
            item.look()


def replace_watch(monkeypatch: pytest.MonkeyPatch, watch: Any) -> None:
    """Let all requests from now on use another watch."""
    for module in (call, flight, parked):
        monkeypatch.setattr(module, "watch", watch)


def hold_watch(monkeypatch: pytest.MonkeyPatch) -> HeldWatch:
    """Let all requests from now on use a watch that looks when the test says so."""
    held = HeldWatch()
    replace_watch(monkeypatch, held)
    return held


def look_until_finished(watch: HeldWatch, request: UrlRequest) -> None:
    def is_over() -> bool:
        watch.look()
        return request.is_finished

    wait_until(is_over)
    request.join(20)


def slots(session: Session) -> tuple[int, int]:
    """How many requests have a worker, and how many a slot alone."""
    workers = session._urlrequest_shared.workers
    return workers._running, len(workers._unmanned)
