"""Route: everything that makes one connection different from another; and how a connection of any class is used.

A request uses any connection class through `open_connection()` and `exchange()`; one that is not ours blocks where it
blocks, and what it returns is counted all the same. Runs on the worker.
"""

from __future__ import annotations

import http.client
from importlib import import_module

from urlrequest._http.fields import without
from urlrequest._http.headers import Headers
from urlrequest._http1.connection import HTTPConnection, HTTPSConnection
from urlrequest._http1.response_reader import ForeignResponse, Response
from urlrequest._record import Record
from urlrequest.errors import ProxyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from typing import Any

    from urlrequest._content.body import Body
    from urlrequest._engine.proxies import Proxy
    from urlrequest._http.fields import Fields
    from urlrequest._http1.response_reader import ResponseLike

    from .cancel_scope import CancelScope
    from .tls_settings import TlsSettings

__all__ = ["Route", "exchange", "open_connection"]


class Route(Record):
    """Everything that makes one connection different from another."""

    __slots__ = ("connection_class", "host", "port", "proxy", "tls")

    def __init__(
        self,
        connection_class: type,
        host: str,
        port: int | None,
        tls: TlsSettings | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.connection_class = connection_class
        self.host = host
        self.port = port
        self.tls = tls
        self.proxy = proxy

    @property
    def key(self) -> Hashable:
        """All of it, to look connections up."""
        return self.connection_class, self.host, self.port, self.tls, self.proxy

    @property
    def is_tunnelled(self) -> bool:
        """Whether the proxy only passes octets on; else it reads the requests."""
        return self.proxy is not None and (self.tls is not None or self.proxy.is_socks)


def open_connection(route: Route, scope: CancelScope) -> Any:
    """Make a connection for a request; one of ours connects with its first exchange.

    Raises:
        OSError, ssl.SSLError: The certificate files cannot be used; nothing has been sent. One of ours says so when
            it is connected.
    """
    cls, proxy = route.connection_class, route.proxy
    host, port = (route.host, route.port) if proxy is None else (proxy.host, proxy.port)
    options: dict[str, Any] = {"timeout": scope.timeout}
    if route.tls is not None:
        from .tls_contexts import context_for, lazy_context, warn_if_insecure  # plain http needs none of it
    if route.tls is not None and issubclass(cls, HTTPSConnection | http.client.HTTPSConnection):
        warn_if_insecure(route.tls, route.host)
    if route.tls is not None and issubclass(cls, http.client.HTTPSConnection):
        options["context"] = context_for(route.tls)
    connection = cls(host, port, **options)
    if route.tls is not None and isinstance(connection, HTTPSConnection):
        connection.lazy_context = lazy_context(route.tls)
        connection.lazy_context.prefetch()
        # Most responses need the first, and all the second; here they are imported while certificates are read.
        import_module("json")
        import_module("urlrequest._net.tls_handshake")
    is_ours = isinstance(connection, HTTPConnection)
    if is_ours:
        connection.scope = scope
    if proxy is not None and is_ours:
        connection.set_proxy(proxy, (route.host, route.port) if route.is_tunnelled and route.port else None)
    elif proxy is not None and proxy.scheme != "http":
        raise ProxyError(f"{cls.__name__} can be used with http proxies only, not with {proxy.scheme}")
    elif proxy is not None and route.is_tunnelled:
        connection.set_tunnel(route.host, route.port, headers=dict(proxy.fields))
    return connection


def exchange(connection: Any, method: str, target: str, fields: Fields, body: Body | None) -> ResponseLike:
    """Send a request over a connection of any class, and read the head of the response."""
    if isinstance(connection, HTTPConnection):
        connection.request(method, target, body, fields)
    else:
        _request_foreign(connection, method, target, fields, body)
    response = connection.getresponse()
    return response if isinstance(response, Response) else ForeignResponse(response, method)


def _request_foreign(connection: Any, method: str, target: str, fields: Fields, body: Body | None) -> None:
    # http.client frames a body of unknown length itself, and only where no field says so already.
    headers = dict(Headers(without(fields, {"transfer-encoding"})))
    if body is None:
        connection.request(method, target, body=None, headers=headers)
        return
    from urlrequest._http1.request_writer import SMALL_BODY  # most requests have none

    if body.length is None or body.length > SMALL_BODY:
        connection.request(method, target, body=_reporting(body), headers=headers)
        return
    content = b"".join(body.pieces())
    if body.on_sent is not None:
        body.on_sent(0, False)
    connection.request(method, target, body=content, headers=headers)
    if body.on_sent is not None:
        body.on_sent(len(content), True)


def _reporting(body: Body) -> Iterator[bytes]:
    """The octets for a connection that says nothing of what it has sent: it takes a part when the last one is sent."""
    from urlrequest._http1.request_writer import reported_parts

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
