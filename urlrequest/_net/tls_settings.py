"""TLS options as a value, and the check of what the user passed.

A plain value: nothing is read and no context is made here, so every program loads this module, while
`tls_contexts`, `tls_handshake` and `tls_sessions` are loaded by the first request that speaks TLS.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

__all__ = ["TlsSettings", "check_tls"]

MAX_SETTINGS = 32  # values; a program that passes a new file with each request must not fill the memory


class TlsSettings:
    """The TLS options of a request (contract 13). Connections with different settings are never shared."""

    __slots__ = ("_all", "ca_file", "client_cert", "ssl_context", "verify")

    def __init__(
        self,
        ca_file: str | None = None,
        client_cert: str | tuple[str, ...] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        *,
        verify: bool = True,
    ) -> None:
        self.ca_file = ca_file
        self.verify = verify
        self.client_cert = client_cert
        self.ssl_context = ssl_context
        self._all = (ca_file, verify, client_cert, ssl_context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TlsSettings) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)


# One object for equal settings: prepared requests, contexts and connections are looked up by their settings, and a
# dictionary compares identical keys without calling __eq__().
_known_settings = lru_cache(maxsize=MAX_SETTINGS)(TlsSettings)


def check_tls(ca_file: object, verify: object, client_cert: object, ssl_context: object) -> TlsSettings:
    """Return the settings that the user's options mean.

    Raises:
        TypeError: An option has the wrong type; the message names it.
    """
    if ca_file is not None:
        ca_file = _check_path("ca_file", ca_file)
    if client_cert is not None:
        client_cert = _check_client_cert(client_cert)
    if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
        raise TypeError(f"ssl_context is {type(ssl_context).__name__}; an ssl.SSLContext is needed")
    has_checks = verify is None or bool(verify)
    if ssl_context is not None:
        # Not from the cache, which would keep the user's context alive.
        return TlsSettings(ca_file, client_cert, ssl_context, verify=has_checks)
    return _known_settings(ca_file, client_cert, verify=has_checks)


def _check_client_cert(client_cert: object) -> str | tuple[str, ...]:
    """One path, or those of the certificate and of its key."""
    if not isinstance(client_cert, tuple | list):
        return _check_path("client_cert", client_cert)
    if len(client_cert) != 2:
        raise TypeError(f"client_cert has {len(client_cert)} items; a path or (certificate, key) is needed")
    return tuple(_check_path("client_cert", part) for part in client_cert)


def _check_path(name: str, value: object) -> str:
    if isinstance(value, bool | int) or not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(f"{name} is {type(value).__name__}; a path is needed")
    return os.fsdecode(value)
