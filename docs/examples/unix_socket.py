"""HTTP over a Unix socket: `http+unix://%2Frun%2Fservice.sock/path`, as Docker, systemd and other services offer it.

Cancel, deadline, keep-alive and sessions work as over TCP, because only the socket is different.
"""

from __future__ import annotations

import socket
from urllib.parse import unquote

from urlrequest import HTTPConnection, UrlRequest


class UnixConnection(HTTPConnection):
    """A connection whose host is the percent-encoded path of a socket."""

    def open_socket(self) -> socket.socket:
        """Connect the socket; runs on the worker thread."""
        sock = socket.socket(socket.AF_UNIX)
        self.connect_socket(sock, unquote(self.host))
        return sock


class UnixRequest(UrlRequest):
    """A `UrlRequest` that also serves `http+unix:` URLs."""

    def get_connection_for_scheme(self, scheme: str) -> type:
        """Return the connection class for a scheme."""
        if scheme == "http+unix":
            return UnixConnection
        return super().get_connection_for_scheme(scheme)
