"""Which proxy a request goes through, by its options or by the environment (contract 14).

It keeps nothing, and reads the environment when it is asked; any thread may call it.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from urlrequest._http.auth import basic_credentials
from urlrequest._http.fields import read_fields, without
from urlrequest._http.target import DEFAULT_PORTS, parse_port, parse_target
from urlrequest._net.route import Proxy
from urlrequest.errors import InvalidURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urlrequest._http.fields import Fields
    from urlrequest._http.target import Target

__all__ = ["choose_proxy", "is_exempt"]

_PROXY_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080}

# A forwarded request carries these itself; a second one could move its end, or lead it to another host.
_RESERVED_FIELDS = frozenset({"content-length", "host", "transfer-encoding"})


def choose_proxy(
    host: object, port: object, headers: object, target: Target, *, is_environment_trusted: bool
) -> Proxy | None:
    """Return the proxy for a target, or None.

    Args:
        host: A host, or a URL whose scheme tells how to speak to the proxy; its userinfo is for the proxy.
        port: The proxy's port; None: the one of the URL, or the default port of its scheme.
        headers: Header fields for the proxy.
        is_environment_trusted: Where `host` names no proxy, the environment may.
    Raises:
        InvalidURL, TypeError, ValueError: An argument cannot be used.
    """
    if not host and is_environment_trusted:
        host, port = _proxy_of_environment(target), None
    if not host:
        return None
    if not isinstance(host, str):
        raise TypeError(f"proxy_host is {type(host).__name__}; text is needed")
    scheme, separator, rest = host.strip().partition("://")
    scheme = scheme.lower() if separator else "http"
    if scheme not in _PROXY_PORTS:
        raise InvalidURL(f"the proxy has the scheme {scheme[:40]!r}; http, https and socks5 can be used")
    # Parsed as a URL of http, so that the host is checked as strictly whatever the proxy's scheme is.
    address = parse_target(f"http://{rest if separator else host.strip()}")
    number = address.port if port is None else parse_port(port)
    number = _PROXY_PORTS[scheme] if number is None else number
    if scheme.startswith("socks"):
        return Proxy(scheme, address.host, number, userinfo=address.userinfo)
    return Proxy(scheme, address.host, number, tuple(_proxy_fields(headers, address.userinfo)))


def _proxy_fields(headers: object, userinfo: tuple[str, str] | None) -> Fields:
    fields, _ = read_fields(headers, "proxy_headers")
    for name, _ in fields:
        if name.lower() in _RESERVED_FIELDS:
            raise ValueError(f"proxy_headers has {name}, which belongs to the request")
    if userinfo is None:
        return fields
    return [*without(fields, {"proxy-authorization"}), ("Proxy-Authorization", basic_credentials(*userinfo))]


def _proxy_of_environment(target: Target) -> str | None:
    """The proxy that http_proxy, https_proxy or all_proxy names, unless no_proxy exempts the target."""
    from urllib.request import getproxies_environment  # it ignores HTTP_PROXY in CGI programs, where clients set it

    proxies = getproxies_environment()
    if is_exempt(target, proxies.get("no", "")):
        return None
    return proxies.get(target.scheme) or proxies.get("all")


def is_exempt(target: Target, no_proxy: str) -> bool:
    """Whether a target is to be reached without a proxy.

    Args:
        no_proxy: Entries separated by commas: names, which cover their subdomains; addresses; networks such as
            10.0.0.0/8; each with or without a port. Or "*", which covers all.
    """
    _, host, port = target.origin
    return any(_covers(entry.strip().lower(), host.rstrip("."), port) for entry in no_proxy.split(","))


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    name, entry_port = _split_entry(entry)
    if not name or (entry_port and int(entry_port) != port):
        return False
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host == name or host.endswith(f".{name}")
    try:
        return address in ip_network(name, strict=False)
    except ValueError:
        return False


def _split_entry(entry: str) -> tuple[str, str]:
    """Name, address or network of an entry, and its port; '' where there is none."""
    name, colon, port = entry.rpartition(":")
    is_bare_ipv6 = not entry.startswith("[") and entry.count(":") > 1
    if is_bare_ipv6 or not colon or not port.isdecimal():
        name, port = entry, ""
    return name.strip("[]").lstrip(".").rstrip("."), port
