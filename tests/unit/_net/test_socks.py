from __future__ import annotations

import socket
from typing import Any

import pytest

from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.socks import open_socks_tunnel
from urlrequest.errors import ProxyError

ANONYMOUS, PASSWORD, NOTHING = b"\x05\x00", b"\x05\x02", b"\x05\xff"
CONNECTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


class Stream:
    """Stands for a NetworkStream: gives the proxy's bytes one by one, and keeps what is sent."""

    peer = "the proxy proxy:1080"

    def __init__(self, octets: bytes) -> None:
        self.left = octets
        self.sent: list[bytes] = []
        self.scope = CancelScope()

    def send_all(self, octets: bytes) -> None:
        self.sent.append(octets)

    def receive(self, size: int) -> bytes:
        piece, self.left = self.left[:1], self.left[1:]
        return piece


def open_tunnel(
    octets: bytes, host: str = "a.test", userinfo: tuple[str, str] | None = None, scheme: str = "socks5"
) -> Stream:
    stream: Any = Stream(octets)
    open_socks_tunnel(stream, scheme, host, 80, userinfo)
    assert isinstance(stream, Stream)
    return stream


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("a.test", b"\x03\x06a.test"),
        ("127.0.0.1", b"\x01\x7f\x00\x00\x01"),
        ("::1", b"\x04" + bytes(15) + b"\x01"),
        ("fe80::1%eth0", b"\x04\xfe\x80" + bytes(13) + b"\x01"),
    ],
)
def test_14_1_names_go_to_the_proxy(host: str, address: bytes) -> None:
    """Contract 14.1: the proxy gets names as they are, and addresses as addresses."""
    stream = open_tunnel(ANONYMOUS + CONNECTED, host)

    assert [b"\x05\x01\x00", b"\x05\x01\x00" + address + b"\x00\x50"] == stream.sent


@pytest.mark.parametrize(
    "bound", [b"\x01\x7f\x00\x00\x01", b"\x04" + bytes(16), b"\x03\x05x.tes"], ids=["IPv4", "IPv6", "name"]
)
def test_14_1_what_follows_is_the_origins(bound: bytes) -> None:
    """Contract 14.1: not one byte is received beyond the proxy's reply, whatever address the reply names."""
    stream = open_tunnel(ANONYMOUS + b"\x05\x00\x00" + bound + b"\x00\x50" + b"origin")

    assert b"origin" == stream.left


def test_14_1_password() -> None:
    """Contract 14.1: user and password go to a proxy that asks for them."""
    stream = open_tunnel(PASSWORD + b"\x01\x00" + CONNECTED, userinfo=("me", "secret"))

    assert [b"\x05\x02\x00\x02", b"\x01\x02me\x06secret"] == stream.sent[:2]


def test_14_1_password_that_is_not_wanted() -> None:
    """Contract 14.1: a proxy that wants no password gets none."""
    stream = open_tunnel(ANONYMOUS + CONNECTED, userinfo=("me", "secret"))

    assert 2 == len(stream.sent)
    assert b"secret" not in b"".join(stream.sent)


@pytest.mark.parametrize(
    ("octets", "userinfo", "message"),
    [
        (b"HTTP/1.1 400 Bad", None, "the proxy proxy:1080 does not speak SOCKS5; it seems to be an HTTP server"),
        (b"SSH-2.0-OpenSSH", None, "the proxy proxy:1080 does not speak SOCKS5$"),
        (NOTHING, None, "accepts none of the authentication methods .*; it may want a user and a password"),
        (PASSWORD, None, "accepts none of the authentication methods"),
        (PASSWORD + b"\x01\x01", ("me", "secret"), "refused the user and the password"),
        (PASSWORD, ("", "secret"), "is empty or longer than 255 bytes"),
        (PASSWORD, ("me", "x" * 256), "is empty or longer than 255 bytes"),
        (ANONYMOUS + b"\x05\x05\x00\x01", None, "cannot connect to a.test:80: the connection was refused"),
        (ANONYMOUS + b"\x05\x06\x00\x01", None, "cannot connect to a.test:80: it timed out"),
        (ANONYMOUS + b"\x05\x63\x00\x01", None, r"cannot connect to a.test:80: unknown failure \(reply 99\)"),
        (ANONYMOUS, None, "closed the connection within .*, when it was to connect to a.test:80"),
        *((whole[:size], None, "closed the connection within") for whole in [ANONYMOUS + CONNECTED]
          for size in range(len(whole))),
    ],
)  # fmt: skip
def test_14_2_failures(octets: bytes, userinfo: tuple[str, str] | None, message: str) -> None:
    """Contract 14.2, 16.3: what goes wrong with the proxy is a ProxyError that says so, at every byte."""
    with pytest.raises(ProxyError, match=message):
        open_tunnel(octets, userinfo=userinfo)


def test_14_1_the_password_is_in_no_message() -> None:
    """Contract 14.1: an error shows no password."""
    with pytest.raises(ProxyError) as caught:
        open_tunnel(PASSWORD + b"\x01\x01", userinfo=("me", "secret"))

    assert "secret" not in str(caught.value)


# SOCKS4 and SOCKS4a

GRANTED = b"\x00\x5a\x00\x50\x7f\x00\x00\x01"


@pytest.mark.parametrize("reply", [GRANTED, b"\x04" + GRANTED[1:]], ids=["0", "4"])
def test_14_1_socks4_is_given_an_address(reply: bytes) -> None:
    """Contract 14.1: SOCKS4 gets the address of the host, and the user; what follows the reply is the origin's."""
    stream = open_tunnel(reply + b"origin", "127.0.0.1", ("me", "secret"), scheme="socks4")

    assert [b"\x04\x01\x00\x50\x7f\x00\x00\x01me\x00"] == stream.sent
    assert b"origin" == stream.left


def test_14_1_socks4_resolves_names_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 14.1: the first IPv4 address of a name goes to a SOCKS4 proxy."""
    addresses = [(socket.AF_INET6, 1, 6, "", ("::1", 80, 0, 0)), (socket.AF_INET, 1, 6, "", ("192.0.2.7", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    stream = open_tunnel(GRANTED, scheme="socks4")

    assert [b"\x04\x01\x00\x50\xc0\x00\x02\x07\x00"] == stream.sent


def test_14_1_socks4_without_an_ipv4_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 14.2: a host that has no IPv4 address cannot be reached through SOCKS4; the error says what can."""
    addresses = [(socket.AF_INET6, 1, 6, "", ("::1", 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    for host in ("a.test", "::1"):
        with pytest.raises(ProxyError, match="SOCKS4 needs an IPv4 address; socks4a and socks5 need none"):
            open_tunnel(GRANTED, host, scheme="socks4")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", b"\x7f\x00\x00\x01\x00"),
        ("a.test", b"\x00\x00\x00\x01\x00a.test\x00"),
        ("::1", b"\x00\x00\x00\x01\x00::1\x00"),
    ],
)
def test_14_1_socks4a_is_given_names(host: str, address: bytes) -> None:
    """Contract 14.1: SOCKS4a gets a name as it is, behind an address that says so."""
    stream = open_tunnel(GRANTED, host, scheme="socks4a")

    assert [b"\x04\x01\x00\x50" + address] == stream.sent


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"\x00\x5b" + bytes(6), "cannot connect to a.test:80: the request was rejected or failed"),
        (b"\x00\x5c" + bytes(6), "cannot connect to a.test:80: it cannot ask the identd"),
        (b"\x00\x5d" + bytes(6), "cannot connect to a.test:80: the identd of this machine names another user"),
        (b"\x00\x00" + bytes(6), r"cannot connect to a.test:80: unknown failure \(reply 0\)"),
        (b"\x05\xff", "the proxy proxy:1080 does not speak SOCKS4$"),
        (b"HTTP/1.1 400 Bad Request", "does not speak SOCKS4; it seems to be an HTTP server"),
        *((GRANTED[:size], "closed the connection within") for size in range(len(GRANTED))),
    ],
)
def test_14_2_socks4_failures(octets: bytes, message: str) -> None:
    """Contract 14.2, 16.3: what goes wrong with a SOCKS4 proxy is a ProxyError that says so, at every byte."""
    with pytest.raises(ProxyError, match=message):
        open_tunnel(octets, scheme="socks4a")
