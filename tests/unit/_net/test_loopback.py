from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from urlrequest._net import loopback
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.connect import connect_to_host

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.no_leaks,
    pytest.mark.skipif(not loopback.IS_AT_ONCE, reason="connections are not there at once on this system"),
]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def connect(host: str, port: int, family: int = 0) -> None:
    connect_to_host(host, port, CancelScope(timeout=20), family).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_is_found_again(listener: socket.socket, host: str) -> None:
    """Where a worker has connected to it, the next connection is there when the call returns."""
    port = port_of(listener)
    connect(host, port, socket.AF_INET)
    listener.accept()[0].close()
    with loopback.connect_at_once(host, port, socket.AF_INET) as sock:
        assert 1 == sock.send(b"x")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert 0.0 == sock.gettimeout()
        with listener.accept()[0] as other:
            assert b"x" == other.recv(10)


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_over_ipv6() -> None:
    """It is found again at ::1 likewise."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this system has no IPv6")
    with listener:
        connect("::1", port_of(listener))
        loopback.connect_at_once("::1", port_of(listener), 0).close()


@pytest.mark.parametrize("wanted", [("127.0.0.2", 0), ("127.0.0.1", socket.AF_INET)])
def test_only_the_same_host_and_family(listener: socket.socket, wanted: tuple[str, int]) -> None:
    """What was noted for one says nothing of another."""
    host, family = wanted
    connect("127.0.0.1", port_of(listener))
    with pytest.raises(KeyError):
        loopback.connect_at_once(host, port_of(listener), family)


@pytest.mark.parametrize("host", ["own.test", "127.own.test"])
def test_other_names_are_looked_up_each_time(
    listener: socket.socket, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads to this machine today may lead elsewhere tomorrow."""
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address])
    connect(host, port_of(listener))
    assert {} == loopback.servers


@pytest.mark.parametrize("replaces_first", [True, False])
def test_a_look_up_of_the_programs_own(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, replaces_first: bool
) -> None:
    """Where a program looks names up by a function of its own, it is asked for localhost each time."""
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())
    if replaces_first:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address])
    connect("localhost", port_of(listener), socket.AF_INET)
    assert (not replaces_first) == bool(loopback.servers)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address])
    with pytest.raises(OSError, match="must be looked up"):
        loopback.connect_at_once("localhost", port_of(listener), socket.AF_INET)


def test_a_peer_that_has_gone_is_not_noted() -> None:
    """A connection that was reset just now has no address any more."""
    with socket.socket() as sock:
        loopback.note("127.0.0.1", 1, 0, sock)
    assert {} == loopback.servers


def test_where_connections_take_time(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """On other systems the call that begins a connection returns before it is there."""
    monkeypatch.setattr(loopback, "IS_AT_ONCE", False)
    connect("127.0.0.1", port_of(listener))
    assert {} == loopback.servers


def test_a_server_that_is_gone(listener: socket.socket) -> None:
    """Nothing stays open; a worker will say what is wrong."""
    port = port_of(listener)
    connect("127.0.0.1", port)
    listener.close()
    with pytest.raises(OSError), loopback.connect_at_once("127.0.0.1", port, 0) as sock:  # noqa: PT011
        sock.send(b"x")
    loopback.forget("127.0.0.1", port, 0)
    loopback.forget("127.0.0.1", port, 0)
    assert {} == loopback.servers


def test_few_are_noted(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that come and go take no memory for ever."""
    monkeypatch.setattr(loopback, "MAX_SERVERS", 2)
    for family in (0, socket.AF_INET):
        connect("127.0.0.1", port_of(listener), family)
    connect("localhost", port_of(listener), socket.AF_INET)
    assert [("localhost", port_of(listener), socket.AF_INET)] == list(loopback.servers)
