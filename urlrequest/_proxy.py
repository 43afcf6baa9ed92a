"""Which proxy a request goes through (contract 14). Pure but for reading the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._message import basic_credentials, read_fields
from ._target import parse_port, parse_target
from .errors import InvalidURL

if TYPE_CHECKING:
    from ._target import Target
    from ._tls import TlsSettings

__all__ = ["Proxy", "choose_proxy"]

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(NamedTuple):
    """A proxy, and what is for its eyes only.

    Attributes:
        scheme: http, https (TLS to the proxy itself), socks5 or socks5h (both resolve names at the proxy).
        fields: Header fields for an HTTP proxy, credentials included.
        userinfo: User and password for a SOCKS proxy.
        tls: How to judge an https proxy's certificate.
    """

    scheme: str
    host: str
    port: int
    fields: tuple[tuple[str, str], ...] = ()
    userinfo: tuple[str, str] | None = None
    tls: TlsSettings | None = None

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")


def choose_proxy(
    host: object, port: object, headers: object, target: Target, *, is_environment_trusted: bool
) -> Proxy | None:
    """The proxy for a target, or None.

    Args:
        host: A host, or a URL whose scheme says how to speak to the proxy; its userinfo is for the proxy.
        port: The proxy's port; None: the URL's, or the scheme's.
        headers: Fields for the proxy.
    Raises:
        InvalidURL, TypeError, ValueError: One of them cannot be used.
    """
    if not host and is_environment_trusted:
        host, port = _proxy_of_environment(target), None
    if not host:
        return None
    if not isinstance(host, str):
        raise TypeError(f"proxy_host is {type(host).__name__}; text is needed")
    address = parse_target(host if "://" in host else f"http://{host}")
    if address.scheme not in _DEFAULT_PORTS:
        raise InvalidURL(f"the proxy has the scheme {address.scheme}; http, https and socks5 can be used")
    number = address.port if port is None else parse_port(port)
    number = _DEFAULT_PORTS[address.scheme] if number is None else number
    fields = read_fields(headers, "proxy_headers")[0]
    if address.scheme.startswith("socks"):
        return Proxy(address.scheme, address.host, number, userinfo=address.userinfo)
    if address.userinfo is not None:
        fields = [field for field in fields if field[0].lower() != "proxy-authorization"]
        fields.append(("Proxy-Authorization", basic_credentials(*address.userinfo)))
    return Proxy(address.scheme, address.host, number, tuple(fields))


def _proxy_of_environment(target: Target) -> str | None:
    """What http_proxy, https_proxy and no_proxy say."""
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

    proxies = getproxies_environment()
    if proxy_bypass_environment(target.authority, proxies):
        return None
    return proxies.get(target.scheme) or proxies.get("all")
