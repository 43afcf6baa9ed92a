"""The server's side of one connection: its bytes, over TCP or TLS, and the ways in which it can end.

It belongs to its own thread; no other thread touches it.

Invariants:
    CONN-1  The socket never blocks. Every wait is in `_wait()`, which the closing of the server ends.
    CONN-2  `ClientGone` means that the client has closed, reset or never secured the connection; it is not an error.
    CONN-3  Nothing is sent after the sending side was finished.
"""

from __future__ import annotations

import select
import selectors
import socket
import ssl
import struct
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ._signals import ServerClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._signals import Signals

__all__ = ["ClientGone", "ServerConnection"]

MAX_PIECE = 1 << 18  # bytes per call of send() and recv()
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

# poll() has no limit on descriptors and, unlike epoll, needs none of its own.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
_LINGER_ZERO = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)

_T = TypeVar("_T")


class ClientGone(Exception):
    """The client has closed the connection, or left before it could be used."""


class ServerConnection:
    """One accepted connection.

    Args:
        sock: Its socket, which this object owns from now on.
        number: The number of the connection, from 0.
        signals: Closing them ends every wait here.
        tls_errors: Keeps the failures of TLS; otherwise a failed handshake is like a client that goes away.
    """

    def __init__(self, sock: socket.socket, number: int, signals: Signals, tls_errors: list[Exception]) -> None:
        sock.setblocking(False)
        with suppress(OSError):  # some systems refuse where the client has reset the connection already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = number
        self._sock = sock
        self._tls: ssl.SSLSocket | None = None  # the same socket, once it speaks TLS
        self._signals = signals
        self._tls_errors = tls_errors
        self._received = bytearray()
        self._is_finished = False
        self._is_closed = False

    # Receiving

    @property
    def has_buffered(self) -> bool:
        """Whether bytes were received that were not taken yet."""
        return bool(self._received)

    def first_byte(self) -> int | None:
        """Wait for a byte and return it without taking it; None when the client closed instead."""
        while not self._received:
            if not self._fill():
                return None
        return self._received[0]

    def take(self, size: int) -> bytes:
        """Receive exactly `size` bytes."""
        while len(self._received) < size:
            if not self._fill():
                raise ClientGone(f"the client closed after {len(self._received)} of {size} bytes")
        with memoryview(self._received) as view:
            taken = bytes(view[:size])
        del self._received[:size]
        return taken

    def skip(self, size: int) -> None:
        """Receive exactly `size` bytes, and keep none of them."""
        while size > 0:
            size -= len(self.take(min(size, MAX_PIECE)))

    def take_until(self, mark: bytes, limit: int) -> bytes | None:
        """Receive up to and including `mark`; None when it is not within `limit` bytes."""
        searched = 0
        while True:
            found = self._received.find(mark, searched)
            if found >= 0:
                return self.take(found + len(mark))
            if len(self._received) > limit:
                return None
            searched = max(0, len(self._received) - len(mark) + 1)
            if not self._fill():
                raise ClientGone(f"the client closed after {len(self._received)} bytes of an unfinished line or head")

    def discard(self) -> None:
        """Receive and forget everything until the client closes."""
        self._received.clear()
        while not self._is_closed and self._fill():
            self._received.clear()

    def wait_gone(self) -> None:
        """Wait until the client has closed, without receiving anything."""
        if sys.platform == "linux":
            self._check()
            poll = select.poll()
            poll.register(self._sock, select.POLLRDHUP)
            poll.register(self._signals, select.POLLIN)
            poll.poll()
            self._check()
        else:
            octets = self._retry(partial(socket.socket.recv, self._sock, 1, socket.MSG_PEEK), READ)
            if octets:
                self._wait(None)
        raise ClientGone("the client closed the connection")

    def _fill(self) -> bool:
        octets = self._retry(partial(self._sock.recv, MAX_PIECE), READ)
        self._received += octets
        return bool(octets)

    # Sending

    @property
    def can_send(self) -> bool:
        return not self._is_finished

    def send(self, octets: bytes) -> None:
        """Send all of it."""
        if self._is_finished:
            raise RuntimeError("send() after the sending side was closed")
        view = memoryview(octets)
        while view:
            view = view[self._retry(partial(self._sock.send, view[:MAX_PIECE]), WRITE) :]

    # TLS

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Perform the server's part of a handshake."""
        if self._received:
            raise RuntimeError(f"start_tls() with {len(self._received)} bytes of plain text received already")
        if self._tls is not None:
            raise RuntimeError("start_tls() on a connection that speaks TLS already")
        try:
            self._sock = self._tls = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
            self._retry(self._tls.do_handshake, READ)
        except OSError as error:
            self._tls_errors.append(error)
            raise ClientGone("the client went away before the TLS handshake") from error
        except ClientGone as gone:
            if gone.__cause__ not in self._tls_errors:
                self._tls_errors.append(ConnectionResetError("the client went away during the TLS handshake"))
            raise

    # Ending

    def finish(self) -> None:
        """Close the sending side: close_notify over TLS, then FIN."""
        if self._is_finished or self._is_closed:
            return
        if self._tls is not None:
            self._notify(self._tls)
        self._shut_down()

    def finish_without_notify(self) -> None:
        """Close the sending side of a TLS connection without a close_notify, as a truncation does."""
        if self._tls is None:
            raise RuntimeError("close_without_notify() on a connection without TLS")
        self._shut_down()

    def end(self) -> None:
        """Finish, then discard what still arrives until the client closes, then close.

        If there are unread bytes, closing at once would make the system send an RST, which destroys what was sent.
        """
        self.finish()
        receive = partial(socket.socket.recv, self._sock, MAX_PIECE)  # below TLS, whose state may be over
        while not self._is_closed and self._retry(receive, READ):
            pass
        self.close()

    def reset(self) -> None:
        """Close with an RST."""
        if not self._is_closed:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.close()

    def close(self) -> None:
        """Close the socket; may be called again."""
        self._is_closed = self._is_finished = True
        self._sock.close()

    def _notify(self, sock: ssl.SSLSocket) -> None:
        while True:
            self._check()
            try:
                sock.unwrap()
            except ssl.SSLWantWriteError:
                self._wait(WRITE)
                continue
            except (OSError, ValueError):
                pass  # it was sent, and the client's own is not waited for; or the client is gone
            return

    def _shut_down(self) -> None:
        self._is_finished = True
        with suppress(OSError):  # the client has closed already
            socket.socket.shutdown(self._sock, socket.SHUT_WR)

    # Waiting

    def _retry(self, attempt: Callable[[], _T], event: int) -> _T:
        """Repeat a call on the socket until it need not wait: for what TLS asks for, or else for `event`."""
        while True:
            self._check()
            try:
                return attempt()
            except ssl.SSLWantReadError:
                self._wait(READ)
            except ssl.SSLWantWriteError:
                self._wait(WRITE)
            except BlockingIOError:
                self._wait(event)
            except ssl.SSLError as error:
                if not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                    self._tls_errors.append(error)
                raise ClientGone("TLS failed") from error
            except OSError as error:
                raise ClientGone("the client reset the connection") from error

    def _wait(self, event: int | None) -> None:
        """Wait until the socket is ready for `event`; None: until the server is closed."""
        with _Selector() as selector:
            if event is not None:
                selector.register(self._sock, event)
            selector.register(self._signals, READ)
            selector.select()

    def _check(self) -> None:
        if self._signals.is_closed:
            raise ServerClosed("the server was closed")
        if self._is_closed:
            raise RuntimeError("the script has closed the connection already")
