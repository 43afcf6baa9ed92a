"""A session's cookies, and what it leaves to its subclasses."""

from __future__ import annotations

import inspect
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING

import pytest

from urlrequest import Session
from urlrequest._client.settings import complete
from urlrequest._engine.options import PLAIN

if TYPE_CHECKING:
    from urlrequest.testing import Server


def test_17_9_a_cookie_jar_of_the_users() -> None:
    """Contract 17.9: a CookieJar is used as it is; any other session has one of its own."""
    jar = CookieJar()
    session = Session(cookies=jar)

    assert jar is session.cookies
    assert complete(PLAIN, session).session_cookies is None
    assert Session().cookies is not Session().cookies


def test_17_9_a_session_has_documented_names_only() -> None:
    """Contract 17.9: a subclass may take every name that is not documented; one slot holds what is ours."""
    own = {name for name in dir(Session()) if not name.startswith("__")}
    settings = set(inspect.signature(Session).parameters)
    short_forms = {"get", "head", "post", "put", "patch", "delete"}

    assert settings | short_forms | {"request", "cancel_all", "close", "_urlrequest_shared"} == own


@pytest.mark.parametrize("name", ["workers", "pool", "complete", "cookie_store", "is_closed", "reset_after_fork"])
def test_17_9_a_subclass_takes_any_other_name(server: Server, name: str) -> None:
    """Contract 17.9: requests of a session with an attribute of that name go on as they would without."""
    server.respond("/", "hello")
    with type("Mine", (Session,), {name: None})(server.url) as session:
        request = session.request("/")
        assert request.wait(timeout=20)

    assert "hello" == request.result, request.error
