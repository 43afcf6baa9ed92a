"""A session's settings, and its cookies."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

import pytest

from urlrequest import Session
from urlrequest._engine.options import PLAIN

SETTINGS: dict[str, Any] = {
    "ca_file": "ca.pem",
    "client_cert": "client.pem",
    "ssl_context": object(),
    "proxy_host": "proxy",
    "proxy_port": 3128,
    "proxy_headers": {"A": "b"},
    "trust_env": True,
    "follow_redirects": 3,
    "retries": 2,
    "user_agent": "me",
    "auth": ("user", "password"),
    "address_family": "IPv6",
    "low_speed": (1000, 30),
    "retry_statuses": {429},
    "retry_methods": ["GET"],
    "max_retry_after": 20,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_17_9_a_setting_counts_where_nothing_was_given(name: str) -> None:
    """Contract 17.9: a request's own argument wins over the session's, which may be changed at any time."""
    session = Session()
    assert getattr(PLAIN, name) is getattr(session.complete(PLAIN), name)

    setattr(session, name, SETTINGS[name])
    own = object()
    assert SETTINGS[name] is getattr(session.complete(PLAIN), name)
    assert own is getattr(session.complete(PLAIN._replace(**{name: own})), name)


def test_17_9_a_proxy_of_the_requests_own() -> None:
    """Contract 14.1, 17.9: port and headers of the session's proxy are not those of another proxy."""
    session = Session(proxy_host="proxy", proxy_port=3128, proxy_headers={"A": "b"})
    completed = session.complete(PLAIN._replace(proxy_host="other"))

    assert ("other", None, None) == (completed.proxy_host, completed.proxy_port, completed.proxy_headers)


@pytest.mark.parametrize(
    ("own", "sessions", "expected"), [(True, False, False), (False, True, False), (None, False, None)]
)
def test_17_9_verify(own: bool | None, sessions: bool | None, expected: bool | None) -> None:
    """Contract 13.2, 17.9: True, which is the default, leaves it to the session."""
    assert expected is Session(verify=sessions).complete(PLAIN._replace(verify=own)).verify


def test_17_9_headers_and_base_url_are_handed_on() -> None:
    """Contract 17.9: headers, cookies and base URL come to the options as they stand."""
    session = Session("http://h/", {"A": "b"}, "c=d")
    completed = session.complete(PLAIN)

    assert ("http://h/", {"A": "b"}, "c=d") == (
        completed.base_url,
        completed.session_headers,
        completed.session_cookies,
    )


def test_17_9_a_cookie_jar_of_the_users() -> None:
    """Contract 17.9: a CookieJar is used as it is; any other session has one of its own."""
    jar = CookieJar()
    session = Session(cookies=jar)

    assert jar is session.cookies
    assert session.complete(PLAIN).session_cookies is None
    assert Session().cookies is not Session().cookies
