"""HTTP requests on worker threads; your event loop runs their callbacks.

Example::

    from urlrequest import UrlRequest

    request = UrlRequest("http://example.org/data.json", on_success=lambda request, result: print(result))
    request.wait()  # in a script; in a GUI program the event loop runs the callback
"""

from __future__ import annotations

from ._version import __version__

TYPE_CHECKING = False  # instead of that of `typing`, which alone takes longer to import than this package
if TYPE_CHECKING:
    from typing import Any

    from . import errors, hooks, streams, testing
    from ._client.cookie_store import Cookie, CookieStore
    from ._engine.netrc_auth import NetrcAuth
    from ._http.digest import DigestAuth
    from ._http.headers import Headers
    from ._http1.public_connection import HTTPConnection, HTTPSConnection
    from ._public import (
        Session,
        UrlRequest,
        UrlRequestBase,
        UrlRequestUrllib,
        as_completed,
        cancel_all,
        defaults,
        drain,
        g_requests,
        install,
        uninstall,
        wait_all,
    )

__all__ = [
    "Cookie",
    "CookieStore",
    "DigestAuth",
    "HTTPConnection",
    "HTTPSConnection",
    "Headers",
    "NetrcAuth",
    "Session",
    "UrlRequest",
    "UrlRequestBase",
    "UrlRequestUrllib",
    "__version__",
    "as_completed",
    "cancel_all",
    "defaults",
    "drain",
    "errors",
    "g_requests",
    "hooks",
    "install",
    "streams",
    "testing",
    "uninstall",
    "wait_all",
]

_PACKAGES = {"errors", "hooks", "streams", "testing"}
_APART = {  # names that many programs do not use, and their modules
    "Cookie": "._client.cookie_store",
    "CookieStore": "._client.cookie_store",
    "DigestAuth": "._http.digest",
    "HTTPConnection": "._http1.public_connection",
    "HTTPSConnection": "._http1.public_connection",
    "Headers": "._http.headers",
    "NetrcAuth": "._engine.netrc_auth",
}


def __getattr__(name: str) -> Any:
    """Import the library when the first of its names is used, so that importing the package costs nearly nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _PACKAGES:  # programs that do not use them do not load them
        return import_module(f".{name}", __name__)
    if name in _APART:
        return getattr(import_module(_APART[name], __name__), name)
    public = import_module("._public", __name__)
    globals().update({known: getattr(public, known) for known in public.__all__})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
