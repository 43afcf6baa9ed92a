"""open_http_tunnel(): make an HTTP proxy connect to the origin (RFC 9110, section 9.3.6). Runs on the worker."""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException

from urlrequest import errors
from urlrequest._http.fields import field_names, without
from urlrequest._http.request_head import encode_head
from urlrequest.errors import ProxyError

from .response_reader import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from urlrequest._http.challenges import Dialogue
    from urlrequest._net.stream import NetworkStream

__all__ = ["open_http_tunnel"]

# What web servers respond to CONNECT, which they do not know (measured: nginx and lighttpd 400, Apache 405, http.server
# 501). A proxy that will not connect says 403 or 407; one that cannot says 500, 502, 503 or 504.
_WEB_SERVER_STATUSES = frozenset({400, 404, 405, 501})
_PAGE_FIELDS = frozenset({"content-length", "content-type", "transfer-encoding"})
MAX_DRAINED = 256 * 1024  # bytes of the body of a refusal
_WEB_SERVER_HINT = "; it seems to be a web server, not a proxy"


def open_http_tunnel(
    stream: NetworkStream, authority: str, fields: Iterable[tuple[str, str]], dialogue: Dialogue | None = None
) -> bool:
    """Send CONNECT and read the response; afterwards the stream is a connection to the origin.

    Args:
        authority: The origin's host and port.
        fields: Header fields for the proxy; Host among them is replaced.
        dialogue: Answers a proxy that asks for credentials; it has the fields then.
    Returns:
        Whether the tunnel is open; False: the dialogue has an answer, and the proxy ends this connection.
    Raises:
        ProxyError: The proxy refuses, or does not speak HTTP. OSError: The connection broke.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    while True:
        response = _connect(stream, authority, fields if dialogue is None else dialogue.fields)
        if dialogue is None or not dialogue.answer(response.head, stream.peer_certificate):
            break
        if not _drain(response):
            return False
    if dialogue is not None:
        dialogue.finish(response.head)
    if not 200 <= response.status < 300:
        is_proxy = dialogue is not None and dialogue.has_answered  # 407 is a status of proxies alone
        hint = _WEB_SERVER_HINT if response.status in _WEB_SERVER_STATUSES and not is_proxy else ""
        raise ProxyError(
            f"{stream.peer} refused CONNECT {authority}: {response.head.describe_status()}{hint}",
            status=response.status,
            headers=response.headers,
        )
    if response.has_leftover:
        # Bytes that came before the handshake would be taken for the origin's (CVE-2023-40217 is of that kind).
        # Web servers that serve any method send a page, too; without its fields the bytes may be the origin's.
        hint = "" if _PAGE_FIELDS.isdisjoint(field_names(response.getheaders())) else _WEB_SERVER_HINT
        raise ProxyError(f"{stream.peer} sent bytes behind its response to CONNECT {authority}{hint}")
    return True


def _connect(stream: NetworkStream, authority: str, fields: Iterable[tuple[str, str]]) -> Response:
    stream.send_all(encode_head("CONNECT", authority, [("Host", authority), *without(fields, {"host"})]))
    try:
        return Response(stream, "CONNECT")
    except errors.BaseProtocolError as error:
        raise ProxyError(f"{stream.peer} did not respond to CONNECT {authority}: {error}") from error


def _drain(response: Response) -> bool:
    """Read the body of a refusal, unless it is large; whether the proxy listens for another CONNECT."""
    received = 0
    # What is wrong with the body only costs the connection.
    with suppress(OSError, HTTPException):
        while not response.is_complete and received <= MAX_DRAINED:
            received += len(response.read_piece())
    return response.is_reusable
