"""Retries: whether a request is tried again, and how long to wait before (contract 17.5). Pure.

A request is repeated when it is idempotent, its body can be sent again, and nothing of its response was reported to the
user yet.
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


__all__ = ["back_off", "is_end", "is_worth_retrying", "may_repeat", "retry_after", "wants_retry"]

# RFC 9110, section 9.2.2: repeating them does nothing that doing them once would not.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_PAUSE = 0.5  # seconds; doubled with every attempt
MAX_PAUSE = 60.0  # seconds
MAX_RETRY_AFTER = 3600.0  # seconds that a server may ask for

# Failures that are not a ConnectionError, and may pass: the network cannot be reached for the moment.
_TEMPORARY_ERRNOS = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, getattr(errno, "EHOSTDOWN", -1)})
_LOST_ERRNOS = _TEMPORARY_ERRNOS | {errno.ETIMEDOUT}


def may_repeat(method: str, body: _Body | None) -> bool:
    """Whether a request can be sent twice, and has no other effect than once."""
    return method in IDEMPOTENT_METHODS and (body is None or body.is_replayable)


def is_end(error: OSError) -> bool:
    """Whether an error says that the connection is gone: the peer has ended it, or the system has given it up."""
    # The system's own timeout has a number: what was sent was not acknowledged.
    return isinstance(error, ConnectionError | ssl.SSLError) or error.errno in _LOST_ERRNOS


def is_worth_retrying(error: BaseException) -> bool:
    """Whether the next attempt may succeed: after connections that failed, and steps that took too long."""
    if isinstance(error, DeadlineExceeded | RequestCancelled):
        return False
    if isinstance(error, ProxyError):
        return error.status in RETRIED_STATUSES
    # Which of them reports a handshake that breaks off depends on the version of Python.
    if isinstance(error, ConnectionError | TimeoutError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return True
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, OSError) and error.errno in _TEMPORARY_ERRNOS and not isinstance(error, ssl.SSLError)


def wants_retry(head: ResponseHead) -> bool:
    """Whether the status of a response says that another attempt may succeed."""
    return head.status in RETRIED_STATUSES


def back_off(attempt: int) -> float:
    """Seconds before the next attempt: doubling, with jitter (half to all of it), so that clients do not come at once.

    Args:
        attempt: How many attempts have been made.
    """
    pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 32))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no cryptography


def retry_after(head: ResponseHead) -> float | None:
    """Seconds to wait that the server asks for (RFC 9110, section 10.2.3); None when it does not.

    Of several values the longest counts.
    """
    asked = [_read_seconds(value.strip(" \t")) for value in head.headers.get_all("Retry-After")]
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _read_seconds(value: str) -> float | None:
    if re.fullmatch("[0-9]{1,6}", value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment - time()), MAX_RETRY_AFTER)
