"""Which proxy a request goes through (contract 14). Pure but for reading the environment."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import NamedTuple

from urlrequest._http.auth import basic_credentials
from urlrequest._http.fields import read_fields, without
from urlrequest._http.target import DEFAULT_PORTS, parse_port, parse_target
from urlrequest.errors import InvalidURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urlrequest._http.target import Target
    from urlrequest._net.tls_settings import TlsSettings

__all__ = ["Proxy", "choose_proxy"]

_DEFAULT_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080}

# What proxy_headers must not say: a request that is forwarded says it itself, and its framing would come apart.
_RESERVED_FIELDS = frozenset({"content-length", "host", "transfer-encoding"})


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
    scheme, separator, rest = host.strip().partition("://")
    scheme = scheme.lower() if separator else "http"
    if scheme not in _DEFAULT_PORTS:
        raise InvalidURL(f"the proxy has the scheme {scheme[:40]!r}; http, https and socks5 can be used")
    # As a URL of http, so that its host is as strictly checked, whatever is spoken there.
    address = parse_target(f"http://{rest if separator else host.strip()}")
    number = address.port if port is None else parse_port(port)
    number = _DEFAULT_PORTS[scheme] if number is None else number
    if scheme.startswith("socks"):
        return Proxy(scheme, address.host, number, userinfo=address.userinfo)
    return Proxy(scheme, address.host, number, _fields(headers, address.userinfo))


def _fields(headers: object, userinfo: tuple[str, str] | None) -> tuple[tuple[str, str], ...]:
    fields = read_fields(headers, "proxy_headers")[0]
    for name, _ in fields:
        if name.lower() in _RESERVED_FIELDS:
            raise ValueError(f"proxy_headers has {name}, which belongs to the request")
    if userinfo is not None:
        fields = without(fields, {"proxy-authorization"})
        fields.append(("Proxy-Authorization", basic_credentials(*userinfo)))
    return tuple(fields)


def _proxy_of_environment(target: Target) -> str | None:
    """What http_proxy, https_proxy, all_proxy and no_proxy say."""
    from urllib.request import getproxies_environment  # it knows of CGI programs, where a client sets HTTP_PROXY

    proxies = getproxies_environment()
    if is_exempt(target, proxies.get("no", "")):
        return None
    return proxies.get(target.scheme) or proxies.get("all")


def is_exempt(target: Target, no_proxy: str) -> bool:
    """Whether a target is to be reached without a proxy.

    Args:
        no_proxy: Names (their subdomains included), addresses, networks such as 10.0.0.0/8, each with a port or
            without, separated by commas; or "*".
    """
    _, host, port = target.origin
    return any(_covers(entry.strip().lower(), host.rstrip("."), port) for entry in no_proxy.split(","))


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if not entry.startswith("[") and entry.count(":") > 1:
        name, ending = entry, ""  # an IPv6 address
    else:
        name, _, ending = entry.rpartition(":") if entry.rpartition(":")[2].isdecimal() else (entry, "", "")
    if ending and int(ending) != port:
        return False
    name = name.strip("[]").lstrip(".").rstrip(".")
    if not name:
        return False
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host == name or host.endswith(f".{name}")
    try:
        return address in ip_network(name, strict=False)
    except ValueError:
        return False
