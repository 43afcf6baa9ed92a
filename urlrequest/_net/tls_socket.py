"""StrictSocket: the SSLSocket of all contexts that are made here."""

from __future__ import annotations

import errno
import socket
import ssl

from .connect import error_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["StrictSocket", "peer_has_gone"]


class StrictSocket(ssl.SSLSocket):
    """An SSLSocket that reports a cut connection, also when http.client makes it, which asks for the opposite."""

    @property
    def suppress_ragged_eofs(self) -> bool:
        return False

    @suppress_ragged_eofs.setter
    def suppress_ragged_eofs(self, _: bool) -> None:
        """Ignore what the constructor was told."""

    def getpeername(self) -> Any:
        """Return the address of the peer. `wrap_socket()` asks first, and would lose the descriptor if it has gone."""
        try:
            return super().getpeername()
        except OSError as error:
            if self._sslobj is not None:  # type: ignore[attr-defined]  # typeshed leaves it out
                raise
            gone = peer_has_gone(self, str(self.server_hostname))
            self.close()
            raise gone from error


def peer_has_gone(sock: socket.socket, host: str) -> OSError:
    """The error of a connection that has broken before the TLS handshake."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or errno.ECONNRESET
    return OSError(code, f"the TLS handshake with {host} failed: {error_text(code)}")
