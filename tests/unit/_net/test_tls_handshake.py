from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._net import tls_sessions
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.tls_contexts import OP_IGNORE_UNEXPECTED_EOF, LazyContext, lazy_context
from urlrequest._net.tls_handshake import secure
from urlrequest._net.tls_in_memory import TlsInMemory
from urlrequest._net.tls_settings import TlsSettings
from urlrequest.errors import RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20.0  # seconds; only a failing test waits that long


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's socket, which does not block, and the server's."""
    near, far = socket.socketpair()
    near.setblocking(False)
    far.settimeout(PATIENCE)
    with near, far:
        yield near, far


@pytest.fixture
def scope() -> Iterator[CancelScope]:
    scope = CancelScope(timeout=PATIENCE)
    yield scope
    scope.release()


@pytest.fixture
def context(ca_file: str) -> LazyContext:
    return lazy_context(TlsSettings(ca_file))


def own(context: ssl.SSLContext) -> LazyContext:
    """A context of the user's."""
    return lazy_context(TlsSettings(ssl_context=context))


class TlsServer(threading.Thread):
    """Makes the server's side of a handshake, and sends a greeting."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self._socket, self._server_context = sock, context  # `_context` is the base class's own in CPython 3.14
        self.start()

    def run(self) -> None:
        # A client that does not trust the certificate ends this with an error.
        with (
            self._socket.dup() as sock,
            suppress(OSError),
            self._server_context.wrap_socket(sock, server_side=True) as tls,
        ):
            tls.sendall(b"hello")
            tls.recv(1)


def greeting(tls: Any, scope: CancelScope) -> bytes:
    while True:
        try:
            octets: bytes = tls.recv(5)
        except ssl.SSLWantReadError:
            scope.wait({tls.fileno(): 1}, scope.step_end(), "a test")
        else:
            return octets


@pytest.mark.parametrize("host", ["localhost", "localhost.", "127.0.0.1"])
def test_13_1_handshake(
    pair: tuple[socket.socket, socket.socket],
    scope: CancelScope,
    context: LazyContext,
    server_context: ssl.SSLContext,
    host: str,
) -> None:
    """Contract 13.1: a server with a good certificate is spoken to; the dot of the root is no part of its name."""
    server = TlsServer(pair[1], server_context)
    with secure(pair[0], host, 443, context, scope) as tls:
        assert b"hello" == greeting(tls, scope)
        assert not tls.getblocking()
    server.join(PATIENCE)

    assert scope.timings["tls"] > 0


def test_13_1_the_interface_is_no_part_of_the_name(
    pair: tuple[socket.socket, socket.socket], scope: CancelScope
) -> None:
    """Contract 13.1: the zone of an address is this machine's business; the certificate does not name it."""
    names: list[str] = []

    class Context(ssl.SSLContext):
        def wrap_socket(self, *arguments: Any, server_hostname: Any = None, **options: Any) -> Any:
            names.append(server_hostname)
            raise ssl.SSLError(1, "enough")

        wrap_bio = wrap_socket  # type: ignore[assignment]  # where Python's contexts hide a cut, as on Debian 12

    with pytest.raises(ssl.SSLError, match="enough"):
        secure(pair[0], "fe80::1%eth0", 443, own(Context(ssl.PROTOCOL_TLS_CLIENT)), scope)
    assert ["fe80::1"] == names


def test_13_1_another_name_is_refused(
    pair: tuple[socket.socket, socket.socket],
    scope: CancelScope,
    context: LazyContext,
    server_context: ssl.SSLContext,
) -> None:
    """Contract 13.1: a certificate for another name is an error, a kept session is dropped, the socket is closed."""
    key = tls_sessions.session_key(context.get(), "other.test", 443)
    server = TlsServer(pair[1], server_context)
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(pair[0], "other.test", 443, context, scope)
    server.join(PATIENCE)

    assert -1 == pair[0].fileno()
    assert tls_sessions.find_session(key) is None


def test_7_2_cancel_during_the_handshake(
    pair: tuple[socket.socket, socket.socket], scope: CancelScope, context: LazyContext
) -> None:
    """Contract 7.2: a server that says nothing does not hold up a cancelled request."""
    canceller = threading.Thread(target=lambda: (pair[1].recv(1), scope.cancel()))
    canceller.start()
    with pytest.raises(RequestCancelled):
        secure(pair[0], "localhost", 443, context, scope)
    canceller.join(PATIENCE)


def test_15_1_timeout_of_the_handshake(pair: tuple[socket.socket, socket.socket], context: LazyContext) -> None:
    """Contract 15.1: the handshake takes no longer than `timeout`, and the error says with whom."""
    scope = CancelScope(timeout=0.02)
    with pytest.raises(TimeoutError, match=r"the TLS handshake with localhost timed out after 0.02 s"):
        secure(pair[0], "localhost", 443, context, scope)
    scope.release()


@pytest.mark.no_leaks
@pytest.mark.parametrize("is_own", [False, True])
def test_a_peer_that_has_gone_before(scope: CancelScope, context: LazyContext, is_own: bool) -> None:
    """A socket whose peer has gone already is a connection error, and its descriptor is not lost."""
    if is_own:
        users = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        users.options &= ~OP_IGNORE_UNEXPECTED_EOF
        context = own(users)
    with socket.socket() as sock:
        sock.setblocking(False)
        with pytest.raises(ConnectionResetError, match="the TLS handshake with localhost failed: "):
            secure(sock, "localhost", 443, context, scope)


@pytest.mark.no_leaks
@pytest.mark.parametrize("hides_cuts", [False, True])  # such a context gets a TlsInMemory
def test_fault_129_no_memory_for_a_session(scope: CancelScope, *, hides_cuts: bool) -> None:
    """Fault 129: Python copies a session, and says ValueError where there is no memory for that; no other means it."""

    class Context(ssl.SSLContext):
        def wrap_socket(self, *_: Any, **__: Any) -> Any:
            raise ValueError(texts.pop())

        wrap_bio = wrap_socket

    users = Context(ssl.PROTOCOL_TLS_CLIENT)
    if hides_cuts:
        users.options |= OP_IGNORE_UNEXPECTED_EOF
    else:
        users.options &= ~OP_IGNORE_UNEXPECTED_EOF
    texts = ["another", "d2i() failed"]
    near, far = socket.socketpair()
    with near, far:
        with pytest.raises(MemoryError, match="no memory for a copy of the TLS session"):
            secure(near, "localhost", 443, own(users), scope)
        with pytest.raises(ValueError, match="another"):
            secure(near, "localhost", 443, own(users), scope)


def test_tls_inside_tls(
    pair: tuple[socket.socket, socket.socket],
    scope: CancelScope,
    context: LazyContext,
    server_context: ssl.SSLContext,
) -> None:
    """A socket that is TLS itself carries a second layer, up to the server behind the first."""

    def serve() -> None:
        with (
            server_context.wrap_socket(pair[1].dup(), server_side=True) as outer,
            suppress(BrokenPipeError),  # the client is content, and has gone
        ):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            inner = server_context.wrap_bio(incoming, outgoing, server_side=True)
            for step in (inner.do_handshake, lambda: inner.write(b"hello"), lambda: inner.read(1)):
                while True:
                    try:
                        step()  # type: ignore[operator]
                        outer.sendall(outgoing.read())
                        break
                    except ssl.SSLWantReadError:
                        outer.sendall(outgoing.read())
                        octets = outer.recv(65536)
                        if not octets:
                            return
                        incoming.write(octets)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    outer = secure(pair[0], "localhost", 8443, context, scope)
    inner = secure(outer, "127.0.0.1", 443, context, scope)
    assert isinstance(inner, TlsInMemory)
    assert b"hello" == greeting(inner, scope)
    inner.close()
    server.join(PATIENCE)

    assert not server.is_alive()
