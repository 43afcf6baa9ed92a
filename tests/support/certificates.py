"""Certificates: the TLS settings of servers, made of an authority that only tests trust."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

__all__ = ["NAMES", "context_of"]

NAMES = ("localhost", "127.0.0.1", "::1")  # what the certificates of tests' servers are for


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """The TLS settings of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
