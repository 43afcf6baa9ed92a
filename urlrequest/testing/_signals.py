"""The named events of a server's scripts, and the one wake-up of all its threads.

Any thread may use them.

Invariants:
    SIGNAL-1  A name that was set stays set.
    SIGNAL-2  From `close()` on every wait raises `ServerClosed`, and the wake-up socket is readable for ever: it is
              never read, so one byte wakes any number of threads.
"""

from __future__ import annotations

import socket
import threading
from time import monotonic

__all__ = ["ServerClosed", "Signals"]


class ServerClosed(TimeoutError):
    """The server was closed while a script, a route or a test waited for something."""


class Signals:
    """Named events that can be set once and waited for, until they are closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._names: set[str] = set()
        self._is_closed = False
        self._wake: tuple[socket.socket, socket.socket] | None = None

    def open_wake(self) -> None:
        """Open the wake-up sockets; everything else works without them."""
        if self._wake is None:
            self._wake = socket.socketpair()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the signals are closed."""
        return -1 if self._wake is None else self._wake[0].fileno()

    def set(self, name: str) -> None:
        """Set one event, and wake the threads that wait for it."""
        with self._changed:
            self._names.add(name)
            self._changed.notify_all()

    def wait(self, name: str, timeout: float | None = None) -> bool:
        """Wait for one event.

        Args:
            name: The event.
            timeout: The longest wait, in seconds; None: until it is set or all are closed.
        Returns:
            Whether it is set.
        Raises:
            ServerClosed: It was not set before `close()`.
        """
        limit = None if timeout is None else monotonic() + timeout
        with self._changed:
            while name not in self._names:
                if self._is_closed:
                    raise ServerClosed(f"the server was closed before {name!r} was signalled")
                remaining = None if limit is None else limit - monotonic()
                if remaining is not None and remaining <= 0:
                    return False
                self._changed.wait(remaining)
        return True

    def pause(self, seconds: float) -> None:
        """Sleep, in seconds; ServerClosed when the server is closed meanwhile."""
        with self._changed:
            if self._changed.wait_for(lambda: self._is_closed, seconds):
                raise ServerClosed("the server was closed during a pause")

    def close(self) -> None:
        """End all waits, now and for ever; may be called again."""
        with self._changed:
            must_wake, self._is_closed = not self._is_closed, True
            self._changed.notify_all()
        if must_wake and self._wake is not None:
            self._wake[1].send(b"c")

    def release(self) -> None:
        """Close the wake-up sockets, once no thread uses them any more."""
        if self._wake is not None:
            for end in self._wake:
                end.close()
