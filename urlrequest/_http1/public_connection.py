"""HTTPConnection and HTTPSConnection: what programs derive from, and get from `get_connection_for_scheme()`.

They are `http.client` connections, whose methods work as they do there; what sends and receives is `connection`.

Thread safety. As there: a connection belongs to one worker at a time.
"""

from __future__ import annotations

import http.client

from urlrequest._http.fields import read_fields
from urlrequest._http.request_head import check_method

from .connection import Connection, SecureConnection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any

    from .response_reader import Response

__all__ = ["HTTPConnection", "HTTPSConnection"]


class HTTPConnection(Connection, http.client.HTTPConnection):
    """An `http.client.HTTPConnection` that can be cancelled and keeps deadlines.

    For a scheme of your own, derive from it, override `open_socket()`, and return the class from
    `UrlRequest.get_connection_for_scheme()` (contract 18.1). Every method runs on the worker thread.
    """

    sock: Any
    _has_client_state: bool = False  # whether http.client itself keeps the state of an exchange

    def __init__(self, host: str, port: int | None = None, timeout: float | None = None, **options: Any) -> None:
        """Make a connection; the first request opens it.

        Args:
            timeout: The longest single step, in seconds, for requests that set no other; None: no limit.
            options: As of `http.client.HTTPConnection`.
        """
        http.client.HTTPConnection.__init__(self, host, port, timeout=timeout, **options)
        Connection.__init__(self, self.host, self.port, timeout)  # it may have read the port from the host

    def set_tunnel(self, host: str, port: int | None = None, headers: Any = None) -> None:
        """Send requests through a tunnel: the host that the connection was made for is a proxy, this one the origin.

        Args:
            headers: For the proxy.
        Raises:
            ValueError, TypeError: They cannot be sent.
        """
        http.client.HTTPConnection.set_tunnel(self, host, port)
        fields, _ = read_fields(headers, "headers")
        super().set_tunnel(host.strip("[]"), port, fields)

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, *, encode_chunked: bool = False
    ) -> None:
        """Send a request, as `http.client` does.

        If the server refuses the request before all was sent, sending ends, and `getresponse()` reads the response
        (contract 10.5).

        Raises:
            OSError: The connection cannot be opened. ValueError, TypeError: A part cannot be sent.
        """
        if isinstance(headers, dict) and _is_body(body):  # a subclass has added headers of its own
            headers = list(headers.items())
        if isinstance(headers, list) and (body is None or _is_body(body)):
            super().request(method, url, body, headers)
        else:
            fields: Any = headers or {}
            http.client.HTTPConnection.request(self, method, url, body, fields, encode_chunked=encode_chunked)

    def putrequest(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
        """Begin to send a request step by step, as with `http.client`."""
        check_method(method, has_body=False)
        self._begin_exchange(method)
        self._has_client_state = True
        http.client.HTTPConnection.putrequest(self, method, url, *arguments, **options)

    def putheader(self, header: str | bytes, *values: Any) -> None:
        """Send a header, as with `http.client`.

        Raises:
            ValueError, TypeError: It is none (RFC 9110, section 5), which `http.client` does not always notice.
        """
        read_fields([(header, value) for value in values], "headers")
        super().putheader(header, *values)

    def getresponse(self) -> Response:  # type: ignore[override]  # the same interface, strictly framed
        """Read the head of the response.

        Raises:
            ProtocolError: The server does not speak HTTP/1.
            OSError: The connection broke.
        """
        response = super().getresponse()
        if self._has_client_state:
            self._reset_client_state()
        return response

    def close(self) -> None:
        """Close the connection; a request opens it again."""
        http.client.HTTPConnection.close(self)

    def _reset_client_state(self) -> None:
        """Let the next `putrequest()` begin: only close() resets the state that http.client keeps of an exchange."""
        sock, self.sock = self.sock, None
        http.client.HTTPConnection.close(self)
        self.sock, self._has_client_state = sock, False


class HTTPSConnection(HTTPConnection, SecureConnection):
    """An `HTTPConnection` over TLS."""

    def __init__(
        self,
        host: str,
        port: int | None = None,
        timeout: float | None = None,
        *,
        context: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        """Make a connection; the first request opens it.

        Args:
            context: The TLS context; None: that of a request without TLS options (contract 13.1).
        """
        super().__init__(host, port, timeout, **options)
        self._context = context


def _is_body(body: object) -> bool:
    from urlrequest._content.body import Body  # most requests have none

    return isinstance(body, Body)


HTTPConnection.__module__ = HTTPSConnection.__module__ = "urlrequest"  # where users find them
