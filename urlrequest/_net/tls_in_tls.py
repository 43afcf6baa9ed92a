"""TlsInTls: TLS to an origin, inside TLS to a proxy.

An `SSLSocket` cannot wrap another one. So the inner layer reads and writes memory, and this class moves the encrypted
bytes between that memory and the outer socket. It has the methods of a non-blocking SSLSocket that a NetworkStream
calls. Runs on the worker.

Invariant:
    NESTED-1  When `send()` returns, all that it counts has gone to the system. Until then it raises, and the caller
              calls it again with the same bytes, as OpenSSL requires.
"""

from __future__ import annotations

import socket
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["TlsInTls"]

PIECE_SIZE = 64 * 1024  # bytes; received from the outer socket, or encrypted, at a time


class TlsInTls:
    """A non-blocking TLS socket over a non-blocking TLS socket."""

    def __init__(self, outer: ssl.SSLSocket, host: str, context: ssl.SSLContext, session: Any) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        self._unsent = b""  # encrypted bytes that the outer socket has not taken yet
        self._written = 0  # bytes of the present send() that have been encrypted

    @property
    def session(self) -> Any:
        """The session of the inner layer, as of SSLSocket."""
        return self._inner.session

    def fileno(self) -> int:
        return self._outer.fileno()

    def getpeername(self) -> Any:
        return self._outer.getpeername()

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The certificate of the inner layer's peer, as of SSLSocket."""
        return self._inner.getpeercert(binary_form)

    def setblocking(self, flag: bool) -> None:
        self._outer.setblocking(flag)

    def setsockopt(self, *arguments: Any) -> None:
        self._outer.setsockopt(*arguments)

    def pending(self) -> int:
        """Bytes that can be read without a wait; some of them may belong to TLS itself."""
        return self._inner.pending() + self._incoming.pending + self._outer.pending()

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
                self._try_flush()  # TLS itself may have had to reply to something
                self._fill()

    def recv_into(self, room: memoryview) -> int:
        octets = self.recv(len(room))
        room[: len(octets)] = octets
        return len(octets)

    def send(self, octets: memoryview) -> int:
        self._flush()
        if not self._written:
            self._written = self._inner.write(octets[:PIECE_SIZE])
        self._flush()
        written, self._written = self._written, 0
        return written

    def _try_flush(self) -> None:
        try:
            self._flush()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # it is sent before the next bytes

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            self._unsent = self._unsent[self._outer.send(self._unsent) :]

    def _fill(self) -> None:
        octets = self._outer.recv(PIECE_SIZE)
        if octets:
            self._incoming.write(octets)
        else:
            self._incoming.write_eof()
