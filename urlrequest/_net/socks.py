"""open_socks_tunnel(): make a SOCKS proxy connect to the origin.

SOCKS5 (RFC 1928, with a password by RFC 1929) and SOCKS4a take the name of the host, which the proxy resolves. SOCKS4
takes an IPv4 address, so the name is resolved here. Runs on the worker; every wait of the stream ends with the request.
"""

from __future__ import annotations

import socket

from urlrequest.errors import ProxyError

from .resolver import is_ip_literal, resolve

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
    6: "it timed out (the time to live expired)",  # servers report by it that connecting took too long
    7: "it does not support CONNECT",
    8: "it does not support this type of address",
}

_VERSION_4, _GRANTED_4 = 4, 90
_FAILURES_4 = {  # by the number of the reply; there is no RFC, only the memo "SOCKS: A protocol for TCP proxy"
    91: "the request was rejected or failed",
    92: "it cannot ask the identd of this machine who the user is",
    93: "the identd of this machine names another user",
}
_NO_ADDRESS = b"\0\0\0\1"  # of SOCKS4a: the name follows


def open_socks_tunnel(
    stream: NetworkStream, scheme: str, host: str, port: int, userinfo: tuple[str, str] | None
) -> None:
    """Make the proxy connect to a host; afterwards the stream is a connection to that host.

    Args:
        scheme: socks5, socks5h, socks4 or socks4a.
        userinfo: User and password, for a proxy that asks for them. SOCKS4 sends the user only.
    Raises:
        ProxyError: The proxy refuses, or speaks another protocol. OSError: The connection broke.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    if scheme in {"socks4", "socks4a"}:
        _open_socks4_tunnel(stream, scheme, host, port, "" if userinfo is None else userinfo[0])
    else:
        _open_socks5_tunnel(stream, host, port, userinfo)


# SOCKS5


def _open_socks5_tunnel(stream: NetworkStream, host: str, port: int, userinfo: tuple[str, str] | None) -> None:
    methods = [_ANONYMOUS] if userinfo is None else [_ANONYMOUS, _PASSWORD]
    stream.send_all(bytes([_VERSION, len(methods), *methods]))
    version, method = _receive_exactly(stream, 2)
    if version != _VERSION:
        raise _wrong_protocol(stream, "SOCKS5", version)
    if method == _PASSWORD and userinfo is not None:
        _authenticate(stream, *userinfo)
    elif method != _ANONYMOUS:
        hint = "; it may want a user and a password" if userinfo is None else ""
        raise ProxyError(f"{stream.peer} accepts none of the authentication methods that it was offered{hint}")
    stream.send_all(bytes([_VERSION, _CONNECT, _RESERVED]) + _address(host) + port.to_bytes(2, "big"))
    _, status, _, kind = _receive_exactly(stream, 4, f", when it was to connect to {host}:{port}")
    if status:
        raise _refusal(stream, host, port, status, _FAILURES)
    _receive_exactly(stream, {_IPV4: 4, _IPV6: 16}.get(kind) or _receive_exactly(stream, 1)[0])
    _receive_exactly(stream, 2)


def _authenticate(stream: NetworkStream, user: str, password: str) -> None:
    name, secret = user.encode(), password.encode()
    if not 0 < len(name) < 256 or len(secret) > 255:
        raise ProxyError(f"the user or the password for {stream.peer} is empty or longer than 255 bytes")
    stream.send_all(bytes([1, len(name)]) + name + bytes([len(secret)]) + secret)
    if _receive_exactly(stream, 2)[1]:
        raise ProxyError(f"{stream.peer} refused the user and the password")


def _address(host: str) -> bytes:
    if is_ip_literal(host):
        family, kind = (socket.AF_INET6, _IPV6) if ":" in host else (socket.AF_INET, _IPV4)
        return bytes([kind]) + socket.inet_pton(family, host.partition("%")[0])
    name = host.encode("ascii")
    return bytes([_NAME, len(name)]) + name


# SOCKS4 and SOCKS4a


def _open_socks4_tunnel(stream: NetworkStream, scheme: str, host: str, port: int, user: str) -> None:
    name = b""
    if ":" not in host and is_ip_literal(host):
        address = socket.inet_aton(host)
    elif scheme == "socks4a":
        address, name = _NO_ADDRESS, host.partition("%")[0].encode("ascii") + b"\0"
    else:
        address = _resolve_ipv4(stream, host, port)
    # The user is a text up to a zero byte, which no userinfo has in it (see `parse_target()`).
    request = bytes([_VERSION_4, _CONNECT]) + port.to_bytes(2, "big") + address + user.encode() + b"\0" + name
    stream.send_all(request)
    version, status = _receive_exactly(stream, 2, f", when it was to connect to {host}:{port}")
    if version not in {0, _VERSION_4}:  # 0 by the memo, but some servers repeat the version
        raise _wrong_protocol(stream, "SOCKS4", version)
    if status != _GRANTED_4:
        raise _refusal(stream, host, port, status, _FAILURES_4)
    _receive_exactly(stream, 6)  # a port and an address, which mean nothing after CONNECT


def _resolve_ipv4(stream: NetworkStream, host: str, port: int) -> bytes:
    for family, _, _, _, address in resolve(host, port, stream.scope):
        if family == socket.AF_INET:
            return socket.inet_aton(address[0])
    raise ProxyError(
        f"{stream.peer} cannot connect to {host}:{port}: SOCKS4 needs an IPv4 address; socks4a and socks5 need none"
    )


# Both


def _wrong_protocol(stream: NetworkStream, protocol: str, first: int) -> ProxyError:
    # The first byte of "HTTP/1.1 400 ..."
    hint = "; it seems to be an HTTP server" if first == ord("H") else ""
    return ProxyError(f"{stream.peer} does not speak {protocol}{hint}")


def _refusal(stream: NetworkStream, host: str, port: int, status: int, reasons: dict[int, str]) -> ProxyError:
    reason = reasons.get(status, f"unknown failure (reply {status})")
    return ProxyError(f"{stream.peer} cannot connect to {host}:{port}: {reason}", status=status)


def _receive_exactly(stream: NetworkStream, count: int, moment: str = "") -> bytes:
    """Receive so many bytes and not one more: what follows comes from the origin.

    Args:
        moment: What the message of an error says besides; some proxies (ssh) close where they cannot connect.
    """
    octets = b""
    while len(octets) < count:
        piece = stream.receive(count - len(octets))
        if not piece:
            raise ProxyError(f"{stream.peer} closed the connection within the SOCKS handshake{moment}")
        octets += piece
    return octets
