from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._net.tls_contexts import context_for
from urlrequest._net.tls_in_memory import TlsInMemory
from urlrequest._net.tls_settings import TlsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


class Outer:
    """Stands for the SSLSocket to the proxy, with a TLS server behind it; takes so many bytes at a time.

    Attributes:
        room: Bytes that the system takes until it has no room left; None: any number.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.room: int | None = None
        self.is_shut = False

    def send(self, octets: bytes) -> int:
        if self.room == 0:
            raise ssl.SSLWantWriteError
        taken = octets if self.room is None else octets[: self.room]
        self._incoming.write(taken)
        if self.room is not None:
            self.room -= len(taken)
        return len(taken)

    def recv(self, size: int) -> bytes:
        octets = self._outgoing.read(size)
        if not octets and not self.is_shut:
            raise ssl.SSLWantReadError
        return octets

    def pending(self) -> int:
        return 0

    def received(self) -> bytes:
        """All that has come through to the server."""
        octets = b""
        while True:
            try:
                octets += self.server.read(65536)
            except ssl.SSLWantReadError:
                return octets


@pytest.fixture
def outer(server_context: ssl.SSLContext) -> Outer:
    return Outer(server_context)


@pytest.fixture
def tls(outer: Outer, ca_file: str) -> TlsInMemory:
    """A connection whose handshake is done."""
    sock: Any = outer
    tls = TlsInMemory(sock, "localhost", context_for(TlsSettings(ca_file)), None)
    has_ended = False
    while not has_ended:
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            has_ended = True
        with suppress(ssl.SSLWantReadError):
            outer.server.do_handshake()
    return tls


def test_there_and_back(tls: TlsInMemory, outer: Outer) -> None:
    """Bytes go through both layers, in both directions."""
    assert 5 == tls.send(memoryview(b"hello"))
    assert b"hello" == outer.received()
    outer.server.write(b"world!")
    room = bytearray(9)
    assert 6 == tls.recv_into(memoryview(room), len(room))

    assert b"world!" == bytes(room[:6])
    with pytest.raises(ssl.SSLWantReadError):
        tls.recv(1)


@pytest.mark.parametrize("room", [0, 1, 1000, 20_000])
def test_what_was_sent_is_with_the_system(tls: TlsInMemory, outer: Outer, room: int) -> None:
    """MEMORY-1: send() raises until the system has taken everything, and nothing is lost or sent twice."""
    octets = bytes(range(256)) * 200
    outer.room = room
    raised = 0
    while True:
        try:
            sent = tls.send(memoryview(octets))
            break
        except ssl.SSLWantWriteError:
            raised += 1
            outer.room = room + 10_000

    assert raised
    assert len(octets) == sent
    assert octets == outer.received()


def test_a_large_send_is_taken_in_part(tls: TlsInMemory, outer: Outer) -> None:
    """One call encrypts 64 KiB at most, so that the memory for it stays small."""
    octets = bytes(200_000)

    assert 65536 == tls.send(memoryview(octets))
    assert octets[:65536] == outer.received()


def test_bytes_that_are_here_are_known(tls: TlsInMemory, outer: Outer) -> None:
    """What was received and not read is pending, as the system does not know of it."""
    outer.server.write(b"hello")
    assert b"h" == tls.recv(1)

    assert 4 == tls.pending()


def test_11_3_an_end_without_notice_is_an_error(tls: TlsInMemory, outer: Outer) -> None:
    """Contract 11.3: an outer connection that ends is no end of the inner one, which would announce it."""
    outer.is_shut = True

    with pytest.raises(ssl.SSLEOFError):
        tls.recv(1)


def test_11_3_an_end_with_notice(tls: TlsInMemory, outer: Outer) -> None:
    """Contract 11.3: the inner peer's close_notify is the end of the stream."""
    with suppress(ssl.SSLWantReadError):
        outer.server.unwrap()

    assert b"" == tls.recv(1)


IGNORE = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)


@pytest.fixture
def plain(server_context: ssl.SSLContext, ca_file: str) -> Iterator[tuple[TlsInMemory, ssl.SSLSocket]]:
    """A connection over a plain socket, with a context that hides cuts; and the server's side."""
    near, far = socket.socketpair()
    near.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    context = ssl.create_default_context(cafile=ca_file)
    context.options |= IGNORE
    tls = TlsInMemory(near, "localhost", context, None)
    sides: list[ssl.SSLSocket] = []
    server = threading.Thread(target=lambda: sides.append(server_context.wrap_socket(far, server_side=True)))
    server.start()
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            select.select([near], [], [], 10)
    server.join(10)
    with sides[0]:
        yield tls, sides[0]
    tls.close()


def test_over_a_plain_socket(plain: tuple[TlsInMemory, ssl.SSLSocket]) -> None:
    """A plain socket that would block counts as one of TLS that wants to read or write."""
    tls, server = plain
    with pytest.raises(ssl.SSLWantReadError):
        tls.recv(1)
    server.sendall(b"hello")
    assert b"hello" == tls.recv(10)
    assert 0 == tls.pending()
    with pytest.raises(ssl.SSLWantWriteError):
        tls.send(memoryview(bytes(65536)))


def test_11_3_a_cut_is_seen_whatever_the_context_hides(plain: tuple[TlsInMemory, ssl.SSLSocket]) -> None:
    """MEMORY-2, contract 11.3: with the option that hides a cut, the end of the socket is still none of TLS."""
    tls, server = plain
    server.sendall(b"hello")
    server.close()  # without close_notify

    assert b"hello" == tls.recv(10)
    with pytest.raises(ssl.SSLEOFError):
        tls.recv(10)


def test_11_3_an_end_over_a_plain_socket(plain: tuple[TlsInMemory, ssl.SSLSocket]) -> None:
    """MEMORY-2: close_notify is the end, although the end of the socket comes right behind it."""
    tls, server = plain
    server.sendall(b"hello")
    server.setblocking(False)
    with suppress(OSError):
        server.unwrap()
    server.close()

    assert b"hello" == tls.recv(10)
    assert b"" == tls.recv(10)
