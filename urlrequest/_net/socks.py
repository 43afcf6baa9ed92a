"""open_socks_tunnel(): make a SOCKS5 proxy connect to the origin (RFC 1928), with a password if it asks (RFC 1929).

Host names are sent to the proxy, which resolves them. Runs on the worker; every wait of the stream ends with the
request.
"""

from __future__ import annotations

import socket

from urlrequest.errors import ProxyError

from .resolver import is_ip_literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .stream import NetworkStream

__all__ = ["open_socks_tunnel"]

_VERSION, _CONNECT, _RESERVED = 5, 1, 0
_ANONYMOUS, _PASSWORD = 0, 2  # methods of authentication
_IPV4, _NAME, _IPV6 = 1, 3, 4  # types of address

_FAILURES = {  # by the number of the reply (RFC 1928, section 6)
    1: "general failure",
    2: "not allowed by its rules",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
    6: "the time to live expired",
    7: "it does not support CONNECT",
    8: "it does not support this type of address",
}


def open_socks_tunnel(stream: NetworkStream, host: str, port: int, userinfo: tuple[str, str] | None) -> None:
    """Make the proxy connect to a host; afterwards the stream is a connection to that host.

    Args:
        userinfo: User and password, for a proxy that asks for them.
    Raises:
        ProxyError: The proxy refuses, or speaks another protocol. OSError: The connection broke.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    methods = [_ANONYMOUS] if userinfo is None else [_ANONYMOUS, _PASSWORD]
    stream.send_all(bytes([_VERSION, len(methods), *methods]))
    version, method = _receive_exactly(stream, 2)
    if version != _VERSION:
        raise ProxyError(f"the proxy {stream.peer} does not speak SOCKS5")
    if method == _PASSWORD and userinfo is not None:
        _authenticate(stream, *userinfo)
    elif method != _ANONYMOUS:
        raise ProxyError(f"the proxy {stream.peer} accepts none of the authentication methods that it was offered")
    stream.send_all(bytes([_VERSION, _CONNECT, _RESERVED]) + _address(host) + port.to_bytes(2, "big"))
    _, status, _, kind = _receive_exactly(stream, 4)
    if status:
        reason = _FAILURES.get(status, "unknown failure")
        raise ProxyError(f"the proxy {stream.peer} cannot connect to {host}:{port}: {reason}", status=status)
    _receive_exactly(stream, {_IPV4: 4, _IPV6: 16}.get(kind) or _receive_exactly(stream, 1)[0])
    _receive_exactly(stream, 2)


def _authenticate(stream: NetworkStream, user: str, password: str) -> None:
    name, secret = user.encode(), password.encode()
    if not 0 < len(name) < 256 or len(secret) > 255:
        raise ProxyError(f"the user or the password for the proxy {stream.peer} is empty or longer than 255 bytes")
    stream.send_all(bytes([1, len(name)]) + name + bytes([len(secret)]) + secret)
    if _receive_exactly(stream, 2)[1]:
        raise ProxyError(f"the proxy {stream.peer} refused the user and the password")


def _address(host: str) -> bytes:
    if is_ip_literal(host):
        family, kind = (socket.AF_INET6, _IPV6) if ":" in host else (socket.AF_INET, _IPV4)
        return bytes([kind]) + socket.inet_pton(family, host.partition("%")[0])
    name = host.encode("ascii")
    return bytes([_NAME, len(name)]) + name


def _receive_exactly(stream: NetworkStream, count: int) -> bytes:
    """Receive so many bytes and not one more: what follows comes from the origin."""
    octets = b""
    while len(octets) < count:
        piece = stream.receive(count - len(octets))
        if not piece:
            raise ProxyError(f"the proxy {stream.peer} closed the connection within the SOCKS handshake")
        octets += piece
    return octets
