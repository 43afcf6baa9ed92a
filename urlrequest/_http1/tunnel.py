"""open_http_tunnel(): make an HTTP proxy connect to the origin (RFC 9110, section 9.3.6). Runs on the worker."""

from __future__ import annotations

from urlrequest._http.request_head import encode_head
from urlrequest.errors import ProtocolError, ProxyError

from .response_reader import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from urlrequest._net.stream import NetworkStream

__all__ = ["open_http_tunnel"]

# What web servers respond to CONNECT, which they do not know (measured: nginx and lighttpd 400, Apache 405, http.server
# 501). A proxy that will not connect says 403 or 407; one that cannot says 500, 502, 503 or 504.
_WEB_SERVER_STATUSES = frozenset({400, 404, 405, 501})
_WEB_SERVER_HINT = "; it seems to be a web server, not a proxy"


def open_http_tunnel(stream: NetworkStream, authority: str, fields: Iterable[tuple[str, str]]) -> None:
    """Send CONNECT and read the response; afterwards the stream is a connection to the origin.

    Args:
        authority: The origin's host and port.
        fields: Header fields for the proxy, beside Host.
    Raises:
        ProxyError: The proxy refuses, or does not speak HTTP. OSError: The connection broke.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    stream.send_all(encode_head("CONNECT", authority, [("Host", authority), *fields]))
    try:
        response = Response(stream, "CONNECT")
    except ProtocolError as error:
        raise ProxyError(f"the proxy {stream.peer} did not respond to CONNECT {authority}: {error}") from error
    if not 200 <= response.status < 300:
        hint = _WEB_SERVER_HINT if response.status in _WEB_SERVER_STATUSES else ""
        raise ProxyError(
            f"the proxy {stream.peer} refused CONNECT {authority}: {response.status} {response.reason}{hint}",
            status=response.status,
            headers=response.headers,
        )
    if response.has_leftover:
        # Bytes that came before the handshake would be taken for the origin's (CVE-2023-40217 is of that kind).
        # Web servers that serve any method send a page, too.
        raise ProxyError(
            f"the proxy {stream.peer} sent bytes behind its response to CONNECT {authority}{_WEB_SERVER_HINT}"
        )
