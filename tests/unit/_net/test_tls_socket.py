from __future__ import annotations

import os
import select
import socket
import struct

import pytest

from urlrequest._net.tls_contexts import lazy_context
from urlrequest._net.tls_settings import TlsSettings


def test_a_peer_goes_just_when_the_socket_is_made(ca_file: str) -> None:
    """No descriptor is lost, whoever holds the error; Python's own class leaves it to the garbage collector."""
    context = lazy_context(TlsSettings(ca_file)).get()
    near = socket.socket()  # not connected, as one whose peer has gone
    descriptor = near.fileno()
    with pytest.raises(ConnectionResetError, match=r"the TLS handshake with a\.test failed") as caught:
        context.wrap_socket(near, server_hostname="a.test", do_handshake_on_connect=False)

    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)
    assert caught.value.__traceback__ is not None


def test_a_peer_goes_later(ca_file: str) -> None:
    """The socket is its owner's then, as any SSLSocket is."""
    context = lazy_context(TlsSettings(ca_file)).get()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as near:
        far = listener.accept()[0]
        with context.wrap_socket(near, server_hostname="a.test", do_handshake_on_connect=False) as tls:
            assert listener.getsockname() == tls.getpeername()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.close()
            assert select.select([tls], [], [], 20)[0], "the reset has come"
            with pytest.raises(OSError, match="connected"):
                tls.getpeername()
            assert tls.fileno() >= 0
