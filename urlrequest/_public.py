"""The public names, which the package loads with the first one that is used."""

from __future__ import annotations

from ._client import exit_and_fork
from ._client.active import as_completed, cancel_all, g_requests, wait_all
from ._client.request import UrlRequest
from ._client.session import Session
from ._defaults import defaults
from ._delivery.queue import drain_thread
from .hooks import install, uninstall

__all__ = [
    "Session",
    "UrlRequest",
    "UrlRequestBase",
    "UrlRequestUrllib",
    "as_completed",
    "cancel_all",
    "defaults",
    "drain",
    "g_requests",
    "install",
    "uninstall",
    "wait_all",
]

UrlRequestBase = UrlRequestUrllib = UrlRequest

exit_and_fork.register()


def drain(budget: float | None = None) -> bool:
    """Run pending callbacks on this thread; for programs with their own main loop (contract 8.3).

    They are those of requests without a hook, and of requests whose event loop was found and belongs to this thread, in
    case it does not run: a hidden Tk root, a stopped asyncio loop.

    Args:
        budget: Time to spend, in seconds; at least one event is delivered. None: all that is pending now.
    Returns:
        Whether callbacks are still pending.
    Raises:
        BaseException: What a callback raised; the other events stay pending.
    """
    try:
        return drain_thread(budget)
    except BaseException as error:  # noqa: BLE001 - it goes on
        from ._tracebacks import trimmed  # few callbacks raise

        raise trimmed(error)  # noqa: B904 - it is the same exception


# Tracebacks, pickles and help() name the place where users find a name, not the module that holds it.
for _public in (
    UrlRequest, Session, as_completed, cancel_all, drain, install, uninstall, wait_all,
):  # fmt: skip
    _public.__module__ = "urlrequest"
