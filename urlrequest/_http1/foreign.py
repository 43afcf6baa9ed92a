"""Connection classes that are not derived from ours: those of `http.client`, and others like them (contract 18.1).

Such a connection blocks without end, so that a cancel or a deadline is noticed late; it cannot use other
proxies than http ones; and it serves one request only. But its responses are counted like any other: a body that is cut
off is an error here, too.

Runs on the worker. Loaded by the first request that has such a connection.
"""

from __future__ import annotations

import http.client
import ssl
from contextlib import suppress

from urlrequest import errors
from urlrequest._http.fields import without
from urlrequest._http.framing import body_framing
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead
from urlrequest.errors import ProxyError

from .request_writer import SMALL_BODY, reported_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from urlrequest._content.body import Body
    from urlrequest._http.fields import Fields
    from urlrequest._net.route import Proxy, Route
    from urlrequest._net.tls_settings import TlsSettings

__all__ = ["ForeignResponse", "send_foreign", "set_foreign_proxy", "tls_options"]

PIECE_SIZE = 256 * 1024  # bytes read at a time


def tls_options(connection_class: type, settings: TlsSettings, host: str) -> dict[str, Any]:
    """The TLS options of a constructor like that of `http.client.HTTPSConnection`; none for another class.

    Raises:
        OSError, ssl.SSLError: The certificate files cannot be used.
    """
    if not issubclass(connection_class, http.client.HTTPSConnection):
        return {}
    from urlrequest._net.tls_contexts import context_for, warn_if_insecure  # plain http needs none of it

    warn_if_insecure(settings, host)
    return {"context": context_for(settings)}


def set_foreign_proxy(connection: Any, route: Route, proxy: Proxy) -> None:
    """Make a connection that was made for the proxy's host and port go through the proxy.

    Raises:
        ProxyError: The proxy is not of the scheme http.
    """
    if proxy.scheme != "http":
        raise ProxyError(
            f"{route.connection_class.__name__} can be used with http proxies only, not with {proxy.scheme}"
        )
    if route.is_tunnelled:
        connection.set_tunnel(route.host, route.port, headers=dict(proxy.fields))


def send_foreign(connection: Any, method: str, target: str, fields: Fields, body: Body | None) -> None:
    """Send a request."""
    # http.client frames a body of unknown length itself, but only where no field says so already.
    headers = dict(Headers(without(fields, {"transfer-encoding"})))
    if body is None:
        connection.request(method, target, body=None, headers=headers)
        return
    body.is_begun = True
    if body.length is None or body.length > SMALL_BODY:
        connection.request(method, target, body=_taken_parts(body), headers=headers)
    else:
        content = b"".join(body.pieces())
        if body.on_sent is not None:
            body.on_sent(0, False)
        connection.request(method, target, body=content, headers=headers)
        if body.on_sent is not None:
            body.on_sent(len(content), True)


def _taken_parts(body: Body) -> Iterator[bytes]:
    """The body in parts, reported as sent when the next one is taken: the connection does not report any itself."""
    if body.on_sent is None:
        yield from map(bytes, body.pieces())
        return
    sent = 0
    body.on_sent(0, False)
    for part in reported_parts(body.pieces()):
        yield bytes(part)
        sent += len(part)
        body.on_sent(sent, False)
    body.on_sent(sent, True)


class ForeignResponse:
    """A response of a class that is not ours, which finds the end of the content itself; the bytes are counted here.

    Attributes:
        wrapped: The response as the connection class made it.
    """

    is_reusable = False
    is_complete = False

    def __init__(self, wrapped: Any, method: str, peer: str) -> None:
        """Wrap a response; `peer`: host and port, for messages."""
        self.wrapped = wrapped
        self._peer = peer
        reason = getattr(wrapped, "reason", "") or ""
        self.head = ResponseHead("1.1", int(wrapped.status), reason, Headers(wrapped.getheaders()))
        self.expected = body_framing(self.head, method).length
        self._received = 0

    def take_whole(self) -> None:
        return None

    def is_silent(self, seconds: float) -> bool:  # noqa: ARG002 - it has buffers of its own
        return False

    def read_piece(self) -> bytes:
        return self._read(PIECE_SIZE)

    def read_into(self, room: memoryview) -> int:
        piece = self._read(len(room))
        room[: len(piece)] = piece
        return len(piece)

    def _read(self, size: int) -> bytes:
        try:
            return self._read_counted(size)
        except BaseException:
            # Of a connection that serves one request only the response holds the socket.
            with suppress(Exception):
                self.wrapped.close()
            raise

    def _read_counted(self, size: int) -> bytes:
        read = getattr(self.wrapped, "read1", self.wrapped.read)  # read1() returns what is there
        try:
            piece: bytes = read(size)
        except http.client.IncompleteRead as error:
            self._received += len(error.partial)
            raise self._cut_off() from error
        except ssl.SSLError as error:
            from urlrequest._net.tls_errors import is_cut  # few connections break

            if not is_cut(error):
                raise
            raise self._cut_off("; TLS ended without notice (close_notify)") from error
        self._received += len(piece)
        # http.client takes a cut connection for the end of the body (measured: read(n) raises nothing), so only the
        # count can tell.
        if not piece and self.expected is not None and self._received < self.expected:
            raise self._cut_off()
        self.is_complete = not piece
        return piece

    def _cut_off(self, notice: str = "") -> errors.IncompleteContent:
        total = "" if self.expected is None else f" of {self.expected}"
        place = f"{self._peer} closed the connection within the body"
        return errors.IncompleteContent(f"{place}, after {self._received}{total} bytes{notice}")
