"""TlsInMemory: TLS that reads and writes memory, between which and a socket the encrypted bytes are moved here.

It stands in where an `SSLSocket` cannot serve:

- for TLS to an origin inside TLS to a proxy, as an SSLSocket cannot wrap another one;
- for a context of the user's with the option OP_IGNORE_UNEXPECTED_EOF, as on Debian 12 all have it. An SSLSocket then
  takes a connection that is cut for one that has ended. Here the end of the socket is seen apart from that of TLS.

It has the methods of a non-blocking SSLSocket that a NetworkStream calls. Runs on the worker.

Invariants:
    MEMORY-1  When `send()` returns, all that it counts has gone to the system. Until then it raises, and the caller
              calls it again with the same bytes, as OpenSSL requires.
    MEMORY-2  b"" is received only after the peer's close_notify. If the socket ends before it, that is an SSLEOFError,
              whatever the context's options are: OpenSSL is not told of the end, so it cannot take it for another.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TlsInMemory"]

PIECE_SIZE = 64 * 1024  # bytes; received from the outer socket, or encrypted, at a time


class TlsInMemory:
    """A non-blocking TLS socket over a non-blocking socket, plain or TLS."""

    def __init__(self, outer: Any, host: str, context: ssl.SSLContext, session: Any) -> None:
        self._outer = outer
        self._outer_pending: Callable[[], int] = getattr(outer, "pending", int)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        self._unsent = b""  # encrypted bytes that the outer socket has not taken yet
        self._written = 0  # bytes of the present send() that have been encrypted

    @property
    def session(self) -> Any:
        """The session of the inner layer, as of SSLSocket."""
        return self._inner.session

    @property
    def session_reused(self) -> bool | None:
        """Whether the session of the inner layer was resumed, as of SSLSocket."""
        return self._inner.session_reused

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The certificate of the inner layer, as of SSLSocket."""
        return self._inner.getpeercert(binary_form)

    def cipher(self) -> Any:
        """The cipher of the inner layer, as of SSLSocket: None until the server has chosen one."""
        return self._inner.cipher()

    def fileno(self) -> int:
        return self._outer.fileno()  # type: ignore[no-any-return]  # a socket

    def getpeername(self) -> Any:
        return self._outer.getpeername()

    def setblocking(self, flag: bool) -> None:
        self._outer.setblocking(flag)

    def setsockopt(self, *arguments: Any) -> None:
        self._outer.setsockopt(*arguments)

    def pending(self) -> int:
        """Bytes that can be read without a wait; some of them may belong to TLS itself."""
        return self._inner.pending() + self._incoming.pending + self._outer_pending()

    def close(self) -> None:
        self._outer.close()

    def end_sending(self) -> None:
        """Close the sending side of the connection, and of nothing else."""
        socket.socket.shutdown(self._outer, socket.SHUT_WR)

    def do_handshake(self) -> None:
        """Go on with the handshake.

        Raises:
            ssl.SSLWantReadError, ssl.SSLWantWriteError: Call it again when the socket can be read or written.
        """
        while True:
            self._flush()
            try:
                self._inner.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush()  # the alert, which tells the peer why
                raise
            else:
                self._flush()
                return

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As of SSLSocket, which takes no flags either."""
        assert not flags, "TLS has no flags"
        while True:
            try:
                return self._inner.read(size)
            except ssl.SSLWantReadError:
                # TLS itself may have had to reply to something; if not now, that is sent before the next bytes.
                with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    self._flush()
                self._fill()

    def recv_into(self, room: memoryview, size: int) -> int:
        octets = self.recv(size)
        room[: len(octets)] = octets
        return len(octets)

    def send(self, octets: memoryview) -> int:
        self._flush()
        if not self._written:
            self._written = self._write(octets[:PIECE_SIZE])
        self._flush()
        written, self._written = self._written, 0
        return written

    def _write(self, octets: memoryview) -> int:
        """Encrypt bytes; if the peer wants another handshake first, go on with that."""
        while True:
            try:
                return self._inner.write(octets)
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                sent = self._outer.send(self._unsent)
            except BlockingIOError:
                raise ssl.SSLWantWriteError from None
            self._unsent = self._unsent[sent:]

    def _fill(self) -> None:
        try:
            octets = self._outer.recv(PIECE_SIZE)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None
        if not octets:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol")
        self._incoming.write(octets)
