"""Which proxy a request goes through, by its options or by the environment (contract 14).

It keeps nothing, and reads the environment when it is asked; any thread may call it.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

from urlrequest._http.auth import account_of, answers_challenges, apply_auth
from urlrequest._http.fields import read_fields
from urlrequest._http.target import DEFAULT_PORTS, parse_port, parse_target
from urlrequest._net.route import Proxy
from urlrequest.errors import InvalidURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
    from typing import Any

    from urlrequest._http.challenges import Responder
    from urlrequest._http.fields import Fields
    from urlrequest._http.target import Target

__all__ = ["choose_proxy", "is_exempt"]

_PROXY_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080, "socks4": 1080, "socks4a": 1080}
_ALIASES = {"socks": "socks5"}

# A forwarded request carries these itself; a second one could move its end, or lead it to another host.
_RESERVED_FIELDS = frozenset({"content-length", "host", "transfer-encoding"})

_SEPARATORS = re.compile(r"[\s,;]+")  # between the entries of no_proxy; no host has any of them


def choose_proxy(
    host: object,
    port: object,
    headers: object,
    target: Target,
    *,
    auth: object = None,
    is_environment_trusted: bool,
) -> Proxy | None:
    """Return the proxy for a target, or None.

    Args:
        host: A host, or a URL whose scheme tells how to speak to the proxy; its userinfo is for the proxy.
        port: The proxy's port; None: the one of the URL, or the default port of its scheme.
        headers: Header fields for the proxy.
        auth: Credentials for the proxy, as `with_auth()` takes them for a server; userinfo wins.
        is_environment_trusted: Where `host` names no proxy, the environment may.
    Raises:
        InvalidURL, TypeError, ValueError: An argument cannot be used, or the variable of the environment cannot.
    """
    if not host and is_environment_trusted:
        return _proxy_of_environment(headers, auth, target)
    if not host:
        return None
    if not isinstance(host, str):
        raise TypeError(f"proxy_host is {type(host).__name__}; text is needed")
    return _make_proxy(host, port, _check_fields(headers), auth)


def _make_proxy(text: str, port: object, fields: Fields, auth: object) -> Proxy:
    scheme, address = _read_address(text)
    number = address.port if port is None else parse_port(port)
    number = _PROXY_PORTS[scheme] if number is None else number
    proxy = Proxy(scheme, address.host, number)
    account = address.userinfo or account_of(auth, "proxy_auth")
    if proxy.is_socks:
        return proxy.replace(userinfo=_check_socks_account(account, auth))
    if account is None:
        fields = apply_auth(fields, auth, "Proxy-Authorization", "proxy_auth")
        return proxy.replace(fields=tuple(fields), responder=_responder(auth))
    # Basic at first; but the proxy may reply that it wants Digest (contract 14.4).
    fields = apply_auth(fields, account, "Proxy-Authorization", "proxy_auth")
    return proxy.replace(fields=tuple(fields), responder=_digest_responder(*account))


def _check_socks_account(account: tuple[Any, Any] | None, auth: object) -> tuple[str, str] | None:
    if account is None and auth is None:
        return None
    if account is None or not all(isinstance(text, str) for text in account):
        raise TypeError("proxy_auth must be (user, password), both of them text, for a SOCKS proxy")
    return account


@lru_cache(maxsize=32)
def _digest_responder(user: str, password: str) -> Responder:
    """The same one for the same credentials, as it remembers the nonces of proxies."""
    from urlrequest._http.challenges import Responder  # few requests go through a proxy with credentials
    from urlrequest._http.digest import DigestAuth

    return Responder(DigestAuth(user, password))


def _responder(auth: object) -> Responder | None:
    if not answers_challenges(auth):
        return None
    from urlrequest._http.challenges import Responder  # as above

    return Responder(auth)


def _read_address(text: str) -> tuple[str, Target]:
    """The scheme of a proxy, and what else its URL says.

    Raises:
        InvalidURL: It cannot be used.
    """
    scheme, separator, rest = text.strip().partition("://")
    scheme = scheme.lower() if separator else "http"
    scheme = _ALIASES.get(scheme, scheme)
    if scheme not in _PROXY_PORTS:
        # What precedes "://" may be anything, a password included.
        shown = f"the scheme {scheme[:40]!r}" if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) else "no scheme"
        raise InvalidURL(f"the proxy has {shown}; http, https, socks5, socks4 and socks4a can be used")
    # Parsed as a URL of http, so that the host is checked as strictly whatever the proxy's scheme is.
    return scheme, parse_target(f"http://{rest if separator else text.strip()}")


def _check_fields(headers: object) -> Fields:
    fields, _ = read_fields(headers, "proxy_headers")
    for name, _ in fields:
        if name.lower() in _RESERVED_FIELDS:
            raise ValueError(f"proxy_headers has {name}, which belongs to the request")
    return fields


# The environment


def _proxy_of_environment(headers: object, auth: object, target: Target) -> Proxy | None:
    """The proxy that http_proxy, https_proxy or all_proxy names, unless no_proxy exempts the target.

    Only the variable that this target needs is read: what is wrong with another one stops no request.

    Raises:
        InvalidURL: The variable cannot be used; the message names it.
    """
    if not any(name[-6:].lower() == "_proxy" for name in os.environ):  # else the import takes longer than a request
        return None
    from urllib.request import getproxies_environment  # it ignores HTTP_PROXY in CGI programs, where clients set it

    proxies = getproxies_environment()
    kind = next((kind for kind in (target.scheme, "all") if proxies.get(kind)), None)
    if kind is None or is_exempt(target, proxies.get("no", "")):
        return None
    fields = _check_fields(headers)
    try:
        return _make_proxy(proxies[kind], None, fields, auth)
    except ValueError as error:
        raise InvalidURL(f"the environment variable {_variable_of(kind)} cannot be used: {error}") from None


def _variable_of(kind: str) -> str:
    """The name as it stands in the environment, where the one in lower case wins."""
    name = f"{kind}_proxy"
    return name if os.environ.get(name) else name.upper()


def is_exempt(target: Target, no_proxy: str) -> bool:
    """Whether a target is to be reached without a proxy.

    An entry that makes no sense covers nothing, and is no error: other programs read the same variable.

    Args:
        no_proxy: Entries with commas or blanks between them: names, which cover their subdomains; addresses; networks
            such as 10.0.0.0/8; patterns with "*"; each with or without a port.
    """
    _, host, port = target.origin
    host = host.rstrip(".")
    addresses = _addresses_of(host)
    return any(_covers(entry, host, addresses, port) for entry in _SEPARATORS.split(no_proxy.lower()) if entry)


def _addresses_of(host: str) -> list[IPv4Address | IPv6Address]:
    """The address that a host is, if it is one; in both forms where it is one of IPv4, written as one of IPv6."""
    from ipaddress import ip_address  # few environments have exceptions

    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return []
    mapped = getattr(address, "ipv4_mapped", None)
    return [address] if mapped is None else [address, mapped]


def _covers(entry: str, host: str, addresses: list[IPv4Address | IPv6Address], port: int | None) -> bool:
    name, entry_port = _split_entry(entry)
    if entry_port not in {"", "*", str(port)}:
        return False
    if addresses:
        from ipaddress import ip_network  # as above

        try:
            network = ip_network(name, strict=False)
        except ValueError:
            return "*" in name and any(_matches(name, str(address)) for address in addresses)
        return any(address in network for address in addresses)
    name = _as_sent(name.removeprefix("*.").strip("."))
    return bool(name) and (host == name or host.endswith(f".{name}") or ("*" in name and _matches(name, host)))


def _split_entry(entry: str) -> tuple[str, str]:
    """Name, address or network of an entry, and its port; '' where there is none."""
    _, is_url, rest = entry.partition("://")
    entry = rest.partition("/")[0] if is_url else entry
    if entry.startswith("["):
        inside, _, tail = entry[1:].partition("]")
        length, _, port = tail.partition(":")  # a network may have its length on either side of the bracket
        return inside.partition("%")[0] + length, port
    if entry.count(":") > 1:  # IPv6 without brackets, which can have no port
        address, slash, length = entry.partition("/")
        return address.partition("%")[0] + slash + length, ""
    name, _, port = entry.partition(":")
    return name, port


def _as_sent(name: str) -> str:
    """The name as it stands in a target: its A-label form."""
    if name.isascii():
        return name
    from urlrequest._http.idna import encode_name  # as for hosts of URLs: few have such a name

    try:
        return encode_name(name)
    except ValueError:
        return name


def _matches(pattern: str, text: str) -> bool:
    """Whether a text is what a pattern says, in which "*" stands for any characters.

    In linear time: a regular expression would need more for many stars.
    """
    first, *others = pattern.split("*")
    if not text.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return text.endswith(others[-1]) and at + len(others[-1]) <= len(text)
