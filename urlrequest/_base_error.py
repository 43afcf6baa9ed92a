"""The base classes of the exceptions, which `errors` and `_protocol_errors` derive from."""

from __future__ import annotations

__all__ = ["BaseProtocolError", "UrlRequestError"]


class UrlRequestError(Exception):
    """Base class of all exceptions of this library."""


class BaseProtocolError(UrlRequestError):
    """Base class of `ProtocolError`: what the library catches, so that `http.client` is imported for none to catch."""


UrlRequestError.__module__ = BaseProtocolError.__module__ = "urlrequest.errors"  # where users find them
