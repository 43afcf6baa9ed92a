"""Retries: (what went wrong, which attempt) -> how long to wait before the next one, or None (contract 17.5). Pure.

A request is repeated when it is idempotent, its body can be had again, and nothing of a response was told to the user
yet.
"""

from __future__ import annotations

import random
import re
from email.utils import parsedate_to_datetime
from http.client import RemoteDisconnected
from time import time
from typing import TYPE_CHECKING

from .errors import DeadlineExceeded, ProxyError, RequestCancelled

if TYPE_CHECKING:
    from ._head import ResponseHead

__all__ = ["RETRIED_STATUSES", "back_off", "is_worth_retrying", "retry_after"]

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_PAUSE = 0.5  # seconds; doubled with every attempt
LONGEST_PAUSE = 60.0  # seconds
LONGEST_RETRY_AFTER = 3600.0  # seconds that a server may ask for

_SECONDS = re.compile(r"[0-9]{1,6}")


def is_worth_retrying(error: BaseException) -> bool:
    """Whether an error may have passed by the next attempt: connections that break, and steps that take too long."""
    if isinstance(error, DeadlineExceeded | RequestCancelled | ProxyError):
        return False
    return isinstance(error, ConnectionError | TimeoutError | RemoteDisconnected)


def back_off(attempt: int) -> float:
    """Seconds before the next attempt: doubling, and anywhere in the upper half, lest all clients come back at once.

    Args:
        attempt: How many there have been.
    """
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreading clients needs no cryptography


def retry_after(head: ResponseHead) -> float | None:
    """Seconds that the server asks for (RFC 9110, section 10.2.3); None when it does not."""
    value = head.headers.get("Retry-After", "").strip(" \t")
    if _SECONDS.fullmatch(value):
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment - time()), LONGEST_RETRY_AFTER)
