"""Contract 17.11 to 17.15: the cookies of a session, from one response to the next request."""

from __future__ import annotations

import logging
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import CookieStore, Session, UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from pathlib import Path

    from urlrequest.testing import RecordedRequest


def get(session: Session, url: str, **options: Any) -> UrlRequest:
    request = session.request(url, **options)
    assert request.wait(timeout=20)
    return request


def serve_logins(server: Server) -> None:
    """A site whose pages are for those who have logged in."""

    def log_in(request: RecordedRequest) -> Reply:
        fields = [("Location", "/home"), ("Set-Cookie", "sid=s3cret; Path=/; HttpOnly; SameSite=Lax; Max-Age=soon")]
        return Reply(303, headers=fields) if request.body == b"user=ada" else Reply(403)

    def show(request: RecordedRequest) -> Reply:
        return Reply(200 if request.header("Cookie") == "sid=s3cret" else 401, "page")

    server.route("/login", log_in)
    server.route("/home", show)


@pytest.mark.parametrize("name", ["cookies.txt", "cookies.json"])
def test_17_14_a_login_outlives_the_program(server: Server, tmp_path: Path, name: str) -> None:
    """Contract 17.14: a program logs in by a form and saves its cookies; the next run is logged in."""
    serve_logins(server)
    with Session(server.url, follow_redirects=True) as session:
        assert 401 == get(session, "/home").resp_status
        assert 200 == get(session, "/login", req_body={"user": "ada"}).resp_status
        session.cookies.save(tmp_path / name)

    with Session(server.url) as session:
        session.cookies.load(tmp_path / name)
        assert 200 == get(session, "/home").resp_status


def test_17_11_cookies_of_a_redirect_count_for_the_next_hop(server: Server) -> None:
    """Contract 17.11: each hop gets the cookies that are kept by then, and none that the one before has ended."""

    def count(request: RecordedRequest) -> Reply:
        number = int(request.target[1:])
        cookies = [("Set-Cookie", f"c{number}=1"), ("Set-Cookie", f"c{number - 1}=; Max-Age=0")]
        return Reply(302, headers=[("Location", f"/{number + 1}"), *cookies]) if number < 4 else Reply(200)

    for number in range(1, 5):
        server.route(f"/{number}", count)
    with Session(server.url, follow_redirects=True) as session:
        get(session, "/1")

    assert [None, "c1=1", "c2=1", "c3=1"] == [request.header("Cookie") for request in server.requests]


def test_17_11_no_cookie_follows_to_another_host(server: Server) -> None:
    """Contract 17.11: a redirect to another name of the same server takes no cookies along, nor sets any for it."""
    other = f"http://localhost:{server.port}/end"
    fields = [("Location", other), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/; Domain=localhost")]
    server.route("/", lambda request: Reply(302, headers=fields))
    server.respond("/end", "ok", headers={"Set-Cookie": "c=3"})
    with Session(server.url, follow_redirects=True) as session:
        get(session, "/")
        get(session, "/end")
        get(session, other)

    assert [None, None, "a=1", "c=3"] == [request.header("Cookie") for request in server.requests]


def test_security_80_a_host_header_chooses_no_cookies(server: Server) -> None:
    """Security 80, contract 17.11: the host of the URL decides which cookies go, whatever Host a program sends."""
    server.respond("/", "ok")
    store = CookieStore()
    store.set("mine", "1", "127.0.0.1")
    store.set("others", "2", "localhost")
    with Session(server.url, cookies=store) as session:
        for fields in ({"Host": "localhost"}, None):
            assert session.get("/", req_headers=fields).wait(timeout=20)

    assert ["localhost", f"127.0.0.1:{server.port}"] == [request.header("Host") for request in server.requests]
    assert ["mine=1"] * 2 == [request.header("Cookie") for request in server.requests]


def test_security_79_bad_cookies_fill_no_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Security 79: cookies that cannot be kept are ignored without a word."""
    bad = ["a\x01=b", "=", "a=b; Domain=other.test", "__Host-a=b", "a=" + "x" * 5000]
    server.respond("/", "ok", headers=[("Set-Cookie", each) for each in bad * 5])
    with caplog.at_level(logging.DEBUG), Session(server.url) as session:
        assert session.get("/").wait(timeout=20)

    assert ([], 0) == (caplog.messages, len(session.cookies))


def test_17_12_secure_cookies_stay_with_https(server: Server, tls_server: Server, ca_file: str) -> None:
    """Contract 17.12: what https has set as secure is neither sent nor replaced over http."""
    tls_server.respond("/", "ok", headers={"Set-Cookie": "sid=7; Secure"})
    server.respond("/", "ok", headers={"Set-Cookie": "sid=evil"})
    secure = f"https://localhost:{tls_server.port}/"
    with Session(ca_file=ca_file) as session:
        for url in (secure, f"http://localhost:{server.port}/", secure):
            get(session, url)

    assert [None, "sid=7"] == [request.header("Cookie") for request in tls_server.requests]
    assert [None] == [request.header("Cookie") for request in server.requests]


def test_17_13_a_field_that_servers_read(server: Server) -> None:
    """Contract 17.13: however much a server sets, the next request's field has 8,182 bytes at the most."""
    server.respond("/", "ok", headers=[("Set-Cookie", f"c{number}={'x' * 1000}") for number in range(50)])
    with Session(server.url) as session:
        get(session, "/")
        get(session, "/")
    sent = server.requests[1].header("Cookie") or ""

    assert 8 == len(sent.split("; "))
    assert len(sent) <= 8182


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cookies": "own=\u65e5"},
        {"cookies": {"own": "\u65e5", "also": "\xe4"}},
        {"req_headers": {"Cookie": "own=\u65e5"}},
        {"req_headers": {"X-Text": "\u65e5"}},
    ],
)
def test_17_11_cookies_come_back_byte_by_byte(server: Server, options: dict[str, Any]) -> None:
    """Contract 17.11: bytes beyond ASCII go back as they came, whatever else is sent beside them."""
    server.respond("/", "ok", headers=[("Set-Cookie", b"a=\xe6\x98\xa5".decode("latin-1")), ("Set-Cookie", "b=\xe4")])
    with Session(server.url) as session:
        get(session, "/")
        get(session, "/", **options)
    sent = (server.requests[1].header("Cookie") or "").encode("latin-1")

    assert sent.endswith(b"a=\xe6\x98\xa5; b=\xe4")
    assert ("cookies" not in options) or b"own=\xe6\x97\xa5" in sent


def test_17_14_a_store_may_serve_several_sessions(server: Server) -> None:
    """Contract 17.14: sessions that are given one CookieStore share their cookies."""
    server.respond("/", "ok", headers={"Set-Cookie": "a=1"})
    store = CookieStore()
    with Session(server.url, cookies=store) as one, Session(server.url, cookies=store) as two:
        get(one, "/")
        get(two, "/")
        assert one.cookies is two.cookies is store

    assert "a=1" == server.requests[1].header("Cookie")


@pytest.mark.parametrize(
    ("policy", "sent"), [(None, "named=1; nameless"), (DefaultCookiePolicy(allowed_domains=[]), None)]
)
def test_17_15_a_cookiejar_has_its_own_rules(server: Server, policy: Any, sent: str | None) -> None:
    """Contract 17.15: a CookieJar that a session is given has its own policy and its own reading."""
    server.respond("/", "ok", headers=[("Set-Cookie", "named=1"), ("Set-Cookie", "nameless")])
    jar = CookieJar(policy)
    with Session(server.url, cookies=jar) as session:
        for _ in range(2):
            get(session, "/")
        assert session.cookies is jar

    assert sent == server.requests[1].header("Cookie")
