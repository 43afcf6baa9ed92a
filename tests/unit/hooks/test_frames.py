from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from urlrequest.hooks._frames import calls_of

if TYPE_CHECKING:
    from collections.abc import Callable


def while_inside(look: Callable[[int | None], object]) -> None:
    """Call something with the ident of a thread that is inside `outer()` and `inner()`."""
    entered, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=outer, args=(entered, done), name="inside")
    thread.start()
    assert entered.wait(20)
    try:
        look(thread.ident)
    finally:
        done.set()
        thread.join()


def outer(entered: threading.Event, done: threading.Event) -> None:
    depth = "outer"
    inner(entered, done)
    assert depth


def inner(entered: threading.Event, done: threading.Event) -> None:
    depth = "inner"
    entered.set()
    done.wait(20)
    assert depth


def test_calls_of_a_package_latest_first() -> None:
    """The variables of a thread's calls, those of one package only."""

    def look(thread: int | None) -> None:
        package = __name__.partition(".")[0]
        assert ["inner", "outer"] == [call["depth"] for call in calls_of(thread, package)]
        assert [] == list(calls_of(thread, "asyncio"))
        assert [] != list(calls_of(thread, "threading"))

    while_inside(look)


def test_calls_of_a_thread_that_has_ended() -> None:
    """A thread that is gone, or was never started, is in no call."""
    thread = threading.Thread(target=int, name="gone")
    assert [] == list(calls_of(thread.ident, "threading"))
    thread.start()
    thread.join()
    assert [] == list(calls_of(thread.ident, "threading"))
