"""TlsOverTls: TLS to an origin, inside TLS to a proxy.

`SSLSocket` cannot lie on another one, so the inner layer works on memory, and what it writes and needs goes through the
outer socket. It has the methods of a non-blocking SSLSocket that a NetworkStream uses. Runs on the worker.
"""

from __future__ import annotations

import ssl
from typing import Any

__all__ = ["TlsOverTls"]

_SIZE = 64 * 1024  # octets taken from the outer socket at a time


class TlsOverTls:
    """A non-blocking TLS socket over a non-blocking TLS socket."""

    def __init__(self, outer: ssl.SSLSocket, host: str, context: ssl.SSLContext) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._unsent = b""  # encrypted, not taken by the outer socket yet

    def fileno(self) -> int:
        return self._outer.fileno()

    def getpeername(self) -> Any:
        return self._outer.getpeername()

    def setblocking(self, flag: bool) -> None:
        self._outer.setblocking(flag)

    def setsockopt(self, *arguments: Any) -> None:
        self._outer.setsockopt(*arguments)

    def pending(self) -> int:
        return self._inner.pending() + self._outer.pending()

    def close(self) -> None:
        self._outer.close()

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises SSLWantReadError, SSLWantWriteError: Call it again when that is possible."""
        self._run(self._inner.do_handshake)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As of SSLSocket; flags are not known."""
        assert not flags, "TLS knows no flags"
        received: bytes = self._run(lambda: self._inner.read(size))
        return received

    def recv_into(self, room: memoryview) -> int:
        octets = self.recv(len(room))
        room[: len(octets)] = octets
        return len(octets)

    def send(self, octets: memoryview) -> int:
        self._flush()
        sent: int = self._inner.write(octets[:_SIZE])
        try:
            self._flush()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # it has been taken; the rest goes out before the next octets, or with the next wait
        return sent

    def _run(self, step: Any) -> Any:
        while True:
            self._flush()
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return result

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
