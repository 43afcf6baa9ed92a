"""Retries: (what went wrong, which attempt) -> how long to wait before the next one, or None (contract 17.5). Pure.

A request is repeated when it is idempotent, its body can be had again, and nothing of a response was told to the user
yet.
"""

from __future__ import annotations

import errno
import random
import re
import socket
import ssl
from email.utils import parsedate_to_datetime
from time import time

from urlrequest.errors import DeadlineExceeded, ProxyError, RequestCancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .response_head import ResponseHead

    class _Body(Protocol):
        """What matters of a body here; see `urlrequest._content.body.Body`."""

        @property
        def is_replayable(self) -> bool: ...


__all__ = ["back_off", "is_worth_retrying", "may_repeat", "retry_after", "wants_retry"]

# RFC 9110, section 9.2.2: repeating them does nothing that doing them once would not.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_PAUSE = 0.5  # seconds; doubled with every attempt
LONGEST_PAUSE = 60.0  # seconds
LONGEST_RETRY_AFTER = 3600.0  # seconds that a server may ask for

# Connection failures that are no ConnectionError: the network or the name server is away for the moment.
_PASSING_ERRNOS = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, getattr(errno, "EHOSTDOWN", -1)})


def may_repeat(method: str, body: _Body | None) -> bool:
    """Whether sending a request twice is as good as sending it once, and possible."""
    return method in IDEMPOTENT_METHODS and (body is None or body.is_replayable)


def is_worth_retrying(error: BaseException) -> bool:
    """Whether an error may have passed by the next attempt: connections that fail, and steps that take too long."""
    if isinstance(error, DeadlineExceeded | RequestCancelled):
        return False
    if isinstance(error, ProxyError):
        return error.status in RETRIED_STATUSES
    # A handshake that breaks off is told in either way, depending on the version of Python.
    if isinstance(error, ConnectionError | TimeoutError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return True
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, OSError) and error.errno in _PASSING_ERRNOS and not isinstance(error, ssl.SSLError)


def wants_retry(head: ResponseHead) -> bool:
    """Whether a response says that another attempt may be luckier."""
    return head.status in RETRIED_STATUSES


def back_off(attempt: int) -> float:
    """Seconds before the next attempt: doubling, and anywhere in the upper half, lest all clients come back at once.

    Args:
        attempt: How many there have been.
    """
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 32))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreading clients needs no cryptography


def retry_after(head: ResponseHead) -> float | None:
    """Seconds that the server asks for (RFC 9110, section 10.2.3); None when it does not."""
    value = head.headers.get("Retry-After", "").strip(" \t")
    if re.fullmatch("[0-9]{1,6}", value):
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment - time()), LONGEST_RETRY_AFTER)
