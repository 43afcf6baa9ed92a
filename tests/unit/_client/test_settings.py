"""What a session sets for its requests."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest import Session
from urlrequest._client.settings import check_session, complete
from urlrequest._client.shared import MAX_COMPLETED
from urlrequest._engine.options import PLAIN, Options, SharedOptions, shared_options

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
    assert SETTINGS[name] == getattr(complete(PLAIN, session), name)
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


URL = "http://h/"
SHARED = shared_options(URL, True, None, True)


def test_a_session_that_sets_nothing_shares_with_all() -> None:
    """Where a session sets nothing, its requests are as those without a session."""
    assert SHARED is complete(SHARED, Session())


@pytest.mark.parametrize("session", [Session(URL), Session(headers={"A": "b"}), Session(auth=("user", "password"))])
def test_requests_of_a_session_that_are_alike_share_their_options(session: Session) -> None:
    """They are made once, until a setting changes; the options of another session are others."""
    options = complete(SHARED, session)

    assert options is complete(SHARED, session)
    assert isinstance(options, SharedOptions)
    assert not options.is_plain
    assert options is not complete(SHARED, Session(session.base_url, headers=session.headers, auth=session.auth))


@pytest.mark.parametrize("name", [*SETTINGS, "base_url", "headers", "verify"])
def test_17_9_a_setting_that_changes_counts_for_the_next_request(name: str) -> None:
    """Contract 17.9: what a session has made of alike requests is forgotten then, whatever was set."""
    session = Session(headers={"A": "b"})
    expected = (SETTINGS | {"base_url": URL, "headers": {"B": "c"}, "verify": False})[name]
    field = "session_headers" if name == "headers" else name
    before = complete(SHARED, session)
    setattr(session, name, expected)
    changed = complete(SHARED, session)
    setattr(session, name, {"A": "b"} if name == "headers" else getattr(Session(), name))

    assert expected == getattr(changed, field)
    assert before == complete(SHARED, session)


def change_value(headers: dict[Any, Any]) -> None:
    headers["A"] = "c"


def change_name(headers: dict[Any, Any]) -> None:
    headers["B"] = headers.pop("A")


def change_order(headers: dict[Any, Any]) -> None:
    headers["A"] = headers.pop("A")


def add_list(headers: dict[Any, Any]) -> None:
    headers["L"] = [1]


@pytest.mark.parametrize("change", [change_value, change_name, change_order, add_list, dict.clear])
def test_17_9_headers_that_are_changed_in_place(change: Any) -> None:
    """Contract 17.9: a program may change the dict that it has given; a request that is made keeps what it was."""
    headers: dict[Any, Any] = {"A": "b", "C": "d"}
    session = Session(headers=headers)
    before = complete(SHARED, session)
    change(headers)
    changed = complete(SHARED, session)
    expected = dict(headers)
    headers["A"] = "later"

    assert {"A": "b", "C": "d"} == before.session_headers
    assert [*expected.items()] == [*changed.session_headers.items()]
    assert {"A": "later"}.items() <= complete(SHARED, session).session_headers.items()


def test_17_9_cookies_that_are_changed_in_place() -> None:
    """Contract 17.9: likewise."""
    cookies = {"a": "b"}
    session = Session(cookies=cookies)
    before = complete(SHARED, session)
    cookies["a"] = "c"

    assert ({"a": "b"}, {"a": "c"}) == (before.session_cookies, complete(SHARED, session).session_cookies)


def test_17_9_what_may_change_unseen_is_read_each_time() -> None:
    """Contract 17.9: a list may be changed in place, and so is looked at for each request."""
    session = Session(headers=[["A", "b"]])  # type: ignore[arg-type]  # as read from a file of JSON
    before = complete(SHARED, session)
    session.headers[0][1] = "c"  # type: ignore[index,call-overload,unused-ignore]  # likewise

    assert type(before) is Options or before is not complete(SHARED, session)
    assert [["A", "c"]] == complete(SHARED, session).session_headers


def test_what_a_session_keeps_is_limited() -> None:
    """A program that asks for ever new URLs does not fill the memory."""
    session = Session(headers={"A": "b"})
    for number in range(2 * MAX_COMPLETED + 1):
        complete(shared_options(f"{URL}{number}", True, None, True), session)

    assert session._urlrequest_shared.known_settings is not None
    assert 1 == len(session._urlrequest_shared.known_settings._completed)


@pytest.mark.parametrize("setting", [{"proxy_host": "proxy"}, {"auth": lambda _: None}, {"low_speed": (1, 2)}])
def test_what_a_worker_must_do_is_not_shared(setting: dict[str, Any]) -> None:
    """A launch takes shared options for such that it can do."""
    assert type(complete(SHARED, Session(**setting))) is Options


def test_17_7_what_is_no_session() -> None:
    """Contract 17.7: what is no session is refused, and a session that was closed."""
    with pytest.raises(TypeError, match=r"^session is int; a urlrequest\.Session is needed$"):
        check_session(5)
    session = Session()
    check_session(session)
    session.close()
    with pytest.raises(RuntimeError, match=r"^the session is closed: its with block"):
        check_session(session)
