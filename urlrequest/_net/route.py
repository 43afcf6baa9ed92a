"""Route and Proxy: the way to a server, as values. Nothing is opened here, and nothing keeps a connection."""

from __future__ import annotations

from urlrequest._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from .tls_settings import TlsSettings

__all__ = ["Proxy", "Route"]


class Proxy(Record):
    """A proxy, and what is meant for the proxy alone.

    Attributes:
        scheme: http, https (TLS to the proxy itself), socks5, socks5h, socks4 or socks4a.
        host, port: Where it listens.
        fields: Header fields for an HTTP proxy, credentials included.
        userinfo: User and password for a SOCKS proxy, or None.
        tls: How to check the certificate of an https proxy; None for the other schemes.
        responder: Answers the challenges of an HTTP proxy, or None. Equal ones are the same to a connection; see
            `urlrequest._http.challenges.Responder`.
    """

    __slots__ = ("fields", "host", "port", "responder", "scheme", "tls", "userinfo")

    def __init__(
        self,
        scheme: str,
        host: str,
        port: int,
        fields: tuple[tuple[str, str], ...] = (),
        userinfo: tuple[str, str] | None = None,
        tls: TlsSettings | None = None,
        responder: Any = None,
    ) -> None:
        self.scheme: str = scheme
        self.host: str = host
        self.port: int = port
        self.fields: tuple[tuple[str, str], ...] = fields
        self.userinfo: tuple[str, str] | None = userinfo
        self.tls: TlsSettings | None = tls
        self.responder: Any = responder

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")


class Route(Record):
    """Everything that makes one connection different from another.

    Attributes:
        connection_class: Speaks the protocol; as of `UrlRequest.get_connection_for_scheme()`.
        host, port: Of the origin; port is None where neither the URL nor its scheme has one.
        tls: How to check the certificate of the origin; None: no TLS.
        proxy: What the connection goes through, or None.
        family: Of the addresses that the socket may connect to: AF_INET or AF_INET6; 0: any.
    """

    __slots__ = ("connection_class", "family", "host", "port", "proxy", "tls")

    def __init__(
        self,
        connection_class: type,
        host: str,
        port: int | None,
        tls: TlsSettings | None = None,
        proxy: Proxy | None = None,
        family: int = 0,
    ) -> None:
        self.connection_class = connection_class
        self.host = host
        self.port = port
        self.tls = tls
        self.proxy = proxy
        self.family = family

    @property
    def key(self) -> Hashable:
        """All parts, for looking connections up."""
        return self.connection_class, self.host, self.port, self.tls, self.proxy, self.family

    @property
    def first_stop(self) -> tuple[str, int | None]:
        """Host and port that the socket connects to: those of the proxy, if there is one."""
        return (self.host, self.port) if self.proxy is None else (self.proxy.host, self.proxy.port)

    @property
    def is_tunnelled(self) -> bool:
        """Whether the proxy only passes bytes on; else it reads the requests, or there is no proxy."""
        return self.proxy is not None and (self.tls is not None or self.proxy.is_socks)
