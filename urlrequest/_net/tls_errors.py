"""What errors of TLS mean, and what they say.

OpenSSL names neither the host nor the file, and Python reports one and the same event by different classes in different
versions. So errors get more text here, and keep their class (contract 16.1, 16.3); only a cut has one class, whatever
reported it. Loaded by the first error.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _E = TypeVar("_E", bound=OSError)

__all__ = [
    "add_place",
    "add_text",
    "certificate_unaccepted",
    "cut_error",
    "handshake_error",
    "is_cut",
    "receive_error",
    "unreadable",
    "unusable",
]

MAX_LOOK = 1 << 20  # bytes of a certificate file that are looked at

# What OpenSSL calls it, in one version or another, when the first bytes of a peer are no TLS.
_NOT_TLS = frozenset({
    "BAD_RECORD_TYPE", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL", "WRONG_VERSION_NUMBER",
})  # fmt: skip
# X509_V_ERR_...: no authority that is trusted has issued the certificate. Others are about the certificate alone.
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21, 27})
_APPLICATION_VERIFICATION = 50  # X509_V_ERR_APPLICATION_VERIFICATION

_OID_OF_PKCS_7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_VERSION_3 = b"\x02\x01\x03"


def _amend(error: _E, text: str) -> _E:
    """Let an error say something else; it keeps its class and all that OpenSSL has put into it."""
    error.strerror = text
    error.args = (error.errno, text)
    return error


def add_text(error: _E, text: str) -> _E:
    """The same error, which says more; RemoteDisconnected, for one, has neither a number nor a `strerror`."""
    if error.strerror is None:
        error.args = (f"{error}{text}",)
        return error
    return _amend(error, f"{error.strerror}{text}")


def add_place(error: _E, place: str, hint: str = "") -> _E:
    """The same error, which says first what was done, and with whom."""
    return _amend(error, f"{place}: {error.strerror or error}{hint}")


# Connections


def is_cut(error: OSError) -> bool:
    """Whether TLS was cut: the connection broke, or ended without notice (close_notify).

    The class tells it in most versions. Python 3.11.2 raises a plain SSLError, of which only the reason tells.
    """
    if isinstance(error, ConnectionError | ssl.SSLEOFError):
        return True
    return isinstance(error, ssl.SSLError) and getattr(error, "reason", None) == "UNEXPECTED_EOF_WHILE_READING"


def cut_error(error: OSError, text: str) -> ssl.SSLEOFError:
    """The one error of a connection that was cut; `text` says where."""
    return ssl.SSLEOFError(ssl.SSL_ERROR_EOF, f"{text} ended without notice (close_notify): {error.strerror or error}")


def receive_error(error: OSError, peer: str) -> OSError:
    """The same error of TLS, which says from whom something was to be received."""
    hint = ""
    if getattr(error, "reason", None) == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        hint = "; the server demands a certificate of the client (client_cert)"
    return add_place(error, f"receiving from {peer}", hint)


def handshake_error(error: OSError, host: str, port: int | None, trusted: str, *, speaks_tls: bool) -> OSError:
    """The error of a handshake, with the host, and what may be done.

    Args:
        trusted: Which certificates are trusted, in words.
        speaks_tls: The peer has begun a handshake, now or in the session that was to be resumed.
    """
    text = f"the TLS handshake with {host} failed: {error.strerror or error}"
    place = host if port is None else f"port {port}"
    if is_cut(error):
        if not speaks_tls:
            text += f"; if {place} does not speak TLS, its URL must begin with http://"
        if isinstance(error, ConnectionError | ssl.SSLEOFError):
            return _amend(error, text)
        return ssl.SSLEOFError(ssl.SSL_ERROR_EOF, text)
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNKNOWN_ISSUER:
            text += f"; trusted are {trusted}"
    elif not speaks_tls and getattr(error, "reason", None) in _NOT_TLS:
        text += f"; {place} does not speak TLS: perhaps its URL must begin with http://"
    return _amend(error, text)


def certificate_unaccepted(text: str) -> ssl.SSLCertVerificationError:
    """The error of a check that is ours, in the shape of OpenSSL's own."""
    error = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, text)
    error.verify_code, error.verify_message = _APPLICATION_VERIFICATION, text
    return error


# Files


def unreadable(name: str, path: str, error: _E) -> _E:
    """The same error, which says that the file is what an option or a variable names."""
    error.filename = path
    return _amend(error, f"{name} cannot be opened: {error.strerror}")


def unusable(name: str, paths: tuple[str, ...], error: _E, *, was_asked: bool = False) -> _E:
    """The same error, which says what is wrong with the files that an option or a variable names.

    Args:
        was_asked: OpenSSL has asked for a password, and got one.
    """
    faults = [f"{path} {fault}" for path in dict.fromkeys(paths) if (fault := _fault(path)) is not None]
    if was_asked and getattr(error, "reason", None) != "KEY_VALUES_MISMATCH":
        reason = f"the password does not fit the key ({error.strerror})"
    elif faults:
        reason = ", ".join(faults)
    elif name == "client_cert" and not any(b"PRIVATE KEY-----" in _content(path) for path in paths):
        reason = "there is no private key in it"
        if len(set(paths)) == 1:
            reason += "; client_cert=(certificate, key) names two files"
    else:
        reason = str(error.strerror)
    return _amend(error, f"{name} {', '.join(dict.fromkeys(paths))} cannot be used: {reason}")


def _fault(path: str) -> str | None:
    """What keeps a file from being PEM, and how to convert it; None: it is, or cannot be looked at."""
    if not os.path.isfile(path):
        return None
    content = _content(path)
    if not content:
        return "is empty"
    if b"-----BEGIN " in content:
        return None
    if not content.startswith(b"0"):  # the tag of a SEQUENCE, with which all DER begins
        return "holds no PEM text (-----BEGIN ...)"
    if _VERSION_3 in content[:16] and _OID_OF_PKCS_7 in content[:32]:
        return (
            f"is a PKCS#12 file, which Python's ssl module does not read; `openssl pkcs12 -in {path} -out client.pem` "
            'converts it for client_cert=("client.pem", "client.pem", password)'
        )
    return f"is in DER form, not PEM; `openssl x509 -inform der -in {path} -out {path}.pem` converts a certificate"


def _content(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:
        return file.read(MAX_LOOK)
    return b""
