"""What can be read of a response and an outcome."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest import Headers
from urlrequest._client.call import Call
from urlrequest._client.callbacks import Callbacks
from urlrequest._client.response_attributes import ResponseAttributes
from urlrequest._delivery.events import Error, Outcome, Success
from urlrequest._http.response_head import ResponseHead
from urlrequest._http.target import parse_target


class Request(Callbacks, ResponseAttributes):
    """A request that nothing was sent for."""

    def __init__(self) -> None:
        me: Any = self
        self._urlrequest_call = Call(me)


def settled(outcome: Outcome, head: ResponseHead | None = None) -> Request:
    """A request with an outcome that has been published."""
    made = Request()
    call = made._urlrequest_call
    call.is_quiet = True  # nothing is to be logged
    call.target, call.head = parse_target("http://h/"), head
    call.lifecycle.settle(outcome)
    assert call.publish_outcome()
    return made


def published(content: bytes | None, content_type: str | None = None) -> Request:
    head = ResponseHead("1.1", 200, "OK", Headers({} if content_type is None else {"content-type": content_type}))
    return settled(Success(content=content), head)


def test_3_4_nothing_before() -> None:
    """Contract 3.4: before delivery all is None."""
    made = Request()
    names = ("result", "error", "content", "text", "resp_status", "resp_reason", "resp_headers", "resp_url")

    assert [None] * len(names) == [getattr(made, name) for name in names]
    with pytest.raises(ValueError, match="no body"):
        made.json()


def test_11_2_response() -> None:
    """Contract 11.2: status, reason, fields and URL of the response, and the outcome, can be read."""
    headers, error = Headers({"A": "1"}), OSError()
    made = settled(Error(error=error), ResponseHead("1.1", 404, "Gone", headers))

    assert (404, "Gone", "http://h/") == (made.resp_status, made.resp_reason, made.resp_url)
    assert made.resp_headers is headers
    assert made.error is error


def test_11_2_headers_are_for_one_request_alone() -> None:
    """Contract 11.2: what a user changes in the headers of one response is there, and in those of no other one."""
    head = ResponseHead("1.1", 200, "OK", Headers({"A": "1"}), is_shared=True)
    first, second = settled(Success(content=b""), head), settled(Success(content=b""), head)

    assert first.resp_headers is not None
    first.resp_headers["A"] = "2"

    assert {"A": "2"} == first.resp_headers
    assert {"A": "1"} == second.resp_headers == head.headers


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"", None, ""),
        ("é".encode(), None, "é"),
        (b"\xe9", "text/plain; charset=latin-1", "é"),
        (b"\xe9", None, "�"),
        (b"abc", "image/png", "abc"),
        (b"\xff", "application/octet-stream", "�"),
    ],
)
def test_4_4_text(content: bytes, content_type: str | None, expected: str) -> None:
    """Contract 4.4: `text` is always text, whatever the type says and however broken the octets are."""
    assert expected == published(content, content_type).text


@pytest.mark.parametrize("content_type", [None, "application/problem+json", "text/plain", "image/png"])
def test_4_4_json(content_type: str | None) -> None:
    """Contract 4.4: `json()` parses on demand, whatever the type says; what is none is a ValueError."""
    assert {"a": [1]} == published(b'{"a": [1]}', content_type).json()
    with pytest.raises(ValueError):  # noqa: PT011 - of the standard library
        published(b"{", content_type).json()


def test_1_4_aliases() -> None:
    """Contract 1.4: the names of Kivy's attributes read the same."""
    made = published(b"{}", "application/json")

    assert (made.result, made.error, made.resp_headers, made.resp_status) == (
        made._result,
        made._error,
        made._resp_headers,
        made._resp_status,
    )
    assert (200, {"content-type": "application/json"}) == (made._resp_status, made._resp_headers)


def test_1_4_an_alias_may_be_taken() -> None:
    """Contract 2.5: a subclass that sets an attribute under the name of an alias keeps it, and changes nothing else."""
    made = Request()
    made._result = "mine"

    assert ("mine", None) == (made._result, made.result)
