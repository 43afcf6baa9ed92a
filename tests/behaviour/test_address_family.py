"""address_family (contract 15.5): over which protocol a connection is made."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Any

import pytest

from support.clients import get
from urlrequest import Session, UrlRequest
from urlrequest.testing import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

IPV4, IPV6 = ("127.0.0.1", "IPv4"), ("::1", "IPv6")


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Session, dict[str, Server]]]:
    """A server on each family, and a session for which the name both.test has the address of both."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *, family: int = 0, **options: Any) -> Any:
        if host != "both.test":
            return real(host, port, family=family, **options)
        found = [
            (host, port)
            for host, port in addresses
            if family in {0, socket.AF_INET6 if ":" in host else socket.AF_INET}
        ]
        return [real(host, port, **options)[0] for host, port in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Server() as old, Server(host="::1") as new, Session("http://both.test:1/", timeout=20) as session:
        addresses = [("::1", new.port), ("127.0.0.1", old.port)]
        old.respond("/", b"IPv4")
        new.respond("/", b"IPv6")
        yield session, {"IPv4": old, "IPv6": new}


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_15_5_one_family(both: tuple[Session, dict[str, Server]], family: str) -> None:
    """Contract 15.5: of a host with addresses of both families only those asked for are connected to."""
    session, servers = both

    assert family.encode() == get(session, address_family=family).content
    assert [] == [name for name, server in servers.items() if name != family and server.connection_count]


def test_15_5_connections_are_kept_apart(both: tuple[Session, dict[str, Server]]) -> None:
    """Contract 15.5, 17.10: an idle connection over IPv6 does not serve a request that wants IPv4."""
    session, _ = both
    session.address_family = "IPv6"

    assert [b"IPv6", b"IPv4", b"IPv6"] == [
        get(session, address_family=family).content for family in (None, "ipv4", "any")
    ]


@pytest.mark.parametrize(("value", "error"), [("IPv5", ValueError), (6, TypeError), ("", ValueError)])
def test_15_5_what_is_no_family(server: Server, value: Any, error: type[Exception]) -> None:
    """Contract 2.3, 15.5: another value is an error, and nothing is connected to."""
    request = UrlRequest(server.url, address_family=value)
    request.wait(20)

    assert isinstance(request.error, error)
    assert "address_family" in str(request.error)
    assert 0 == server.connection_count


def test_15_5_the_proxy(server: Server) -> None:
    """Contract 15.5: through a proxy, it is the proxy that is connected to; the host is the proxy's business."""
    server.respond("/", b"from the proxy")
    for family, content in (("IPv4", b"from the proxy"), ("IPv6", None)):
        request = UrlRequest(
            "http://[2001:db8::1]/", proxy_host="127.0.0.1", proxy_port=server.port, address_family=family
        )
        request.wait(20)
        assert content == request.content


class Foreign(UrlRequest):
    def get_connection_for_scheme(self, scheme: str) -> type:
        return http.client.HTTPConnection


@pytest.mark.parametrize(("family", "error"), [("any", None), ("IPv4", ValueError)])
def test_15_5_a_class_that_cannot_keep_it(server: Server, family: str, error: type[Exception] | None) -> None:
    """Contract 15.5, 18.1: a connection class that connects by itself is an error, unless any family will do."""
    request = Foreign(server.url, address_family=family)
    request.wait(20)

    assert error is (None if request.error is None else type(request.error))
