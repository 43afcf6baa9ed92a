"""prepare_request(): which plans are kept and shared, and which are never."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest import HTTPConnection, HTTPSConnection, Session
from urlrequest._engine import prepare
from urlrequest._engine.options import PLAIN
from urlrequest._engine.plan import PreparedRequest, request_line_and_fields
from urlrequest._engine.prepare import prepare_request

CLASSES = {"http": HTTPConnection, "https": HTTPSConnection}


class OwnConnection(HTTPConnection):
    """Of a class of the user's."""


def plan_of(
    *, url: str = "http://a.test/", has_progress: bool = False, is_own: bool = False, **options: Any
) -> PreparedRequest:
    def connection_class_for(scheme: str) -> type:
        return OwnConnection if is_own else CLASSES[scheme]

    asked = PLAIN._replace(url=url, **options)
    return prepare_request(asked, has_progress=has_progress, connection_class_for=connection_class_for)


def test_plain_requests_share_a_plan() -> None:
    """Nothing is worked out twice for a request that asks for nothing but a URL."""
    assert plan_of() is plan_of()


@pytest.mark.parametrize(
    ("settings", "is_shared"),
    [
        ({}, True),
        ({"max_requests": 9, "timeout": 9}, True),
        ({"base_url": "http://a.test"}, False),
        ({"headers": {"X": "1"}}, False),
        ({"cookies": "a=b"}, False),
        ({"retries": 1}, False),
        ({"follow_redirects": True}, False),
        ({"trust_env": True}, False),
        ({"user_agent": ""}, False),
        ({"verify": False}, True),  # settings of TLS are for https
    ],
    ids=str,
)
def test_17_9_requests_of_a_session(settings: dict[str, Any], is_shared: bool) -> None:
    """What a session says of its requests keeps them from being shared, and what it does not say does not."""
    with Session(**settings) as session:
        asked = session.complete(PLAIN._replace(url="http://a.test/"))
        prepared = prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: CLASSES[scheme])

    assert is_shared == (prepared is plan_of())


@pytest.mark.parametrize(
    "difference",
    [
        {"url": "http://a.test/other"},
        {"url": "http://b.test/"},
        {"url": "https://a.test/"},
        {"url": "https://a.test/", "verify": False},
        {"url": "http://user:secret@a.test/"},
        {"has_progress": True},
        {"decode": False},
        {"is_own": True},
        {"chunk_size": 8},
        {"chunk_size": None},
        {"req_body": b""},
        {"req_headers": {}},
        {"method": "GET"},
        {"file_path": "x"},
        {"proxy_host": "proxy.test"},
        {"user_agent": ""},
        {"cookies": ""},
        {"auth": ("user", "secret")},
        {"follow_redirects": False},
        {"retries": 0},
        {"trust_env": False},
        {"params": ""},
        {"json": 1},
        {"files": {}},
        {"progress_interval": 1},
        {"max_size": 10},
        {"resume": True},
        {"base_url": "http://a.test/"},
        {"session_headers": {}},
        {"session_cookies": ""},
    ],
    ids=str,
)
def test_others_have_their_own(difference: dict[str, Any]) -> None:
    """Whatever a request asks for itself, another one does not get, in either order."""
    plain, own = plan_of(), plan_of(**difference)

    assert own is not plain
    assert plan_of() is plain


@pytest.mark.parametrize("url", ["http://user:secret@a.test/", f"http://a.test/{'x' * prepare.LONGEST_KEPT}"])
def test_9_3_what_is_not_kept(url: str) -> None:
    """Contract 9.3: no prepared request with a password outlives its request, nor does one that takes much memory."""
    before = prepare._cached_plain.cache_info().currsize
    plan_of(url=url)

    assert before == prepare._cached_plain.cache_info().currsize


def test_what_is_sent_is_a_copy() -> None:
    """Whoever sends a request may change the fields, and no other request has the changes."""
    _, fields = request_line_and_fields(plan_of(), None)
    fields.append(("Authorization", "secret"))

    assert "Authorization" not in dict(request_line_and_fields(plan_of(), None)[1])
