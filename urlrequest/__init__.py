"""HTTP requests in threads of their own, with the callbacks run by your event loop.

Example::

    from urlrequest import UrlRequest

    request = UrlRequest("http://example.org/data.json", on_success=lambda request, result: print(result))
    request.wait()  # in a script; in a GUI program the event loop runs the callback
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import errors, hooks
from ._awaiting import as_completed
from ._connection import HTTPConnection, HTTPSConnection
from ._defaults import defaults
from ._dispatch import unhooked
from ._headers import Headers
from ._live import cancel_all, g_requests, wait_all
from ._request import UrlRequest
from ._session import Session
from ._version import __version__
from .hooks import install, uninstall

if TYPE_CHECKING:
    from . import testing

__all__ = [
    "HTTPConnection",
    "HTTPSConnection",
    "Headers",
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
    "testing",
    "uninstall",
    "wait_all",
]

UrlRequestBase = UrlRequestUrllib = UrlRequest


def drain(budget: float | None = None) -> bool:
    """Run pending callbacks of requests without a hook, on this thread; for programs with a loop of their own.

    Args:
        budget: Time to spend, in seconds; at least one event is delivered. None: all that is pending now.
    Returns:
        Whether something is still pending.
    Raises:
        BaseException: What a callback raised; the other events stay pending.
    """
    return unhooked.drain(budget)


def __getattr__(name: str) -> Any:
    if name == "testing":  # servers are for tests: no program shall pay for them
        import importlib

        return importlib.import_module(".testing", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
