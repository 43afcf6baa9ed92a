"""TlsInTls: TLS to an origin, inside TLS to a proxy.

`SSLSocket` cannot lie on another one, so the inner layer works on memory, and what it writes and needs goes through the
outer socket. It has the methods of a non-blocking SSLSocket that a NetworkStream uses. Runs on the worker.

Invariant:
    O   What `send()` has returned for has gone to the system as a whole. Until then it raises, and is called again with
        the same octets, as OpenSSL wants it.
"""

from __future__ import annotations

import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["TlsInTls"]

_SIZE = 64 * 1024  # octets taken from the outer socket at a time


class TlsInTls:
    """A non-blocking TLS socket over a non-blocking TLS socket."""

    def __init__(self, outer: ssl.SSLSocket, host: str, context: ssl.SSLContext, session: Any) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        self._unsent = b""  # encrypted, not taken by the outer socket yet
        self._written = 0  # octets of the present send() that have been encrypted

    @property
    def session(self) -> Any:
        """The inner session, as of SSLSocket."""
        return self._inner.session

    def fileno(self) -> int:
        return self._outer.fileno()

    def getpeername(self) -> Any:
        return self._outer.getpeername()

    def setblocking(self, flag: bool) -> None:
        self._outer.setblocking(flag)

    def setsockopt(self, *arguments: Any) -> None:
        self._outer.setsockopt(*arguments)

    def pending(self) -> int:
        """Octets that need no waiting for; some may turn out to be none of the content."""
        return self._inner.pending() + self._incoming.pending + self._outer.pending()

    def close(self) -> None:
        self._outer.close()

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises SSLWantReadError, SSLWantWriteError: Call it again when that is possible."""
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
        """As of SSLSocket; flags are not known."""
        assert not flags, "TLS knows no flags"
        while True:
            try:
                return self._inner.read(size)
            except ssl.SSLWantReadError:
                self._try_flush()  # TLS may have had to answer something itself
                self._fill()

    def recv_into(self, room: memoryview) -> int:
        octets = self.recv(len(room))
        room[: len(octets)] = octets
        return len(octets)

    def send(self, octets: memoryview) -> int:
        self._flush()
        if not self._written:
            self._written = self._inner.write(octets[:_SIZE])
        self._flush()
        written, self._written = self._written, 0
        return written

    def _try_flush(self) -> None:
        try:
            self._flush()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # it goes out before the next octets that are sent

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            self._unsent = self._unsent[self._outer.send(self._unsent) :]

    def _fill(self) -> None:
        octets = self._outer.recv(_SIZE)
        if octets:
            self._incoming.write(octets)
        else:
            self._incoming.write_eof()
