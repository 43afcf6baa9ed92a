"""InterestList: sockets that an event loop watches as one, so that its own thread reads them (Linux, Android).

The list is an epoll set of the system, which is readable itself while one of its sockets is. A loop watches its
descriptor for as long as it lives; to add a socket is one system call then, and needs no call of the loop.

Thread safety. Any thread adds; the loop's thread alone reads. Single operations of `_items` are atomic, and the system
guards its set. An item may be put in the place of a later one with the same descriptor, by a thread that adds it late.
So nothing relies on the list: what is added to it is watched by the watch as well (see `watch`), after a moment.
"""

from __future__ import annotations

import select

from .watch import arm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Readable(Protocol):
        """Something with a socket."""

        def fileno(self) -> int:
            """The descriptor of the socket; -1 when there is nothing to wait for any more."""
            ...

        def read(self) -> None:
            """Read what has come, if anything has. On the loop's thread; must not block."""
            ...


__all__ = ["InterestList", "new_interest_list"]

MOST = 8  # sockets that are read before the loop has its turn again; a response of 64 KiB takes 0.5 ms


class InterestList:
    """Sockets whose bytes a loop waits for, each until they have come once.

    Attributes:
        is_prompt: The last response was read soon, so that the loop is likely to read the next one. A hint.
    """

    def __init__(self, on_readable: Callable[[], object]) -> None:
        """Make an empty list; OSError when the process has no descriptor left.

        Args:
            on_readable: What `notify()` calls.
        """
        self._epoll = select.epoll()
        self._items: dict[int, Readable] = {}  # by descriptor
        self._on_readable = on_readable
        self.is_prompt = True

    def fileno(self) -> int:
        """The descriptor that the loop watches."""
        return self._epoll.fileno()

    def notify(self, *_: object) -> None:
        """What the loop calls while the list is readable. The loop keeps the list by it, and so the descriptor open."""
        self._on_readable()

    def add(self, item: Readable) -> None:
        """Read something as soon as it is readable. Any thread."""
        descriptor = item.fileno()
        if descriptor < 0:
            return
        self._items[descriptor] = item
        try:
            arm(self._epoll, descriptor)
        except OSError:  # closed in this moment, or the system's set is full
            self._items.pop(descriptor, None)

    def read(self) -> None:
        """Read what is readable; if that is much, the loop comes again. On the loop's thread."""
        if not self._items:
            return
        for descriptor, _ in self._epoll.poll(0, MOST):
            item = self._items.pop(descriptor, None)
            if item is not None:
                item.read()


def new_interest_list(on_readable: Callable[[], object]) -> InterestList | None:
    """Make an `InterestList`; None: this system has none, or no descriptor left."""
    if not hasattr(select, "epoll"):
        return None
    try:
        return InterestList(on_readable)
    except OSError:
        return None
