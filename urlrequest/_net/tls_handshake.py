"""secure(): TLS over a connected socket, plain or itself TLS. Runs on the worker; every wait ends with the request."""

from __future__ import annotations

import ssl
from time import monotonic

from .cancel_scope import READ, WRITE
from .tls_contexts import OP_IGNORE_UNEXPECTED_EOF, described_trust
from .tls_in_memory import TlsInMemory
from .tls_sessions import drop_session, find_session, session_key
from .tls_socket import StrictSocket, peer_has_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .cancel_scope import CancelScope
    from .tls_contexts import LazyContext

__all__ = ["secure"]


def secure(sock: socket.socket, host: str, port: int | None, lazy: LazyContext, scope: CancelScope) -> Any:
    """Make the TLS handshake over a connected socket; the scope's timeout holds for the whole handshake.

    Args:
        host: The name that the certificate must have.
        port: Of the server, so that its TLS session can be resumed.
        lazy: The context, and the settings that it is for.
    Returns:
        The socket that speaks TLS. It owns `sock`.
    Raises:
        ssl.SSLError: The peer cannot be trusted, or does not speak TLS. The socket is left to the caller.
        OSError: The connection broke, or the certificate files cannot be used.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    began, until = monotonic(), scope.step_end()
    context, settings = lazy.get(), lazy.settings
    key = session_key(context, host, port)
    try:
        tls: Any = _wrap(sock, host, context, find_session(key))
    except ValueError as error:
        if str(error) in {"d2i() failed", "i2d() failed"}:  # as of `NetworkStream.tls_session`
            raise MemoryError("there is no memory for a copy of the TLS session") from error
        raise
    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                wanted = READ
            except ssl.SSLWantWriteError:
                wanted = WRITE
            except OSError as error:
                drop_session(key)  # some servers cannot resume the sessions that they gave out
                from .tls_errors import handshake_error  # few handshakes fail

                is_begun = tls.cipher() is not None  # which comes with the first message of the server, or a session
                raise handshake_error(error, host, port, described_trust(settings), speaks_tls=is_begun) from None
            scope.wait({tls.fileno(): wanted}, until, f"the TLS handshake with {host}")
        if settings.fingerprint is not None:
            _check_fingerprint(tls.getpeercert(True), settings.fingerprint, host)
    except BaseException:
        tls.close()
        raise
    scope.timings["tls"] = monotonic() - began
    return tls


def _check_fingerprint(certificate: bytes | None, fingerprint: str, host: str) -> None:
    """Compare the server's certificate, in DER form, with the one that the user has pinned (contract 13.4).

    Raises:
        ssl.SSLCertVerificationError: It is another one.
    """
    from hashlib import sha256  # few requests have a fingerprint

    found = sha256(certificate or b"").hexdigest()
    if found != fingerprint:
        from .tls_errors import certificate_unaccepted

        raise certificate_unaccepted(
            f"the certificate of {host} has the fingerprint sha256:{found}, not the expected sha256:{fingerprint}"
        )


def _wrap(sock: Any, host: str, context: ssl.SSLContext, session: Any) -> Any:
    """Put an SSLSocket round a socket, or TlsInMemory where that cannot serve; no handshake yet."""
    # The certificate names neither the dot of the root zone nor an interface of this machine.
    name = host.partition("%")[0].rstrip(".")
    # A context of the user's is not changed; where it hides a cut from an SSLSocket, the other sees it all the same.
    if isinstance(sock, ssl.SSLSocket) or context.options & OP_IGNORE_UNEXPECTED_EOF:
        return TlsInMemory(sock, name, context, session)
    server_hostname: str | bytes = name
    if issubclass(context.sslsocket_class, StrictSocket):
        if type(context).__module__ == "ssl":  # those of gevent and eventlet take text
            server_hostname = name.encode("ascii")  # of text it would make this, by a codec that takes 5 ms to load
    else:
        try:
            sock.getpeername()
        except OSError as error:
            raise peer_has_gone(sock, host) from error
    # suppress_ragged_eofs would make a cut connection look like the end of a body without a length.
    return context.wrap_socket(
        sock, server_hostname=server_hostname, do_handshake_on_connect=False, suppress_ragged_eofs=False,
        session=session,
    )  # fmt: skip
