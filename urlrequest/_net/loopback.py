"""Servers on this machine: a connection over the loopback interface is there at once, without a wait.

So the thread that makes a request may open it itself (see `_engine.launch`). That takes an address, and a look-up may
wait. So a worker notes the address to which it has connected: of "localhost", or of a host that is an address itself.
Other names that lead to this machine today may lead elsewhere tomorrow; they are looked up each time, as is "localhost"
where the program has a function of its own that looks names up.

Only Linux and Android have the connection when the call that begins it returns; elsewhere nothing is noted.

Any thread may call this.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

from .resolver import asks_system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["connect_at_once", "forget", "note", "servers"]

IS_AT_ONCE = sys.platform in {"linux", "android"}
MAX_SERVERS = 256  # that are noted; a test suite may start thousands, each with a port of its own

servers: dict[tuple[str, int, int], tuple[int, Any]] = {}
"""Host, port and wanted family -> address family and address. Its single operations are atomic."""


def note(host: str, port: int, family: int, sock: socket.socket) -> None:
    """Note where a server was found, if it is on this machine.

    Args:
        family: As of `Route.family`.
        sock: Connected to it.
    """
    if not IS_AT_ONCE or not (host == "localhost" or _is_loopback(host)) or _must_be_looked_up(host):
        return
    with suppress(OSError):  # the connection was reset just now
        address = sock.getpeername()
        if _is_loopback(address[0]) and host in {"localhost", address[0]}:
            if len(servers) >= MAX_SERVERS:
                servers.clear()
            servers[host, port, family] = sock.family, address


def connect_at_once(host: str, port: int, family: int) -> socket.socket:
    """Return a socket to a server that was noted. Small packets are sent at once (TCP_NODELAY).

    As a rule it is connected; if it is not, because the server has too much to do, nothing can be sent on it.

    Raises:
        KeyError: The server is not noted any more. OSError: It is gone, or no descriptor is left, or the program looks
            names up by itself now.
    """
    if _must_be_looked_up(host):
        raise OSError(f"{host} must be looked up")
    own_family, address = servers[host, port, family]
    sock = socket.socket(own_family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with suppress(BlockingIOError):
            sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _must_be_looked_up(host: str) -> bool:
    return host == "localhost" and not asks_system()


def forget(host: str, port: int, family: int) -> None:
    """Forget a server that could not be sent to at once. A worker may note it again."""
    servers.pop((host, port, family), None)
