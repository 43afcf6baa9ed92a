"""PreparedRequest: what of it goes to the next peer."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest import HTTPConnection
from urlrequest._engine.options import PLAIN
from urlrequest._engine.plan import PreparedRequest, request_line_and_fields
from urlrequest._engine.prepare import prepare_request


def prepared_of(url: str = "http://a.test/path?q", **options: Any) -> PreparedRequest:
    asked = PLAIN._replace(url=url, **options)
    return prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: HTTPConnection)


def test_what_is_sent_is_a_copy() -> None:
    """Whoever sends a request may change the fields, and no other request has the changes."""
    _, fields = request_line_and_fields(prepared_of(), None)
    fields.append(("Authorization", "secret"))

    assert "Authorization" not in dict(request_line_and_fields(prepared_of(), None)[1])


def test_17_9_cookies_of_the_session_are_joined() -> None:
    """Contract 17.9: the request's own cookies and those of the session are one field."""
    _, fields = request_line_and_fields(prepared_of(cookies="a=b"), "c=d")

    assert [("Cookie", "a=b; c=d")] == [field for field in fields if field[0] == "Cookie"]


OWN = {"X-Origin": "1", "Proxy-Authorization": "mine"}
FOR_PROXY = {"X-Proxy": "2", "Proxy-Authorization": "secret"}


@pytest.mark.parametrize(
    ("url", "proxy", "line", "authorization", "has_proxy_fields"),
    [
        ("http://a.test/path?q", None, "/path?q", "mine", False),
        ("http://a.test/path?q", "http://proxy.test", "http://a.test/path?q", "secret", True),
        ("http://a.test/path?q", "https://proxy.test", "http://a.test/path?q", "secret", True),
        ("https://a.test/path?q", "http://proxy.test", "/path?q", None, False),
        ("http://a.test/path?q", "socks5://proxy.test", "/path?q", None, False),
    ],
)
def test_14_1_what_the_proxy_reads(
    url: str, proxy: str | None, line: str, authorization: str | None, has_proxy_fields: bool
) -> None:
    """Contract 14.1: a proxy that reads the request gets the absolute form and its fields; the origin gets neither."""
    prepared = prepared_of(url, proxy_host=proxy, proxy_headers=FOR_PROXY, req_headers=OWN)
    sent_line, fields = request_line_and_fields(prepared, None)
    sent = dict(fields)

    assert line == sent_line
    assert "1" == sent["X-Origin"]
    assert authorization == sent.get("Proxy-Authorization")
    assert has_proxy_fields == ("X-Proxy" in sent)
