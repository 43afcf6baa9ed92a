"""What a session sets for its requests."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest import Session
from urlrequest._client.settings import check_session, complete
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
    assert getattr(PLAIN, name) is getattr(complete(PLAIN, session), name)

    setattr(session, name, SETTINGS[name])
    own = object()
    assert SETTINGS[name] is getattr(complete(PLAIN, session), name)
    assert own is getattr(complete(PLAIN._replace(**{name: own}), session), name)


def test_17_9_a_proxy_of_the_requests_own() -> None:
    """Contract 14.1, 17.9: port and headers of the session's proxy are not those of another proxy."""
    session = Session(proxy_host="proxy", proxy_port=3128, proxy_headers={"A": "b"})
    completed = complete(PLAIN._replace(proxy_host="other"), session)

    assert ("other", None, None) == (completed.proxy_host, completed.proxy_port, completed.proxy_headers)


@pytest.mark.parametrize(
    ("own", "sessions", "expected"), [(True, False, False), (False, True, False), (None, False, None)]
)
def test_17_9_verify(own: bool | None, sessions: bool | None, expected: bool | None) -> None:
    """Contract 13.2, 17.9: True, which is the default, leaves it to the session."""
    assert expected is complete(PLAIN._replace(verify=own), Session(verify=sessions)).verify


def test_17_9_headers_and_base_url_are_handed_on() -> None:
    """Contract 17.9: headers, cookies and base URL come to the options as they stand."""
    session = Session("http://h/", {"A": "b"}, "c=d")
    completed = complete(PLAIN, session)

    assert ("http://h/", {"A": "b"}, "c=d") == (
        completed.base_url,
        completed.session_headers,
        completed.session_cookies,
    )


def test_17_7_what_is_no_session() -> None:
    """Contract 17.7: what is no session is refused, and a session that was closed."""
    with pytest.raises(TypeError, match=r"^session is int; a urlrequest\.Session is needed$"):
        check_session(5)
    session = Session()
    check_session(session)
    session.close()
    with pytest.raises(RuntimeError, match=r"^the session is closed: its with block"):
        check_session(session)
