from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import pytest

from urlrequest._http.foreign_cookie_jar import MAX_RECEIVED, JarStore
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead
from urlrequest._http.target import parse_target


@pytest.fixture
def store() -> JarStore:
    """A store as a session has it."""
    return JarStore(CookieJar(DefaultCookiePolicy(strict_domain=True)))


def head(*cookies: str) -> ResponseHead:
    return ResponseHead("1.1", 200, "OK", Headers([("set-cookie", cookie) for cookie in cookies]))


def test_17_9_cookies_are_sent_back(store: JarStore) -> None:
    """Contract 17.9: each cookie of a response goes back to its host and path, and to no other."""
    store.store(parse_target("http://one.example/a/b"), head("x=1", "y=2; Path=/"))

    assert "x=1; y=2" == store.cookies_for(parse_target("http://one.example/a/"))
    assert "y=2" == store.cookies_for(parse_target("http://one.example/"))
    assert None is store.cookies_for(parse_target("http://two.example/a/"))


def test_17_9_secure_cookies_need_tls(store: JarStore) -> None:
    """Contract 17.9: a Secure cookie is sent over https only."""
    store.store(parse_target("https://one.example/"), head("x=1; Secure"))

    assert "x=1" == store.cookies_for(parse_target("https://one.example/"))
    assert None is store.cookies_for(parse_target("http://one.example/"))


def test_17_9_cookies_for_other_hosts_are_refused(store: JarStore) -> None:
    """Contract 17.9: a host sets no cookies for others, nor for a whole country's domain."""
    store.store(parse_target("http://one.example/"), head("x=1; Domain=two.example"))
    store.store(parse_target("http://shop.co.uk/"), head("y=2; Domain=.co.uk"))

    assert 0 == len(store.jar)


def test_17_9_no_cookies(store: JarStore) -> None:
    """A response without Set-Cookie changes nothing."""
    store.store(parse_target("http://one.example/"), head())

    assert 0 == len(store.jar)


def test_17_9_flood_of_cookies(store: JarStore) -> None:
    """Of one response only so many cookies are kept: a server cannot fill the requests that follow."""
    store.store(parse_target("http://one.example/"), head(*(f"c{number}=x" for number in range(MAX_RECEIVED + 10))))

    assert MAX_RECEIVED == len(store.jar)


def test_17_15_a_fork_leaves_no_lock_behind(store: JarStore) -> None:
    """Contract 17.15: in a forked child the jar works, though another thread of the parent held its lock."""
    store.jar._cookies_lock = HeldLock()  # type: ignore[attr-defined]
    store.reset_after_fork()
    store.store(parse_target("http://one.example/"), head("x=1"))

    assert "x=1" == store.cookies_for(parse_target("http://one.example/"))


class HeldLock:
    """A lock that nobody will ever release."""

    def acquire(self) -> None:
        raise AssertionError("this would wait for ever")
