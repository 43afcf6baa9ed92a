from __future__ import annotations

from typing import Any

import pytest

from urlrequest._net.socks import open_socks_tunnel
from urlrequest.errors import ProxyError

ANONYMOUS, PASSWORD, NOTHING = b"\x05\x00", b"\x05\x02", b"\x05\xff"
CONNECTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


class Stream:
    """Stands for a NetworkStream: gives the proxy's bytes one by one, and keeps what is sent."""

    peer = "proxy:1080"

    def __init__(self, octets: bytes) -> None:
        self.left = octets
        self.sent: list[bytes] = []

    def send_all(self, octets: bytes) -> None:
        self.sent.append(octets)

    def receive(self, size: int) -> bytes:
        piece, self.left = self.left[:1], self.left[1:]
        return piece


def open_tunnel(octets: bytes, host: str = "a.test", userinfo: tuple[str, str] | None = None) -> Stream:
    stream: Any = Stream(octets)
    open_socks_tunnel(stream, host, 80, userinfo)
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
        (b"HTTP/1.1 400 Bad Request", None, "the proxy proxy:1080 does not speak SOCKS5"),
        (NOTHING, None, "accepts none of the authentication methods"),
        (PASSWORD, None, "accepts none of the authentication methods"),
        (PASSWORD + b"\x01\x01", ("me", "secret"), "refused the user and the password"),
        (PASSWORD, ("", "secret"), "is empty or longer than 255 bytes"),
        (PASSWORD, ("me", "x" * 256), "is empty or longer than 255 bytes"),
        (ANONYMOUS + b"\x05\x05\x00\x01", None, "cannot connect to a.test:80: the connection was refused"),
        (ANONYMOUS + b"\x05\x63\x00\x01", None, "cannot connect to a.test:80: unknown failure"),
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
