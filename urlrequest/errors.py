"""The exceptions of this library.

Every one is a `UrlRequestError` and also its nearest standard type, so that code written for the standard exceptions
keeps working (contract 16.2). Standard exceptions of the system (refused connections, name resolution, certificates,
disk) arrive unwrapped (contract 16.1).

    UrlRequestError
    ├── InvalidURL                 ValueError
    │   └── UnsupportedScheme
    ├── ProxyError                 OSError
    ├── HTTPStatusError            OSError
    ├── AuthenticationError        RuntimeError
    ├── DeadlineExceeded           TimeoutError
    ├── TransferTooSlow            TimeoutError
    ├── ProtocolError              http.client.HTTPException
    │   └── IncompleteContent      http.client.IncompleteRead
    ├── ContentDecodingError       ValueError
    ├── ContentTooLarge            ValueError
    ├── ChecksumMismatch           ValueError
    ├── UnexpectedContentType      ValueError
    ├── TooManyRedirects           RuntimeError
    ├── UnsafeRedirect             RuntimeError
    ├── RequestCancelled           RuntimeError
    └── HookError                  RuntimeError

    InsecureRequestWarning         UserWarning

A message says what was attempted, where, and the figure; it never contains credentials (contract 16.3).

The library itself raises `errors.ProtocolError` and `errors.IncompleteContent`, which are looked up then, and catches
`errors.BaseProtocolError`: `from urlrequest.errors import ProtocolError` would import `http.client` for each program.
"""

from __future__ import annotations

from ._base_error import BaseProtocolError as BaseProtocolError  # noqa: PLC0414 - what the library catches, see above
from ._base_error import UrlRequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._protocol_errors import IncompleteContent, ProtocolError

__all__ = [
    "AuthenticationError",
    "ChecksumMismatch",
    "ContentDecodingError",
    "ContentTooLarge",
    "DeadlineExceeded",
    "HTTPStatusError",
    "HookError",
    "IncompleteContent",
    "InsecureRequestWarning",
    "InvalidURL",
    "ProtocolError",
    "ProxyError",
    "RequestCancelled",
    "TooManyRedirects",
    "TransferTooSlow",
    "UnexpectedContentType",
    "UnsafeRedirect",
    "UnsupportedScheme",
    "UrlRequestError",
]


def __getattr__(name: str) -> Any:
    """Import the two errors that are errors of `http.client` as well, which takes long to import, when one is used."""
    if name not in {"IncompleteContent", "ProtocolError"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _protocol_errors

    globals().update(IncompleteContent=_protocol_errors.IncompleteContent, ProtocolError=_protocol_errors.ProtocolError)
    return globals()[name]


class InvalidURL(UrlRequestError, ValueError):
    """The text is not a URL that can be requested (contract 9.4)."""


class UnsupportedScheme(InvalidURL):
    """No connection class serves the scheme of the URL (contract 9.4, 18.1)."""


class ProxyError(UrlRequestError, OSError):
    """The proxy refused the tunnel or did not speak HTTP (contract 14.2).

    Attributes:
        status: The proxy's status code, or None when it sent none.
        headers: The headers of the proxy's response; empty when it sent none.
    """

    def __init__(self, message: str, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers: Mapping[str, str] = {} if headers is None else headers


class HTTPStatusError(UrlRequestError, OSError):
    """`raise_for_status()` was called, and the response is no success (contract 11.8).

    Attributes:
        status: The response's status code.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AuthenticationError(UrlRequestError, RuntimeError):
    """A server or a proxy asks for credentials, and the request cannot be sent again with them (contract 10.10)."""


class DeadlineExceeded(UrlRequestError, TimeoutError):
    """The request's `deadline` passed before it was complete (contract 15.2)."""


class TransferTooSlow(UrlRequestError, TimeoutError):
    """Fewer bytes per second were sent or received than `low_speed` allows (contract 15.6)."""


class ContentDecodingError(UrlRequestError, ValueError):
    """The content encoding of a body is unknown, or the body is corrupt or truncated (contract 4.6)."""


class ContentTooLarge(UrlRequestError, ValueError):
    """The body is larger than allowed, or expands beyond reason (contract 17.6)."""


class ChecksumMismatch(UrlRequestError, ValueError):
    """The body does not have the expected checksum (contract 12.4)."""


class UnexpectedContentType(UrlRequestError, ValueError):
    """A success is of another type than `expect_type` names (contract 12.5)."""


class TooManyRedirects(UrlRequestError, RuntimeError):
    """The chain of redirects is longer than allowed (contract 17.4)."""


class UnsafeRedirect(UrlRequestError, RuntimeError):
    """A redirect leads from https to http (contract 17.4)."""


class RequestCancelled(UrlRequestError, RuntimeError):
    """The request was cancelled before it was complete (contract 7)."""


class HookError(UrlRequestError, RuntimeError):
    """A hook was used in a way that its event loop does not allow (contract 8)."""


class InsecureRequestWarning(UserWarning):
    """A request was made with `verify=False` and without `fingerprint` (contract 13.2)."""
