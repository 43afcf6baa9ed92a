"""Route and Proxy: the way to a server, as values."""

from __future__ import annotations

import pytest

from urlrequest import HTTPConnection, HTTPSConnection
from urlrequest._net.route import Proxy, Route
from urlrequest._net.tls_settings import TlsSettings

PLAIN = Route(HTTPConnection, "a.test", 80)
SECURE = Route(HTTPSConnection, "a.test", 443, TlsSettings())
HTTP = Proxy("http", "proxy.test", 3128)
SOCKS = Proxy("socks5", "proxy.test", 1080)


@pytest.mark.parametrize(
    ("route", "stop", "is_tunnelled"),
    [
        (PLAIN, ("a.test", 80), False),
        (PLAIN.replace(proxy=HTTP), ("proxy.test", 3128), False),
        (PLAIN.replace(proxy=SOCKS), ("proxy.test", 1080), True),
        (SECURE, ("a.test", 443), False),
        (SECURE.replace(proxy=HTTP), ("proxy.test", 3128), True),
        (SECURE.replace(proxy=SOCKS), ("proxy.test", 1080), True),
        (Route(HTTPConnection, "", None), ("", None), False),
    ],
)
def test_14_1_ways_to_a_server(route: Route, stop: tuple[str, int | None], is_tunnelled: bool) -> None:
    """Contract 14.1: the socket leads to the proxy, which passes bytes on for https and for SOCKS."""
    assert stop == route.first_stop
    assert is_tunnelled == route.is_tunnelled


def test_equal_parts_are_equal_keys() -> None:
    """A route that was made anew finds the connection of an equal one."""
    again = Route(HTTPSConnection, "a.test", 443, TlsSettings(), Proxy("http", "proxy.test", 3128))

    assert {SECURE.replace(proxy=HTTP).key: "found"}[again.key] == "found"
