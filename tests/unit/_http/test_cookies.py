from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import pytest

from urlrequest._http.cookies import MAX_COOKIES, CookieStore
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead
from urlrequest._http.target import parse_target


@pytest.fixture
def store() -> CookieStore:
    """A store as a session has it."""
    return CookieStore(CookieJar(DefaultCookiePolicy(strict_domain=True)))


def head(*cookies: str) -> ResponseHead:
    return ResponseHead("1.1", 200, "OK", Headers([("set-cookie", cookie) for cookie in cookies]))


def test_17_9_cookies_are_sent_back(store: CookieStore) -> None:
    """Contract 17.9: each cookie of a response goes back to its host and path, and to no other."""
    store.store(parse_target("http://one.example/a/b"), head("x=1", "y=2; Path=/"))

    assert "x=1; y=2" == store.cookies_for(parse_target("http://one.example/a/"))
    assert "y=2" == store.cookies_for(parse_target("http://one.example/"))
    assert None is store.cookies_for(parse_target("http://two.example/a/"))


def test_17_9_secure_cookies_need_tls(store: CookieStore) -> None:
    """Contract 17.9: a Secure cookie is sent over https only."""
    store.store(parse_target("https://one.example/"), head("x=1; Secure"))

    assert "x=1" == store.cookies_for(parse_target("https://one.example/"))
    assert None is store.cookies_for(parse_target("http://one.example/"))


def test_17_9_cookies_for_other_hosts_are_refused(store: CookieStore) -> None:
    """Contract 17.9: a host sets no cookies for others, nor for a whole country's domain."""
    store.store(parse_target("http://one.example/"), head("x=1; Domain=two.example"))
    store.store(parse_target("http://shop.co.uk/"), head("y=2; Domain=.co.uk"))

    assert 0 == len(store.jar)


def test_17_9_no_cookies(store: CookieStore) -> None:
    """A response without Set-Cookie changes nothing."""
    store.store(parse_target("http://one.example/"), head())

    assert 0 == len(store.jar)


def test_17_9_flood_of_cookies(store: CookieStore) -> None:
    """Of one response only so many cookies are kept: a server cannot fill the requests that follow."""
    store.store(parse_target("http://one.example/"), head(*(f"c{number}=x" for number in range(MAX_COOKIES + 10))))

    assert MAX_COOKIES == len(store.jar)
