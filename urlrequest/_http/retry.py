"""Retries: whether a request is tried again, and how long to wait before (contract 17.5). Pure.

A request is repeated when it is idempotent, its body can be sent again, and nothing of its response was reported to the
user yet.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from time import time

from urlrequest._record import Record
from urlrequest.errors import DeadlineExceeded, ProxyError, RequestCancelled

from .fields import is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Protocol

    from .response_head import ResponseHead

    class _Body(Protocol):
        """What matters of a body here; see `urlrequest._content.body.Body`."""

        @property
        def is_replayable(self) -> bool: ...


__all__ = [
    "DEFAULT_RULE",
    "MAX_RETRY_AFTER",
    "RetryRule",
    "back_off",
    "check_retry_rule",
    "is_end",
    "is_worth_retrying",
    "may_repeat",
    "may_retry",
    "retry_after",
]

# RFC 9110, section 9.2.2: repeating them does nothing that doing them once would not.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_PAUSE = 0.5  # seconds; doubled with every attempt
MAX_PAUSE = 60.0  # seconds
MAX_RETRY_AFTER = 3600.0  # seconds that a server may ask for, unless the user says otherwise

# Failures that are not a ConnectionError, and may pass: the network cannot be reached for the moment.
_TEMPORARY_ERRNOS = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, getattr(errno, "EHOSTDOWN", -1)})
_LOST_ERRNOS = _TEMPORARY_ERRNOS | {errno.ETIMEDOUT}


class RetryRule(Record):
    """What is tried again.

    Attributes:
        statuses: Of responses after which the request is tried again.
        methods: Of requests that are tried again.
        longest_pause: Seconds that a server may ask for by Retry-After; more counts as so many.
    """

    __slots__ = ("longest_pause", "methods", "statuses")

    def __init__(
        self,
        statuses: frozenset[int] = RETRIED_STATUSES,
        methods: frozenset[str] = IDEMPOTENT_METHODS,
        longest_pause: float = MAX_RETRY_AFTER,
    ) -> None:
        self.statuses = statuses
        self.methods = methods
        self.longest_pause = longest_pause


DEFAULT_RULE = RetryRule()


def check_retry_rule(statuses: object, methods: object, longest_pause: float) -> RetryRule:
    """Make a rule of what the user says; None stands for what is usual.

    Raises:
        TypeError, ValueError: It is no collection of statuses, or of methods.
    """
    return RetryRule(
        RETRIED_STATUSES if statuses is None else frozenset(map(_check_status, _members("retry_statuses", statuses))),
        IDEMPOTENT_METHODS if methods is None else frozenset(map(_check_name, _members("retry_methods", methods))),
        longest_pause,
    )


def _members(name: str, value: object) -> Collection[Any]:
    if not isinstance(value, list | tuple | set | frozenset | range):
        raise TypeError(f"{name} is {type(value).__name__}; a list, a tuple or a set is needed")
    return value


def _check_status(status: object) -> int:
    if isinstance(status, bool) or not isinstance(status, int):
        raise TypeError(f"retry_statuses has a {type(status).__name__}; numbers are needed")
    if not 200 <= status <= 999:
        raise ValueError(f"retry_statuses has {status}; a status of a final response, from 200 on, is needed")
    return int(status)


def _check_name(method: object) -> str:
    if not isinstance(method, str):
        raise TypeError(f"retry_methods has a {type(method).__name__}; text such as 'POST' is needed")
    if not is_token(method):
        raise ValueError(f"retry_methods has {method[:40]!r}; a token such as 'POST' is needed")
    return method.upper()


def may_retry(method: str, body: _Body | None, rule: RetryRule) -> bool:
    """Whether a request can be sent again, and may be by the rule."""
    return method in rule.methods and (body is None or body.is_replayable)


def may_repeat(method: str, body: _Body | None) -> bool:
    """Whether a request can be sent twice, and has no other effect than once."""
    return method in IDEMPOTENT_METHODS and (body is None or body.is_replayable)


def is_end(error: OSError) -> bool:
    """Whether an error says that the connection is gone: the peer has ended it, or the system has given it up."""
    # The system's own timeout has a number: what was sent was not acknowledged.
    return isinstance(error, ConnectionError | ssl.SSLError) or error.errno in _LOST_ERRNOS


def is_worth_retrying(error: BaseException, rule: RetryRule = DEFAULT_RULE) -> bool:
    """Whether the next attempt may succeed: after connections that failed, and steps that took too long."""
    if isinstance(error, DeadlineExceeded | RequestCancelled):
        return False
    if isinstance(error, ProxyError):
        return error.status in rule.statuses
    # Which of them reports a handshake that breaks off depends on the version of Python.
    if isinstance(error, ConnectionError | TimeoutError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return True
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, OSError) and error.errno in _TEMPORARY_ERRNOS and not isinstance(error, ssl.SSLError)


def back_off(attempt: int) -> float:
    """Seconds before the next attempt: doubling, with jitter (half to all of it), so that clients do not come at once.

    Args:
        attempt: How many attempts have been made.
    """
    pause = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 32))
    from random import uniform  # few requests are tried again

    return pause * uniform(0.5, 1.0)  # noqa: S311 - jitter needs no cryptography


def retry_after(head: ResponseHead, longest: float = MAX_RETRY_AFTER) -> float | None:
    """Seconds to wait that the server asks for (RFC 9110, section 10.2.3); None when it does not.

    Of several values the longest counts.

    Args:
        longest: Seconds that a server may ask for; more counts as so many.
    """
    asked = [_read_seconds(value.strip(" \t")) for value in head.headers.get_all("Retry-After")]
    return max((min(seconds, longest) for seconds in asked if seconds is not None), default=None)


def _read_seconds(value: str) -> float | None:
    if re.fullmatch("[0-9]{1,6}", value):
        return float(value)
    from email.utils import parsedate_to_datetime  # few servers send a date

    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, moment - time())
