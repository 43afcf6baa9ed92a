"""secure(): TLS over a connected socket, plain or itself TLS. Runs on the worker; every wait ends with the request."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from time import monotonic

from .cancel_scope import READ, WRITE, Phase
from .tls_in_tls import TlsInTls
from .tls_sessions import drop_session, find_session, session_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cancel_scope import CancelScope

__all__ = ["secure"]


def secure(sock: socket.socket, host: str, port: int | None, context: ssl.SSLContext, scope: CancelScope) -> Any:
    """Make the TLS handshake over a connected socket; the scope's timeout holds for the whole handshake.

    Args:
        host: The name that the certificate must have.
        port: Of the server, so that its TLS session can be resumed.
    Returns:
        The socket that speaks TLS. It owns `sock`.
    Raises:
        ssl.SSLError: The peer cannot be trusted, or does not speak TLS. The socket is left to the caller.
        OSError: The connection broke. RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    began, until = monotonic(), scope.step_end()
    key = session_key(context, host, port)
    tls: Any = _wrap(sock, host, context, find_session(key))
    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                wanted = READ
            except ssl.SSLWantWriteError:
                wanted = WRITE
            except ssl.SSLError:
                drop_session(key)  # some servers cannot resume the sessions that they gave out
                raise
            scope.wait({tls.fileno(): wanted}, until, f"the TLS handshake with {host}")
    except BaseException:
        tls.close()
        raise
    scope.timings[Phase.TLS] = monotonic() - began
    return tls


def _wrap(sock: Any, host: str, context: ssl.SSLContext, session: Any) -> Any:
    """Put an SSLSocket round a socket, or TlsInTls round an SSLSocket; no handshake yet."""
    # The certificate names neither the dot of the root zone nor an interface of this machine.
    name = host.partition("%")[0].rstrip(".")
    if isinstance(sock, ssl.SSLSocket):
        return TlsInTls(sock, name, context, session)
    try:
        sock.getpeername()
    except OSError as error:
        # wrap_socket() would lose the descriptor of a socket whose peer has gone already.
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or errno.ECONNRESET
        raise OSError(code, f"the TLS handshake with {host}: {os.strerror(code)}") from error
    # suppress_ragged_eofs would make a cut connection look like the end of a body without a length.
    return context.wrap_socket(
        sock, server_hostname=name, do_handshake_on_connect=False, suppress_ragged_eofs=False, session=session
    )
