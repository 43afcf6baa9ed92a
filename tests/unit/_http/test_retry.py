from __future__ import annotations

import errno
import math
import socket
import ssl
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.client import RemoteDisconnected
from typing import Any

import pytest

from urlrequest._content.body import make_body
from urlrequest._http.response_head import ResponseHead, parse_head
from urlrequest._http.retry import (
    DEFAULT_RULE,
    RetryRule,
    back_off,
    check_retry_rule,
    is_worth_retrying,
    may_repeat,
    may_retry,
    retry_after,
)
from urlrequest.errors import (
    DeadlineExceeded,
    IncompleteContent,
    InvalidURL,
    ProtocolError,
    ProxyError,
    RequestCancelled,
)


def head(status: int = 503, after: str | None = None) -> ResponseHead:
    field = b"" if after is None else b"Retry-After: %b\r\n" % after.encode()
    return parse_head(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, field))


@pytest.mark.parametrize(
    ("values", "expected"), [(["5", "5"], 5.0), (["5", "9", "7"], 9.0), (["soon", "9"], 9.0), (["soon", "later"], None)]
)
def test_11_6_several_pauses(values: list[str], expected: float | None) -> None:
    """Contract 11.6: of several Retry-After the longest that can be read counts."""
    fields = "".join(f"Retry-After: {value}\r\n" for value in values)

    assert expected == retry_after(parse_head(f"HTTP/1.1 503 X\r\n{fields}\r\n".encode()))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        ConnectionResetError(),
        BrokenPipeError(),
        RemoteDisconnected(),
        TimeoutError(),
        OSError(errno.EHOSTUNREACH, "no route to host"),
        OSError(errno.ENETUNREACH, "network is unreachable"),
        socket.gaierror(socket.EAI_AGAIN, "temporary failure"),
        ssl.SSLEOFError(),
        ProxyError("busy", status=503),
    ],
)
def test_17_5_errors_that_may_pass(error: Exception) -> None:
    """Connections that fail, and steps that take too long, are worth another attempt."""
    assert is_worth_retrying(error)


@pytest.mark.parametrize(
    "error",
    [
        DeadlineExceeded(),
        RequestCancelled(),
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        ssl.SSLCertVerificationError(1, "certificate"),
        ProxyError("credentials", status=407),
        ProtocolError(),
        IncompleteContent("cut off"),
        InvalidURL(),
        OSError(errno.ENOSPC, "disk full"),
        OSError(errno.EMFILE, "too many open files"),
    ],
)
def test_17_5_errors_that_stay(error: Exception) -> None:
    """An error that the next attempt would meet again is reported at once; a certificate above all."""
    assert not is_worth_retrying(error)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_17_5_statuses_that_may_pass(status: int) -> None:
    """These six, as the contract has them."""
    assert status in DEFAULT_RULE.statuses


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 407, 409, 413, 501, 505, 599])
def test_17_5_statuses_that_stay(status: int) -> None:
    """No other status is tried again."""
    assert status not in DEFAULT_RULE.statuses


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_17_5_idempotent_methods(method: str) -> None:
    """RFC 9110, section 9.2.2: these may be sent twice, with a body that can be had again."""
    assert may_repeat(method, None)
    assert may_repeat(method, make_body(b"body", None))
    assert not may_repeat(method, make_body(iter([b"body"]), None))


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "LOCK", "get"])
def test_17_5_other_methods(method: str) -> None:
    """A method that is not known to be idempotent is never repeated."""
    assert not may_repeat(method, None)


def test_17_5_back_off_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second, doubled each time, a minute at most."""
    monkeypatch.setattr("random.uniform", lambda low, high: high)

    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == [back_off(attempt) for attempt in range(1, 10)]
    assert back_off(10_000) == 60.0


def test_17_5_back_off_has_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that failed together do not come back together: a pause is anywhere in its upper half."""
    asked = []
    monkeypatch.setattr("random.uniform", lambda low, high: asked.append((low, high)) or low)

    assert back_off(2) == 0.5
    assert asked == [(0.5, 1.0)]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("999999", 3600.0), ("-1", None), ("1.5", None), ("soon", None), ("", None)],
)
def test_17_5_retry_after_seconds(value: str, seconds: float | None) -> None:
    """A number of seconds counts, up to an hour; anything else does not."""
    assert seconds == retry_after(head(after=value))


def test_17_5_retry_after_date() -> None:
    """A date counts too; one that has passed means now, one far away an hour."""
    now = datetime.now(timezone.utc)
    soon, past, far = (
        retry_after(head(after=format_datetime(now + timedelta(seconds=seconds), usegmt=True)))
        for seconds in (30, -30, 10**6)
    )

    assert soon is not None
    assert 27 < soon <= 30
    assert past == 0.0
    assert far == 3600.0


def test_17_5_no_retry_after() -> None:
    """Without the field there is no time to wait."""
    assert retry_after(head()) is None


def test_17_5_retry_after_limit() -> None:
    """Contract 17.5: more than the longest time counts as that time; of several, each."""
    assert 20.0 == retry_after(head(after="999999"), 20.0)
    assert 7.0 == retry_after(head(after="7"), 20.0)
    assert 999999.0 == retry_after(head(after="999999"), math.inf)


def test_17_5_a_rule_of_the_users() -> None:
    """Contract 17.5: what is given takes the place of what is usual, and nothing else does."""
    usual = RetryRule()

    assert usual == DEFAULT_RULE == check_retry_rule(None, None, 3600.0)
    assert RetryRule(frozenset({429})) == check_retry_rule([429, 429], None, 3600.0)
    assert RetryRule(methods=frozenset({"POST", "GET"})) == check_retry_rule(None, ("post", "GET"), 3600.0)
    assert RetryRule(frozenset(), frozenset(), 1.0) == check_retry_rule([], set(), 1.0)


def test_17_5_methods_of_the_users() -> None:
    """Contract 17.5: a method is tried again if the rule names it, and the body can be sent again."""
    rule = check_retry_rule(None, ["POST"], 1.0)

    assert may_retry("POST", make_body(b"body", None), rule)
    assert not may_retry("POST", make_body(iter([b"body"]), None), rule)
    assert not may_retry("GET", None, rule)


def test_17_5_statuses_of_proxies() -> None:
    """Contract 17.5: the status with which a proxy refuses a tunnel counts by the same rule."""
    assert is_worth_retrying(ProxyError("busy", status=520), check_retry_rule({520}, None, 1.0))
    assert not is_worth_retrying(ProxyError("busy", status=503), check_retry_rule({520}, None, 1.0))


@pytest.mark.parametrize(
    ("statuses", "methods", "error"),
    [
        (503, None, TypeError), ("429", None, TypeError), (["503"], None, TypeError), ([True], None, TypeError),
        ([100], None, ValueError), ([1000], None, ValueError), ([-1], None, ValueError),
        (None, "POST", TypeError), (None, [b"POST"], TypeError), (None, ["A B"], ValueError), (None, [""], ValueError),
    ],
)  # fmt: skip
def test_17_5_rules_that_are_none(statuses: Any, methods: Any, error: type[Exception]) -> None:
    """Contract 2.3, 17.5: what is no collection of statuses or methods is an error that names the option."""
    with pytest.raises(error, match=r"retry_statuses|retry_methods"):
        check_retry_rule(statuses, methods, 1.0)
