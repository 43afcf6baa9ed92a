"""TLS options as a value, the files that they name, and the check of what the user passed.

A plain value: no file is read and no context is made here, so every program loads this module, while `tls_contexts`,
`tls_handshake` and `tls_sessions` are loaded by the first request that speaks TLS.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    # A path; the paths of certificate and key; or these (None: the key is with the certificate) and a pass phrase.
    ClientCert = str | tuple[str, str] | tuple[str, str | None, bytes]

__all__ = ["TlsSettings", "check_tls", "parts_of_client_cert"]

MAX_SETTINGS = 32  # values; a program that passes a new file with each request must not fill the memory
SHA256_SIZE = 64  # hexadecimal digits


class TlsSettings:
    """The TLS options of a request (contract 13). Connections with different settings are never shared.

    Attributes:
        fingerprint: The SHA-256 of the server's certificate as lower-case hexadecimal digits, or None.
        parts: All of them.
    """

    __slots__ = ("ca_file", "client_cert", "fingerprint", "parts", "ssl_context", "verify")

    def __init__(
        self,
        ca_file: str | None = None,
        client_cert: ClientCert | None = None,
        ssl_context: ssl.SSLContext | None = None,
        fingerprint: str | None = None,
        *,
        verify: bool = True,
    ) -> None:
        self.ca_file: str | None = ca_file
        self.verify: bool = verify
        self.client_cert: ClientCert | None = client_cert
        self.ssl_context: ssl.SSLContext | None = ssl_context
        self.fingerprint: str | None = fingerprint
        self.parts: tuple[object, ...] = (ca_file, verify, client_cert, ssl_context, fingerprint)

    def context_key(self) -> Hashable:
        """What a context of these settings is made from, as it stands now. Equal keys have equal contexts.

        Raises:
            OSError: A certificate file is missing; the message names the option or the variable.
        """
        if self.ssl_context is not None:
            return self.parts
        files = self.files()
        return (self.parts, *files, *[_modified(*file) for file in files])

    def files(self) -> list[tuple[str, str]]:
        """The files and folders that a context is made from, each behind the option or the variable that names it."""
        files = []
        if self.verify and self.ca_file is not None:
            files.append(("ca_file", self.ca_file))
        elif self.verify:
            file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
            if file:
                files.append(("SSL_CERT_FILE", file))
            if folders:
                files += [("SSL_CERT_DIR", folder) for folder in folders.split(os.pathsep) if folder]
        if self.client_cert is not None:
            certificate, key, _ = parts_of_client_cert(self.client_cert)
            files += [("client_cert", certificate), ("client_cert", key or certificate)]
        return files

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TlsSettings) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)


def parts_of_client_cert(client_cert: ClientCert) -> tuple[str, str | None, bytes | None]:
    """The paths of certificate and key, and the pass phrase of the key; None where there is none."""
    if isinstance(client_cert, str):
        return client_cert, None, None
    if len(client_cert) == 2:
        return *client_cert, None
    return client_cert


def _modified(name: str, path: str) -> int | None:
    """When a file or folder has changed last; None for a folder of SSL_CERT_DIR that is not there.

    Raises:
        OSError: It cannot be looked at.
    """
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        if name == "SSL_CERT_DIR":
            return None  # the variable is a list for many programs, and OpenSSL skips such a folder, too
        from .tls_errors import unreadable  # few programs name a file that is not there

        raise unreadable(name, path, error) from None


# One object for equal settings: prepared requests, contexts and connections are looked up by their settings, and a
# dictionary compares identical keys without calling __eq__().
_known_settings = lru_cache(maxsize=MAX_SETTINGS)(TlsSettings)


def check_tls(
    ca_file: object, verify: object, client_cert: object, ssl_context: object, fingerprint: object = None
) -> TlsSettings:
    """Return the settings that the user's options mean.

    Raises:
        TypeError: An option has the wrong type; the message names it. ValueError: `fingerprint` is none.
    """
    if ca_file is not None:
        ca_file = _check_path("ca_file", ca_file)
    if client_cert is not None:
        client_cert = _check_client_cert(client_cert)
    if fingerprint is not None:
        fingerprint = _check_fingerprint(fingerprint)
    if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
        raise TypeError(f"ssl_context is {type(ssl_context).__name__}; an ssl.SSLContext is needed")
    if verify is None:
        verify = True
    elif verify is not True and verify is not False:
        # What is merely true or false is refused: requests takes a path here, and "" would turn all checks off.
        raise TypeError(f"verify is {type(verify).__name__}; True or False is needed (ca_file is for a path)")
    if ssl_context is not None:
        # Not from the cache, which would keep the user's context alive.
        return TlsSettings(ca_file, client_cert, ssl_context, fingerprint, verify=verify)
    return _known_settings(ca_file, client_cert, None, fingerprint, verify=verify)


def _check_client_cert(client_cert: object) -> ClientCert:
    """One path; those of the certificate and of its key; or these and the pass phrase of the key."""
    if not isinstance(client_cert, tuple | list):
        return _check_path("client_cert", client_cert)
    if len(client_cert) not in {2, 3}:
        raise TypeError(
            f"client_cert has {len(client_cert)} items; a path, (certificate, key) or (certificate, key, password) "
            "is needed"
        )
    certificate = _check_path("client_cert", client_cert[0])
    if len(client_cert) == 2:
        return certificate, _check_path("client_cert", client_cert[1])
    _, key, password = client_cert
    if not isinstance(password, str | bytes):
        raise TypeError(f"the password of client_cert is {type(password).__name__}; str or bytes is needed")
    key = None if key is None else _check_path("client_cert", key)
    return certificate, key, password.encode() if isinstance(password, str) else password


def _check_fingerprint(fingerprint: object) -> str:
    """The hexadecimal digits alone, in lower case; openssl prints them in upper case with colons between."""
    if not isinstance(fingerprint, str):
        raise TypeError(f'fingerprint is {type(fingerprint).__name__}; text such as "sha256:9f86d0..." is needed')
    name, _, text = fingerprint.strip().partition(":")
    digits = text.replace(":", "").strip().lower()
    if name.lower() != "sha256" or len(digits) != SHA256_SIZE or set(digits) - set("0123456789abcdef"):
        raise ValueError(f'fingerprint is {fingerprint[:80]!r}; "sha256:" and {SHA256_SIZE} hex digits are needed')
    return digits


def _check_path(name: str, value: object) -> str:
    if isinstance(value, bool | int) or not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(f"{name} is {type(value).__name__}; a path is needed")
    return os.fsdecode(value)
